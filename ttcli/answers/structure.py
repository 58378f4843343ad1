"""Answers with parts: lists, sets, tuples, intervals and their unions, matrices, and what `\\pm` stands for."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from itertools import pairwise

from ttcli.answers.intervals import REALS, is_interval, union
from ttcli.answers.key import Canonical, Read
from ttcli.answers.relation import inequalities, named, relation, tuple_of_named, unnamed
from ttcli.answers.split import UNION, Split, inside, members, split

_MATRIX = re.compile(
    r"[(\[]? ?\\begin\{(?:[pbB]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(.*?)\\end\{[a-zB]+\} ?[)\]]?", re.DOTALL
)
_BUILDER = re.compile(
    r"(?:\(? ?[A-Za-z]\)?|[A-Za-z]_?\w) ?(?:\\in ?\\mathbb ?\{? ?R ?\}? ?)?(?:\||:|\\colon) ?(.*)", re.DOTALL
)
_OUTWARD = re.compile(r"\](.*),(.*)\[")


def structure(text: str, plain: str, key: Read) -> Canonical | None:
    """The key of an answer in parts; `plain` is the text without a unit at its end, `key` reads a part."""
    if matrix := _MATRIX.fullmatch(plain):
        return _matrix(matrix.group(1), key)
    listed = members(text)
    if listed and len(listed.parts) > 1:
        return inequalities(listed, key) or tuple_of_named(listed, key) or _list(listed, key)
    return _bracketed(plain, key) or _united(plain, key) or relation(plain, key) or _both_signs(plain, key)


def _matrix(body: str, key: Read) -> Canonical | None:
    rows = [
        [key(cell.strip()) for cell in row.split("&")]
        for row in re.split(r"\\\\(?:\[[^\]]*\])?", body.strip().removesuffix("\\\\"))
    ]
    if len({len(row) for row in rows}) != 1:
        return None
    if len(rows[0]) == 1:
        return Canonical("group", ("(", ")", *(row[0] for row in rows)))
    return Canonical("group", ("[", "]", *(Canonical("group", ("[", "]", *row)) for row in rows)))


def _bracketed(plain: str, key: Read) -> Canonical | None:
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


def _list(listed: Split, key: Read) -> Canonical | None:
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


def _signed(part: str, key: Read) -> list[Canonical]:
    both = _both_signs(part, key)
    if both and isinstance(both.value, frozenset):
        return [member for member in both.value if isinstance(member, Canonical)]
    return [key(part)]


def _both_signs(plain: str, key: Read) -> Canonical | None:
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


def _united(plain: str, key: Read) -> Canonical | None:
    r"""The key of a union of intervals or of sets, and of `\mathbb{R} \setminus \{2\}`."""
    parts = split(plain, UNION)
    if parts is None or not parts.separators:
        return None
    keys = [key(part) for part in parts.parts]
    if "\\setminus" in parts.separators:
        return _without(*keys) if len(keys) == 2 else None
    sets = [k.value for k in keys if isinstance(k.value, frozenset) and k.kind == "group"]
    if len(sets) == len(keys):
        return _set([member for members_ in sets for member in members_])
    return union(keys) if all(is_interval(k) for k in keys) else Canonical("union", frozenset(keys))
