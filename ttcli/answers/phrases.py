r"""Answers in words: "the answer is x" (Minerva's prompt, Lewkowycz et al., 2022), a heading "Final Answer", `#### x`.

Behind the phrase comes one sentence; of it the answer is what stands before a clause that explains it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from ttcli.answers.boxes import BOX
from ttcli.answers.normal import is_number
from ttcli.answers.pattern import either, phrases
from ttcli.answers.statement import Statement, bare, is_denied, is_value

_MAX_SENTENCE = 1000  # characters looked at after "the answer is"
_MAX_SENTENCES = 100  # such sentences looked at, the last ones

_VERB = phrases("is, was, are, would be, will be, should be, must be, equals, comes out to(?: be)?, comes to")
_COLON = r"\s?[:：]"
_ENGLISH = either(
    rf"(?:answers?|final (?:result|value))(?:\s+(?:to (?:the|this) (?:question|problem) )?{_VERB}(?![A-Za-z])"
    r"|\W{0,4}[:：=]|\s+[-–—]\s)",
    rf"(?:correct|right|best) (?:option|choice|statement|alternative)(?:\s+{_VERB}(?![A-Za-z])|{_COLON})",
)
_EUROPEAN = either(
    *(
        rf"{noun}(?:\s+(?:{verb})(?![^\W\d_])|{_COLON})"
        for noun, verb in {
            r"(?:respuesta|solución)(?: correcta| final)?": "es",
            r"réponse(?: finale| correcte)?": "est",
            "antwort": "ist|lautet",
            r"risposta(?: finale| corretta)?": "è",
            r"resposta(?: final| correta)?": "é",
            "antwoord": "is",
            "odpowiedź": "to",
            "ответ": "—|-",
        }.items()
    )
)
_ASIAN = r"(?:答案|答え)(?:\s?(?:是|为|為|は|：|:)\s?[:：]?)|(?:정답|답)(?:은|:|：)"
_PHRASE = re.compile(rf"(?<![^\W\d_])(?:{_ENGLISH}|{_EUROPEAN})|{_ASIAN}", re.IGNORECASE)
_CHECKED = re.compile(r"(?:check|verify|confirm|test|if|whether|suppose|assum)[a-z]*\s(?:\w+\s){0,3}$", re.IGNORECASE)
_HEADING = re.compile(
    r"^[^\w\n]*(?:\d{1,2}[.)]\s*)?(?:the |your )?(?:final )?answer[\s*:_]*$", re.MULTILINE | re.IGNORECASE
)
_REVERSED = re.compile(
    r"(?:(?:option|choice|answer)\s+)?(?P<choice>\(?(?<![A-Za-z'’])[A-J](?![A-Za-z'’])\)?)\s+is\s+(?:the\s+)?"
    r"(?:correct|right|best)\b"
    r"|(?<![\w.,])(?P<value>\$?-?\d[\d,]*(?:\.\d+)?(?:/\d+)?\$?)\s+is\s+the\s+(?:final |correct |right )?answer\b"
)
_SENTENCE_END = re.compile(r"[.!](\$|\\\))?(?=\s|$)|\n|[。！]|\?(?=\s|$)")
_DISPLAY = {"$$": "$$", "\\[": "\\]"}
_BOLD = re.compile(r"(?<![\w)\]}])\*\*|\*\*(?![\w(\\{-])")
_ENUMERATED = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+\S")
_HASHES = re.compile(r"(?<!#)####(?!#)(.*)$", re.MULTILINE)
_QUOTED = re.compile(r"[\s>]*")
_SAYS_ANSWER = re.compile(r"\banswer\b", re.IGNORECASE)

_LEAD = re.compile(
    "(?:"
    + phrases(
        """therefore, thus, so, hence, then, simply, just, only, exactly, indeed, clearly, obviously, now, still,
        option, choice, letter, equal to, again"""
    )
    + r"(?![A-Za-z])[,:]?\s*)+",
    re.IGNORECASE,
)
_WHY = phrases(  # a clause begins, with a comma before it or without
    """because, since, which, as shown, as required, as we, as expected, as the, as it, as per, so the, so that, so we,
    so she, so he, so it, so they, given that, assuming, according to, based on, after rounding, after all, after
    adding, after subtracting, when rounded, when the, when we, when you, when she, when he, when it, if the, if we,
    if you, if she, if he, if it, in total, altogether, overall"""
)
_BEHIND_COMMA = phrases(
    """in, so, as, not, and this, and that, and it, and so, and we, and the, and she, and he, but, who, while, where,
    that, this, it, he, she, they, we, therefore, thus, hence, making, meaning, rounded, with, for, per, total,
    assuming, whereas, which, is"""
)
_ASIDE = r"\s\((?=[A-Za-z]{2,}|≈|=)(?!\w+\)$)"
_CLAUSE = re.compile(rf"\s*(?:;|\s[—–]\s|{_ASIDE}|,?\s{_WHY}(?![A-Za-z])|,\s(?={_BEHIND_COMMA}\b))[\s\S]*")
_REPORTED = re.compile(r"(?:that|he|she|they|it|there|we|you)\s", re.IGNORECASE)
_FIGURE = re.compile(r"(?<![\w.])-?\$?\d[\d,]*(?:\.\d+)?%?(?![\w])(?:\s(?!and|or|to)[a-z]+)?")


def said(text: str) -> Iterator[Statement]:
    """What follows "the answer is" and the like, and what is said to be the answer."""
    for phrase in deque(_PHRASE.finditer(text), maxlen=_MAX_SENTENCES):
        if _CHECKED.search(text, max(0, phrase.start() - 40), phrase.start()):
            continue  # "let us check our answer: 3 + 4 = 7"
        yield from _stated(phrase.end(), _after(text, phrase.end()))
    for phrase in deque(_REVERSED.finditer(text), maxlen=_MAX_SENTENCES):
        yield from _stated(phrase.end(), phrase.group("choice") or phrase.group("value"))


def headed(text: str) -> Iterator[Statement]:
    """The line under a heading "Answer" or "Final Answer"."""
    for heading in deque(_HEADING.finditer(text), maxlen=_MAX_SENTENCES):
        yield from _stated(heading.end(), _line_below(text[heading.end() :][:_MAX_SENTENCE]))


def hashed(text: str) -> Iterator[Statement]:
    """What stands behind `####`, as in GSM8K (Cobbe et al., 2021), in a line of its own or at the end of one.

    Markdown's headings look like that too: what is no number counts only at the very end of the text.
    """
    end = len(text.rstrip())
    for line in deque(_HASHES.finditer(text), maxlen=_MAX_SENTENCES):
        answer = bare(line.group(1)[:_MAX_SENTENCE])
        before = text[text.rfind("\n", max(0, line.start() - 200), line.start()) + 1 : line.start()]
        closes = line.end() >= end and _QUOTED.fullmatch(before)
        if answer and not _SAYS_ANSWER.search(answer) and (closes or is_number(answer)):
            yield Statement(line.end(), answer)


def _stated(end: int, said: str | None) -> Iterator[Statement]:
    if said and not BOX.search(said) and (answer := bare(clause(said))) and not is_denied(answer):
        yield Statement(end, answer, sure=is_value(answer))


def _after(text: str, start: int) -> str | None:
    """What a phrase that ends at `start` introduces: a sentence, a formula on display, or a value on the next line."""
    rest = _BOLD.sub("", text[start : start + _MAX_SENTENCE]).lstrip(" \t:：*_")
    below = rest.lstrip()
    end = below.find(_DISPLAY.get(below[:2], "\n"), 2)
    if below[:2] in _DISPLAY and end >= 0:
        return below[2:end]
    return _first_sentence(rest) if below == rest else _line_below(below)


def _line_below(text: str) -> str | None:
    """The next line that is not empty, where it is a value and not the first of a list of steps."""
    text = text.lstrip()
    end = text.find(_DISPLAY.get(text[:2], "\n"), 2)
    if text[:2] in _DISPLAY and end >= 0:
        return text[2:end]
    line = text.partition("\n")[0]
    answer = bare(line)
    return answer if answer and not _ENUMERATED.match(line) and is_value(answer) else None


def _first_sentence(text: str) -> str | None:
    end = _SENTENCE_END.search(text)
    if end is None:
        return text
    return None if end.group() == "?" else text[: end.start()] + (end.group(1) or "")


def clause(sentence: str) -> str:
    """The answer in a sentence: without words that lead to it and without a clause that explains it."""
    sentence = sentence.strip()
    if (lead := _LEAD.match(sentence)) and lead.end() < len(sentence):
        sentence = sentence[lead.end() :]
    if (rest := _CLAUSE.search(sentence)) and rest.start() > 0:
        sentence = sentence[: rest.start()]
    sentence = re.sub(r"(?:です|でした|입니다|이다|。)+$", "", sentence).rstrip(" ,;:")
    if _REPORTED.match(sentence):
        figures = _FIGURE.findall(sentence)
        return figures[0] if len(figures) == 1 else sentence
    return sentence
