r"""Answers reduced to keys that can be compared exactly, without a computer algebra system.

docs/answers.md states every convention. Readings are tried in order, from those that are sure of what they see: forms of
their own (times, ratios, bases, options), numbers, matrices, lists and sets, brackets, unions, relations, words. What is
none of these is a text: an expression, most often, that a `compare` of two has to evaluate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from ttcli.answers.forms import form
from ttcli.answers.intervals import REALS, is_interval, union
from ttcli.answers.key import Canonical
from ttcli.answers.numerals import number
from ttcli.answers.relation import inequalities, named, relation, tuple_of_named, unnamed
from ttcli.answers.spelling import spelled
from ttcli.answers.split import UNION, Split, inside, members, split
from ttcli.answers.units import measured
from ttcli.answers.wording import phrase, trimmed, unwrapped

__all__ = ["MAX_LENGTH", "Canonical", "canonical", "is_number", "latex_of"]

MAX_LENGTH = 1000  # characters; what is longer is compared as a text
_MAX_DEPTH = 6  # brackets within brackets
_MAX_COMMANDS = 250  # in one answer, and as many brackets

_EMPTY = Canonical("group", frozenset())
_NO_SOLUTION = frozenset({"\\emptyset", "\\{\\}", "\\{ \\}", "\\{\\emptyset\\}"})
_MATRIX = re.compile(
    r"[(\[]? ?\\begin\{(?:[pbB]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(.*?)\\end\{[a-zB]+\} ?[)\]]?", re.DOTALL
)
_BUILDER = re.compile(
    r"(?:\(? ?[A-Za-z]\)?|[A-Za-z]_?\w) ?(?:\\in ?\\mathbb ?\{? ?R ?\}? ?)?(?:\||:|\\colon) ?(.*)", re.DOTALL
)
_OUTWARD = re.compile(r"\](.*),(.*)\[")
_NEEDLESS_SPACE = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=[A-Za-z]) (?=\d)|(?<=\d) (?=[A-Za-z])")
_SINGLE = re.compile(r"([_^])\{ ?(\w) ?\}")
_DOTS = ("\\ldots", "\\ldots ")


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
    if bare.replace("\\ ", " ") in _NO_SOLUTION:
        return _EMPTY
    if bare in {"\\mathbb{R}", "\\mathbb R"}:
        return REALS
    if depth < _MAX_DEPTH and (structure := _structure(latex, bare, depth)):
        return structure
    return _worded(plain) or Canonical("text", _SINGLE.sub(r"\1\2", _NEEDLESS_SPACE.sub("", bare)))


def _bare(plain: str) -> str:
    """Without braces around the whole, which only group."""
    while plain.startswith("{") and (whole := inside(plain, "{", ("}",))):
        listed = members(whole[0])
        if listed and len(listed.parts) > 1:
            return "\\{" + whole[0] + "\\}"
        plain = whole[0].strip()
    return plain


def _worded(plain: str) -> Canonical | None:
    words = phrase(plain)
    if words == "no solution":
        return _EMPTY
    if words == "all real numbers":
        return REALS
    return Canonical("words", words) if words and max(map(len, words.split())) >= 4 else None


def _structure(latex: str, plain: str, depth: int) -> Canonical | None:
    """The key of a matrix, list, set, tuple, interval, union or relation."""

    def key(part: str) -> Canonical:
        return _read(part, depth + 1)

    if matrix := _MATRIX.fullmatch(plain):
        return _matrix(matrix.group(1), key)
    listed = members(unwrapped(latex))
    if listed and len(listed.parts) > 1:
        return inequalities(listed, key) or tuple_of_named(listed, key) or _list(listed, key)
    return _bracketed(plain, key) or _united(plain, key) or relation(_condition(plain), key) or _both_signs(plain, key)


def _condition(plain: str) -> str:
    return plain


def _matrix(body: str, key) -> Canonical | None:
    rows = [
        [key(cell.strip()) for cell in row.split("&")]
        for row in re.split(r"\\\\(?:\[[^\]]*\])?", body.strip().removesuffix("\\\\"))
    ]
    if len({len(row) for row in rows}) != 1:
        return None
    if len(rows[0]) == 1:
        return Canonical("group", ("(", ")", *(row[0] for row in rows)))
    return Canonical("group", ("[", "]", *(Canonical("group", ("[", "]", *row)) for row in rows)))


def _bracketed(plain: str, key) -> Canonical | None:
    """The key of a set, a tuple or an interval."""
    if outward := _OUTWARD.fullmatch(plain):
        plain = f"({outward.group(1)},{outward.group(2)})"
    for left, rights in (("\\{", ("\\}",)), ("(", (")", "]")), ("[", ("]", ")"))):
        if not (whole := inside(plain, left, rights)):
            continue
        inner, right = whole
        if left == "\\{":
            if builder := _BUILDER.fullmatch(inner.strip()):
                return key(builder.group(1))
            listed = members(inner)
            return _set([member for part in listed.parts for member in _signed(part, key)]) if listed else None
        listed = members(inner)
        if not listed or not listed.parts:
            return None
        if "\\pm" in inner and len(listed.parts) > 1:
            return _both_signs(plain, key)
        if len(listed.parts) == 1:
            return key(listed.parts[0]) if (left, right) == ("(", ")") else None
        return Canonical("group", (left, right, *map(key, listed.parts)))
    return None


def _list(listed: Split, key) -> Canonical | None:
    """A list without brackets: a set, unless dots stand for members of it."""
    pairs = [named(part) for part in listed.parts]
    names = {pair[0] for pair in pairs if pair}
    if len(names) > 1:
        return Canonical(
            "group",
            (
                "named",
                "",
                *(
                    Canonical("relation", (("=",), pair)) if pair else key(part)
                    for pair, part in zip(pairs, listed.parts, strict=True)
                ),
            ),
        )
    parts = [pair[1] if pair else part for pair, part in zip(pairs, listed.parts, strict=True)]
    if any("\\ldots" in part for part in parts):
        return Canonical("group", ("dots", "", *map(key, parts)))
    return _set([member for part in parts for member in _signed(unnamed(part), key)])


def _set(keys: list[Canonical]) -> Canonical:
    distinct = frozenset(keys)
    return next(iter(distinct)) if len(distinct) == 1 else Canonical("group", distinct)


def _signed(part: str, key) -> list[Canonical]:
    both = _both_signs(part, key)
    if both and isinstance(both.value, frozenset):
        return [member for member in both.value if isinstance(member, Canonical)]
    return [key(part)]


def _both_signs(plain: str, key) -> Canonical | None:
    r"""What holds one `\pm` (and perhaps `\mp`) is the set of two answers."""
    if plain.count("\\pm") != 1:
        return None
    pair = (("\\pm", "+"), ("\\mp", "-")), (("\\pm", "-"), ("\\mp", "+"))
    keys = []
    for signs in pair:
        signed = plain
        for sign, plain_sign in signs:
            signed = re.sub(rf"\{sign}(?![A-Za-z]) ?", plain_sign, signed)
        keys.append(key(re.sub(r"^\+", "", signed).replace("(+", "(").replace("{+", "{")))
    return _set(keys)


def _without(whole: Canonical, removed: Canonical) -> Canonical | None:
    """The real numbers without some of them, as the intervals between these."""
    points = sorted(
        k.value
        for k in (removed.value if isinstance(removed.value, frozenset) else [removed])
        if isinstance(k.value, Fraction)
    )
    if whole != REALS or not points:
        return None
    ends = [Canonical("number", end) for end in (-math.inf, *points, math.inf)]
    return union([Canonical("group", ("(", ")", low, high)) for low, high in pairwise(ends)])


def _united(plain: str, key) -> Canonical | None:
    r"""The key of a union of intervals or of sets, and of `\mathbb{R} \setminus \{2\}`."""
    parts = split(plain, UNION)
    if parts is None or not parts.separators:
        return None
    keys = [key(part) for part in parts.parts]
    if "\\setminus" in parts.separators:
        return _without(*keys) if len(keys) == 2 else None
    if all(isinstance(k.value, frozenset) and k.kind == "group" for k in keys):
        return _set([member for k in keys for member in k.value])  # type: ignore[union-attr, attr-defined]
    return union(keys) if all(is_interval(k) for k in keys) else Canonical("union", frozenset(keys))
