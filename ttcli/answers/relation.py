r"""Equations, inequalities and names in front of values: `x = 5`, `48+24=72`, `2x+4y-3=0`, `-2 \le x < 5`.

A name says nothing that counts: `x = 5`, `f(2) = 5`, `AB = 5` and `5` are one answer. A chain has the value of its
parts where all that are numbers are the same number: `m+n = 256+37 = 293` is 293, and `2+3=6` is no number. An
inequality that bounds one unknown is an interval. Every other relation stays one, and is never equal to one of its
sides.
"""

from __future__ import annotations

import re

from ttcli.answers.expression import read
from ttcli.answers.intervals import between, bounded, intersection, is_interval, union
from ttcli.answers.key import Canonical, Read
from ttcli.answers.pattern import either
from ttcli.answers.split import RELATION, Split, split
from ttcli.answers.tokens import Unreadable

_LETTER = r"(?:[A-Za-z]|\\(?!pi(?![A-Za-z])|frac|sqrt|sin|cos|tan|log|ln|exp|infty|pm|mp|cdot|times|circ)[A-Za-z]+)"
_SUFFIX = r"(?:'|_(?:\w|\{[^{}]*\}|\\[a-z]+))*"
_CALLED = r"\((?:[^()=]|\([^()=]*\))*\)"
_NAME = re.compile(
    either(
        rf"(?:\\(?:min|max|lim)(?:_\{{[^{{}}]*\}})? ?)?{_LETTER}{_SUFFIX}(?:\^\{{?-1\}}?|'*)? ?"
        rf"(?:{_CALLED})?",  # f(2), x_1
        r"m? ?\\?(?:angle|triangle) ?[A-Z]{1,3}",
        r"\|? ?(?:[A-Z]'?){2,4} ?\|?",  # a segment and its length
        r"\[ ?[A-Z]{3,6} ?\]",  # the area of a polygon
        r"\|? ?\\(?:overline|vec|hat|bar|mathbf)\{[A-Za-z]{1,2}\} ?\|?",
        r"\( ?[A-Za-z] ?(?:, ?[A-Za-z] ?)+\)",  # (x, y)
        r"\\frac ?\{ ?d[\^2]*[A-Za-z] ?\} ?\{ ?d[A-Za-z][\^2]* ?\}",
        r"\\(?:sin|cos|tan) ?(?:\\angle ?)?\(?[A-Z]{1,3}\)?",
        r"[A-Za-z][a-z]{2,}(?: [A-Za-z]+){0,5}",  # words
    )
)
_CHAINED = frozenset({"=", ":=", "\\approx"})
_FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "\\ne": "\\ne"}
_MEMBER_OF = re.compile(rf"{_LETTER}{_SUFFIX} ?\\in(?![A-Za-z]) ?(?=[(\[{{]|\\\{{|\\mathbb)")


def unnamed(plain: str) -> str:
    r"""The text without `x \in` in front."""
    match = _MEMBER_OF.match(plain)
    return plain[match.end() :] if match else plain


def is_name(part: str) -> bool:
    """Whether a side of an equation only names the other."""
    return bool(_NAME.fullmatch(part))


def named(part: str) -> tuple[str, str] | None:
    """Name and value of a part `name = value`."""
    sides = split(part, _CHAINED)
    if sides is None or len(sides.parts) != 2 or not is_name(sides.parts[0]) or not sides.parts[1]:
        return None
    return sides.parts[0].replace(" ", ""), sides.parts[1]


def relation(plain: str, key: Read) -> Canonical | None:
    """The key of an equation, a chain or an inequality; None where the text is none."""
    sides = split(plain, RELATION)
    if sides is None or not sides.separators:
        return None
    if all(operator in _CHAINED for operator in sides.separators):
        return _chain(sides, key)
    return _inequality(sides, key) or _kept(sides, key)


def _chain(sides: Split, key: Read) -> Canonical | None:
    parts = [part for part in sides.parts if part]
    if not parts:
        return None
    if len(parts) == 1:
        return key(parts[0])
    keys = [key(part) for part in parts]
    numbers = [k for k in keys if k.kind == "number"]
    if len(set(numbers)) > 1:
        return _kept(sides, key)
    if len(numbers) > 1 or (
        numbers and all(is_name(p) or k.kind == "number" for p, k in zip(parts, keys, strict=True))
    ):
        return numbers[0]
    if is_name(parts[0]) and not _occurs(parts[0], parts[1:]):
        return keys[1] if len(parts) == 2 else _kept(Split(tuple(parts[1:]), sides.separators[1:]), key)
    return _kept(sides, key)


def _occurs(name: str, parts: list[str]) -> bool:
    r"""Whether a name is also in what it would name: `x = 2x - 1` says no value of x."""
    if len(name) > 1 and not name.startswith("\\"):
        return False
    return any(re.search(rf"(?<![\\A-Za-z]){re.escape(name)}(?![A-Za-z])", part) for part in parts)


def _kept(sides: Split, key: Read) -> Canonical:
    texts = tuple(
        str(k.value) if k.kind in {"number", "text"} else part for part, k in ((p, key(p)) for p in sides.parts)
    )
    return Canonical("relation", (sides.separators, texts))


def _inequality(sides: Split, key: Read) -> Canonical | None:
    r"""The interval of `x < 5`, `5 > x`, `\ge 5` or `-2 \le x < 5`."""
    unknown = [place for place, part in enumerate(sides.parts) if not part or is_name(part)]
    bounds = [key(part) for part in sides.parts if part and not is_name(part)]
    if len(unknown) != 1 or not all(map(_fixed, bounds)) or not bounds:
        return None
    operators = sides.separators
    if len(bounds) == 1:
        operator = operators[0] if unknown[0] == 0 else _FLIPPED.get(operators[0], "")
        return union(bounded(operator, bounds[0])) if operator in _FLIPPED else None
    if len(bounds) == 2 and unknown[0] == 1:
        if set(operators) <= {">", "\\ge"}:
            bounds, operators = bounds[::-1], tuple(_FLIPPED[operator] for operator in operators[::-1])
        return between(bounds[0], operators[0], operators[1], bounds[1]) if set(operators) <= {"<", "\\le"} else None
    return None


def _fixed(key: Canonical) -> bool:
    """Whether a key is a number, although perhaps an irrational one."""
    if key.kind == "number":
        return True
    try:
        return key.kind == "text" and not read(str(key.value)).symbols
    except Unreadable:
        return False


def inequalities(parts: Split, key: Read) -> Canonical | None:
    r"""Several inequalities in one unknown: "or" unites; a comma and "and" intersect, where that leaves something."""
    sides = [split(part, RELATION) for part in parts.parts]
    if len(sides) < 2 or not all(side and set(side.separators) & _FLIPPED.keys() for side in sides):
        return None
    keys = [key(part) for part in parts.parts]
    if not all(is_interval(k) for k in keys):
        return None
    if "or" not in parts.separators and len(keys) == 2 and (common := intersection(*keys)) is not None:
        return common
    if "and" in parts.separators:
        return None
    return union(keys)


def tuple_of_named(parts: Split, key: Read) -> Canonical | None:
    """`x=1, y=2` as (1, 2), by the order of the names; None where they are not all named, or not differently."""
    pairs = [named(part) for part in parts.parts]
    if len(pairs) < 2 or any(pair is None for pair in pairs) or "or" in parts.separators:
        return None
    values = dict(pair for pair in pairs if pair)
    if len(values) < len(pairs):
        return None
    return Canonical("group", ("(", ")", *(key(values[name]) for name in sorted(values))))
