r"""Answers reduced to keys that can be compared exactly, without a computer algebra system.

What the key says, and so what counts as the same answer without further thought:

* Numbers are exact: `0.5`, `\frac{1}{2}`, `1/2`, `.50` and `5e-1` are one number; `0.333` and `\frac{1}{3}` are two.
* What graders of MATH ignore is ignored: `x =` in front, `$`, units and nouns behind a number (`5\text{ cm}`,
  `12 apples`, `90^\circ`). `50\%` is 50, as the references of MATH have it, and not 0.5. `2 million` is 2000000.
* `1,234` is one number. `1,2` and `1, 234` are lists, and within brackets a comma always separates, so `(1,234)` is a
  pair. `10{,}080` and `10,\!080` are one number everywhere.
* A list without brackets is a set, as "enter all solutions" has it: `3, 5`, `5 \text{ and } 3`, `\{3,5\}`. A set of one
  is its member.
* `(1,2)` may be a point or an open interval, and is never `[1,2]`, `(2,1)` or `\{1,2\}`.
* Words of a language are compared without regard to case.
* Everything else is a text, compared after white space and the many spellings of LaTeX are made alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from ttcli.answers.units import are_units, scale_of

MAX_LENGTH = 1000  # characters; what is longer is compared as a text
_MAX_EXPONENT = 400  # of ten; numbers beyond are compared as texts
_MAX_DEPTH = 3  # brackets within brackets

_TEXT = r"\\(?:text|mbox|mathrm|textrm|textnormal|textbf|textit|mathbf|mathit|mathsf|operatorname)\s*"
_SPELLINGS = (
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])"), ""),
    (re.compile(r"(?<=\d)(?:,\s*\\!\s*|\{,\}|\\,)(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<!\\)\\(?:[,;:> ]|(?:quad|qquad|displaystyle)(?![A-Za-z]))|~"), " "),
    (re.compile(r"(?<!\\)\\[!()\[\]$]|[$£€¥]"), ""),
    (re.compile(r"[−–]"), "-"),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\frac\s*(?:(\d)|\{([^{}]*)\})\s*(?:(\d)|\{([^{}]*)\})"), r"\\frac{\1\2}{\3\4}"),
)
_TEXT_UNIT = re.compile(_TEXT + r"\{([A-Za-z ./²³-]*)\}\s*(?:\^\s*(?:\{[23]\}|[23]))?$")
_MEASURED = re.compile(r"\d|\\pi|\\sqrt")
_WRAPPED_TEXT = re.compile(_TEXT + r"\{([^{}]*)\}")

_DIGITS = r"(?:(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
_EXPONENT = r"[+-]?\d{1,9}"
_TIMES_TEN = r"(?:\\times|\\cdot|×|\*) ?10 ?\^ ?"
_DECIMAL = re.compile(
    rf"([+-]?) ?({_DIGITS})(?:[eE]({_EXPONENT})| ?{_TIMES_TEN}(?:\{{ ?({_EXPONENT}) ?\}}|({_EXPONENT})))?", re.ASCII
)
_FRACTION = re.compile(
    rf"([+-]?) ?(?:(\d+) ?(?=\\)|(\d+) (?=\d))?"
    rf"(?:\\frac\{{ ?([+-]? ?{_DIGITS}) ?\}}\{{ ?([+-]? ?{_DIGITS}) ?\}}|({_DIGITS}) ?/ ?({_DIGITS}))",
    re.ASCII,
)
_INFINITY = re.compile(r"([+-]?) ?(?:\\infty|\\infinity|infinity|∞)")
_MARK = re.compile(r" ?(?:\\?%|(?:\^ ?(?:\\circ|\{ ?\\circ ?\})|°|\\degree)(?: ?[CF])?)$")
_NOUN = re.compile(r"(.*[\d.}]) ?((?<=[ }])[A-Za-z][A-Za-z /-]*|(?<=\d)[A-Za-z]+)(?:\^(?:\{[23]\}|[23])|[²³])?")
_NAME = re.compile(r"\\?[A-Za-z]+(?:_(?:\w|\{\w+\}))?(?: ?\([\w, ]*\))?(?: [A-Za-z]+){0,4} ?(?:=|\\in(?![A-Za-z])) ?")

_TOKEN = re.compile(r"(?P<open>\\\{|[({\[])|(?P<close>\\\}|[)}\]])|,|;|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])")
_WORDS = re.compile(r"[A-Za-z]+(?:[ '-][A-Za-z]+)*")
_CHOICE = re.compile(r"\( ?([A-Z]) ?\)")
_NEEDLESS_SPACE = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=[A-Za-z]) (?=\d)|(?<=\d) (?=[A-Za-z])")
_SINGLE = re.compile(r"([_^])\{ ?(\w) ?\}")


class Canonical(NamedTuple):
    """A key: equal keys are equal answers."""

    kind: Literal["number", "group", "words", "text"]
    value: Hashable  # Fraction or +-inf; frozenset, or brackets with members; a string otherwise

    @property
    def exact(self) -> bool:
        """Whether an exact key that differs is another answer for certain; over a text, algebra has to decide."""
        return self.kind != "text"


def canonical(answer: str) -> Canonical:
    """The key of an answer; raises nothing, and takes bounded time and memory for any text."""
    if len(answer) > MAX_LENGTH:
        return Canonical("text", " ".join(answer.split()))
    return _canonical(answer)


def is_number(answer: str) -> bool:
    """Whether the answer is one number by itself, units and currency aside."""
    return canonical(answer).kind == "number"


def latex_of(answer: str) -> str:
    """The answer as LaTeX for a parser of mathematics: units, currency and alternative spellings resolved."""
    key = canonical(answer)
    if isinstance(key.value, Fraction):
        value = key.value
        return str(value) if value.denominator == 1 else f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    return _spelled(answer)


@lru_cache(maxsize=4096)
def _canonical(answer: str) -> Canonical:
    plain = _stripped(_WRAPPED_TEXT.sub(r" \1 ", _spelled(answer)))
    if exact := _exact(plain, 0):
        return exact
    if _WORDS.fullmatch(plain) and max(map(len, plain.split())) >= 4:
        return Canonical("words", plain.casefold())
    return Canonical("text", _SINGLE.sub(r"\1\2", _NEEDLESS_SPACE.sub("", _CHOICE.sub(r"\1", plain))))


def _spelled(answer: str) -> str:
    """The answer in one of the spellings of LaTeX, without delimiters, currency and a unit in a text command."""
    latex = answer
    for pattern, spelling in _SPELLINGS:
        latex = pattern.sub(spelling, latex)
    latex = _stripped(latex)
    unit = _TEXT_UNIT.search(latex)
    if unit and are_units(unit.group(1), marked=True):
        measured = latex[: unit.start()].rstrip()
        if _MEASURED.search(measured) and measured[-1] not in "_^{(=+-*/,":
            return measured
    return latex


def _stripped(text: str) -> str:
    return " ".join(text.split()).rstrip(". ")


def _exact(plain: str, depth: int) -> Canonical | None:
    """The key of a number or of a group of numbers."""
    name = _NAME.match(plain)
    unnamed = plain[name.end() :] if name else plain
    value = _number(unnamed)
    if value is not None:
        return Canonical("number", value)
    return None if depth >= _MAX_DEPTH else _bracketed(unnamed, depth) or _listed(plain, depth)


def _number(plain: str) -> Fraction | float | None:
    if infinity := _INFINITY.fullmatch(plain):
        return -math.inf if infinity.group(1) == "-" else math.inf
    value = _value(_MARK.sub("", plain))
    if value is None and (noun := _NOUN.fullmatch(plain)):
        factor, words = scale_of(noun.group(2))
        value = _value(noun.group(1)) if are_units(words) or (factor > 1 and not words) else None
        return None if value is None else value * factor
    return value


def _value(plain: str) -> Fraction | None:
    """The value of a decimal number, a fraction or a mixed number."""
    if decimal := _DECIMAL.fullmatch(plain):
        sign, digits, *exponents = decimal.groups()
        exponent = int(next(filter(None, exponents), "0"))
        if abs(exponent) > _MAX_EXPONENT:
            return None
        value = Fraction(digits.replace(",", "")) * Fraction(10) ** exponent
        return -value if sign == "-" else value
    return _fraction(plain)


def _fraction(plain: str) -> Fraction | None:
    if not (match := _FRACTION.fullmatch(plain)):
        return None
    sign, *parts = match.groups()
    whole, (numerator, denominator) = parts[0] or parts[1], filter(None, parts[2:])
    top, bottom = _value(numerator), _value(denominator)
    if top is None or not bottom:
        return None
    value = top / bottom
    if whole is not None:
        if not 0 <= value < 1:  # a product rather than a mixed number
            return None
        value += int(whole)
    return -value if sign == "-" else value


def _bracketed(plain: str, depth: int) -> Canonical | None:
    """The key of a set, tuple or interval whose members are all exact."""
    for left, rights in (("\\{", ("\\}",)), ("(", (")", "]")), ("[", ("]", ")"))):
        right = next(filter(plain.endswith, rights), "")
        if plain.startswith(left) and right and (inside := _members(plain[len(left) : -len(right)])) is not None:
            return _joined(left, right, inside, depth)
    return None


def _listed(plain: str, depth: int) -> Canonical | None:
    """The key of a list without brackets: that of a set."""
    members = _members(plain)
    return _joined("\\{", "\\}", members, depth) if members and len(members) > 1 else None


def _members(text: str) -> list[str] | None:
    """The text between separators that stand in no bracket; None where the brackets do not match."""
    parts, depth, start = [], 0, 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth < 0:
            return None
        if depth == 0 and token.lastgroup is None:
            parts.append(text[start : token.start()].strip())
            start = token.end()
    return [part for part in (*parts, text[start:].strip()) if part] if depth == 0 else None


def _joined(left: str, right: str, members: list[str], depth: int) -> Canonical | None:
    keys = [key for member in members if (key := _exact(member, depth + 1))]
    if len(keys) < len(members):
        return None
    if left == "\\{":
        if len({name.group().replace(" ", "") for member in members if (name := _NAME.match(member))}) > 1:
            return None  # in x = 1, y = 2 it matters which is which
        distinct = frozenset(keys)
        return keys[0] if len(distinct) == 1 else Canonical("group", distinct)
    if len(keys) == 1:
        return keys[0] if (left, right) == ("(", ")") else None
    return Canonical("group", (left, right, *keys)) if keys else None
