"""Intervals and unions of them, from brackets and from inequalities in one unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ttcli.answers.key import Canonical

_INFINITE = {False: Canonical("number", -math.inf), True: Canonical("number", math.inf)}
REALS = Canonical("group", ("(", ")", _INFINITE[False], _INFINITE[True]))


def bounded(operator: str, bound: Canonical) -> list[Canonical]:
    r"""The numbers x with `x operator bound`, as intervals; operator is <, >, \le, \ge or \ne."""
    if operator == "\\ne":
        return bounded("<", bound) + bounded(">", bound)
    closed = operator in {"\\le", "\\ge"}
    if operator in {"<", "\\le"}:
        return [Canonical("group", ("(", "]" if closed else ")", _INFINITE[False], bound))]
    return [Canonical("group", ("[" if closed else "(", ")", bound, _INFINITE[True]))]


def between(low: Canonical, first: str, second: str, high: Canonical) -> Canonical:
    r"""The numbers x with `low first x second high`, where both operators are < or \le."""
    return Canonical("group", ("[" if first == "\\le" else "(", "]" if second == "\\le" else ")", low, high))


def is_interval(key: Canonical) -> bool:
    """Whether a key may be an interval."""
    return key.kind == "group" and isinstance(key.value, tuple) and len(key.value) == 4


def union(intervals: Sequence[Canonical]) -> Canonical:
    """One key for the union: those that overlap or touch are joined where their ends are exact."""
    if not all(map(_comparable, intervals)):
        return intervals[0] if len(set(intervals)) == 1 else Canonical("union", frozenset(intervals))
    joined: list[tuple[str, str, Canonical, Canonical]] = []
    for left, right, low, high in sorted(map(_ends, intervals), key=lambda ends: (ends[2].value, ends[0] == "(")):
        if joined and _meet(joined[-1], (left, right, low, high)):
            before = joined[-1]
            last = max(
                (before[3].value, before[1] == "]", before),
                (high.value, right == "]", (left, right, low, high)),
                key=lambda end: end[:2],
            )[2]
            joined[-1] = (before[0], last[1], before[2], last[3])
        else:
            joined.append((left, right, low, high))
    keys = [Canonical("group", ends) for ends in joined]
    return keys[0] if len(keys) == 1 else Canonical("union", frozenset(keys))


def intersection(a: Canonical, b: Canonical) -> Canonical | None:
    """The interval common to both; None where they are apart or their ends are not exact."""
    if not (_comparable(a) and _comparable(b)):
        return None
    (left, right, low, high), (left2, right2, low2, high2) = _ends(a), _ends(b)
    if (low2.value, left2 == "(") > (low.value, left == "("):
        left, low = left2, low2
    if (high2.value, right2 == "]") < (high.value, right == "]"):
        right, high = right2, high2
    return Canonical("group", (left, right, low, high)) if low.value < high.value else None


def _ends(interval: Canonical) -> tuple[str, str, Canonical, Canonical]:
    assert isinstance(interval.value, tuple)
    left, right, low, high = interval.value
    return left, right, low, high


def _comparable(interval: Canonical) -> bool:
    return is_interval(interval) and all(isinstance(end.value, Fraction | float) for end in _ends(interval)[2:])


def _meet(a: tuple[str, str, Canonical, Canonical], b: tuple[str, str, Canonical, Canonical]) -> bool:
    """Whether b, which begins no earlier than a, begins before a has ended."""
    end, start = a[3].value, b[2].value
    return bool(start < end or (start == end and (a[1] == "]" or b[0] == "[")))  # type: ignore[operator]
