"""What a problem asks for: a number, one of its lettered options, a few words, code, or a text of some length."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from ttcli.answers.normal import canonical
from ttcli.answers.pattern import phrases

Kind = Literal["number", "choice", "text", "code", "prose"]

_OPTION_LINE = re.compile(r"^[ \t]*(?:[-*][ \t]+)?\**\(?([A-Z])[).:]\**[ \t]+(\S.*)$", re.MULTILINE)
_MARKED = r"(?:\\(?:textbf|mathrm|text)\{)?\(([A-J])\)"
_OPTION_INLINE = re.compile(
    rf"{_MARKED}(?:[\s~\\]*\}})?[\s~\\]*([^\n]*?)(?=[\s$~\\]*{_MARKED.replace('([A-J])', '[A-J]')}|\n|$)"
)
_FIND = "find the (?:value|number|sum|product|area|volume|length|probability|remainder|smallest|largest|least|greatest)"
_MATHEMATICS = re.compile(
    r"\$|\\[A-Za-z]+|\d\s*[-+*/^=×÷]\s*\d|\d.*\d|\b"
    + phrases(
        """how (?:many|much|far|old|long|tall|fast), calculate, compute, evaluate, simplify, solve, factor, percent,
        percentage, probability, remainder, sum of, product of, average, equation, integer, prove, """
        + _FIND
    )
    + r"\b",
    re.IGNORECASE | re.DOTALL,
)
_ASKED = r"(?:please,? |(?:can|could|would) you (?:please )?|help me (?:to )?|i need you to )?"
_MAKE = rf"{_ASKED}(?:write|implement|create|code|complete|fix|debug|refactor|generate|build|give me|show me)\b"
_LANGUAGE = (
    r"(?:\b(?:python|javascript|typescript|java|rust|golang|sql|bash|shell|ruby|php|haskell|kotlin|swift|perl|lua|html|css)"
    r"\b|\bc\+\+|\bc\#|\bin (?:c|go|r)\b)"
)
_PROGRAM = re.compile(
    rf"(?:^|[.!?:\n])\s*{_MAKE}[^.?!\n]{{0,80}}?\b(?:"
    + phrases("programs?, scripts?, code, snippets?, regex, regular expression, quer(?:y|ies), one-liner, unit tests?")
    + rf"\b|(?:function|method|class)\b(?=[^\n]{{0,200}}?(?:{_LANGUAGE}|`|\w\(|\b(?:returns?|takes|called|named)\b)))"
    rf"|(?:^|[.!?:\n])\s*{_MAKE}[^.?!\n]{{0,40}}?{_LANGUAGE}",
    re.IGNORECASE,
)
_WRITING = re.compile(
    rf"\s*{_ASKED}(?:(?:write|compose|draft|create|generate|give me|tell me|make up)\b[^.?!\n]{{0,60}}?\b"
    + phrases(
        """poems?, haikus?, limericks?, story, stories, tale, essay, letter, e-?mail, paragraphs?, sentences?, song,
        lyrics, speech, summary, article, blog post, tweet, dialogue, jokes?, slogans?, reviews?, description, report,
        outline, captions?, headlines?, biography, recipe, message, advertisement"""
    )
    + r"\b|(?:explain|describe|summari[sz]e|paraphrase|rewrite|rephrase|proofread|discuss|brainstorm)\b)",
    re.IGNORECASE,
)
_PROOF = re.compile(rf"\s*{_ASKED}(?:(?:dis)?prove\b|show that\b|give (?:me )?(?:a|the) proof\b)", re.IGNORECASE)
_FORMULA = re.compile(r"\$|\\[A-Za-z]+")
_DOZENS = re.compile(r"\bhow many dozens?\b|\bin dozens\b", re.IGNORECASE)
_DOZEN = re.compile(r"\s*dozens?(?:\s+[a-z]+)?\s*$")
_LETTER = re.compile(r"(?<![A-Za-z'’])\(?([A-Z])\)?(?![A-Za-z'’])")
_ALONE = re.compile(r"[^\w\n(]*\(?([A-Z])(?:[).:]+(?:\s.*)?|\W*)")
_REPEATED = re.compile(r"\(?([A-Z])[).:]+\s*(.*)")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as far as the words of a problem tell."""

    text: str
    kind: Kind
    options: Mapping[str, str] = field(default_factory=dict)  # letter -> text
    dozens: bool = False  # it asks for a number of dozens

    @classmethod
    def of(cls, text: str) -> Question:
        """Read a problem's text."""
        return _question(text)

    def option(self, stated: str | None, text: str) -> str | None:
        """The letter of the option that was stated, or else named alone in the last line; what was stated otherwise."""
        if stated is None:
            return self._named(text)
        key = canonical(stated)
        if key.kind == "choice" and key.value in self.options:
            return str(key.value)
        letters = [letter for letter, option in self.options.items() if canonical(option) == key]
        if len(letters) == 1:
            return letters[0]
        repeated = _REPEATED.fullmatch(stated)
        letter = repeated[1] if repeated else ""
        if repeated and letter in self.options and canonical(self.options[letter]) == canonical(repeated[2]):
            return letter
        small = str(stated).strip("() .").upper()
        return small if small in self.options else stated

    def _named(self, text: str) -> str | None:
        line = text.strip().rpartition("\n")[2].strip("* ")
        if (alone := _ALONE.fullmatch(line)) and alone.group(1) in self.options:
            return alone.group(1)
        letters = {letter for letter in _LETTER.findall(line) if letter in self.options} - {"A", "I"}
        bracketed = set(re.findall(r"\(([A-Z])\)", line)) & self.options.keys()
        named = bracketed or letters
        if len(named) == 1 and len(line) < 200:
            return str(named.pop())
        key = canonical(line)
        same = [letter for letter, option in self.options.items() if canonical(option) == key]
        return same[0] if len(same) == 1 else None

    def read(self, answer: str) -> str:
        """An answer as this question understands it: an option by its letter, a number of dozens without the word."""
        if self.options:
            return self.option(answer, "") or answer
        return self.in_its_unit(answer)

    def in_its_unit(self, stated: str) -> str:
        """The answer without "dozen" where dozens are asked for: 7 dozen are 7 there, and 84 elsewhere."""
        if self.dozens and (unit := _DOZEN.search(stated)) and unit.start():
            return stated[: unit.start()]
        return stated


@lru_cache(maxsize=256)
def _question(text: str) -> Question:
    options = _options(text)
    return Question(text, _kind(text, options), options, bool(_DOZENS.search(text)))


def _kind(text: str, options: Mapping[str, str]) -> Kind:
    if options:
        return "choice"
    if _PROOF.match(text):
        return "prose"
    if not _FORMULA.search(text):
        if _PROGRAM.search(text):
            return "code"
        if _WRITING.match(text):
            return "prose"
    return "number" if _MATHEMATICS.search(text) else "text"


def _options(text: str) -> dict[str, str]:
    """Lettered options, where there are at least two and they begin with A; of several lists in lines the last."""
    for pattern in (_OPTION_LINE, _OPTION_INLINE):
        lists: list[dict[str, str]] = [{}]
        for letter, option in pattern.findall(text):
            if letter == "A" and pattern is _OPTION_LINE:
                lists.append({})
            if ord(letter) == ord("A") + len(lists[-1]):
                lists[-1][letter] = option.strip(" $\\~.;,")
        if options := next((each for each in reversed(lists) if len(each) >= 2), None):
            return options
    return {}
