r"""Answers reduced to keys that can be compared exactly, without a computer algebra system.

docs/answers.md states every convention. Readings are tried in order, from those that are sure of what they see: forms
of their own (times, ratios, bases, options), numbers, matrices, lists and sets, brackets, unions, relations, words.
What is none of these is a text: an expression, most often, that a `compare` of two has to evaluate.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from ttcli.answers.forms import form
from ttcli.answers.intervals import REALS
from ttcli.answers.key import Canonical
from ttcli.answers.numerals import number
from ttcli.answers.relation import unnamed
from ttcli.answers.spelling import spelled
from ttcli.answers.split import inside, members
from ttcli.answers.structure import structure
from ttcli.answers.units import measured
from ttcli.answers.wording import phrase, trimmed, unwrapped

__all__ = ["MAX_LENGTH", "Canonical", "canonical", "is_number", "latex_of"]

MAX_LENGTH = 1000  # characters; what is longer is compared as a text
_MAX_DEPTH = 6  # brackets within brackets
_MAX_COMMANDS = 250  # in one answer, and as many brackets

_EMPTY = Canonical("group", frozenset())
_NO_SOLUTION = frozenset({"\\emptyset", "\\{\\}", "\\{ \\}", "\\{\\emptyset\\}"})
_REALS = frozenset({"\\mathbb{R}", "\\mathbb R"})
_SHORT_WORDS = frozenset({"yes", "no"})  # others of up to three letters may be products or names of points
_CAPITALISED = re.compile(r"[A-Z][a-z]{2}")  # Red is a word, where ABC and abc may be products
_NEEDLESS_SPACE = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=[A-Za-z]) (?=\d)|(?<=\d) (?=[A-Za-z])")
_SINGLE = re.compile(r"([_^])\{ ?(\w) ?\}")


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
    if len(answer) > MAX_LENGTH:
        return answer
    key = canonical(answer)
    if isinstance(key.value, Fraction):
        value = key.value
        return str(value) if value.denominator == 1 else f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    return measured(trimmed(spelled(answer)))


@lru_cache(maxsize=4096)
def _canonical(answer: str) -> Canonical:
    latex = trimmed(spelled(answer))
    if max(latex.count("\\"), latex.count("{"), latex.count("(")) > _MAX_COMMANDS:
        return Canonical("text", latex)
    return _read(latex, 0)


def _read(latex: str, depth: int) -> Canonical:
    """The key of an answer or of a part of one, in the spelling of `spelled`."""
    plain = _bare(unwrapped(latex))
    if special := form(plain):
        return Canonical(*special)
    bare = unnamed(_bare(unwrapped(measured(latex))))
    if (value := number(bare)) is not None:
        return Canonical("number", value)
    if bare in _NO_SOLUTION:
        return _EMPTY
    if bare in _REALS:
        return REALS
    if depth < _MAX_DEPTH:
        key = structure(unwrapped(latex), bare, lambda part: _read(part, depth + 1))
        if key is not None:
            return key
    return _worded(plain) or Canonical("text", _SINGLE.sub(r"\1\2", _NEEDLESS_SPACE.sub("", bare)))


def _bare(plain: str) -> str:
    """Without braces around the whole, which only group."""
    while plain.startswith("{") and (whole := inside(plain, "{", ("}",))):
        listed = members(whole[0])
        if listed and len(listed.parts) > 1:
            return "\\{" + whole[0] + "\\}"
        plain = unwrapped(whole[0])
    return plain


def _worded(plain: str) -> Canonical | None:
    words = phrase(plain)
    if words == "no solution":
        return _EMPTY
    if words == "all real numbers":
        return REALS
    if words and (words in _SHORT_WORDS or max(map(len, words.split())) >= 4):
        return Canonical("words", words)
    return Canonical("text", plain.lower()) if _CAPITALISED.fullmatch(plain) else None
