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
    if all(map(_comparable, intervals)):
        intervals = _joined(sorted(intervals, key=_start))
    return intervals[0] if len(set(intervals)) == 1 else Canonical("union", frozenset(intervals))


def _joined(intervals: Sequence[Canonical]) -> list[Canonical]:
    """Intervals in the order of their starts, without those that go on where another has not ended."""
    joined: list[Canonical] = []
    for interval in intervals:
        if joined and _meet(joined[-1], interval):
            left, _, low, _ = _ends(joined[-1])
            _, right, _, high = _ends(max(joined[-1], interval, key=_end))
            joined[-1] = Canonical("group", (left, right, low, high))
        else:
            joined.append(interval)
    return joined


def intersection(a: Canonical, b: Canonical) -> Canonical | None:
    """The interval common to both; None where they are apart or their ends are not exact."""
    if not (_comparable(a) and _comparable(b)):
        return None
    left, _, low, _ = _ends(max(a, b, key=_start))
    _, right, _, high = _ends(min(a, b, key=_end))
    return Canonical("group", (left, right, low, high)) if _value(low) < _value(high) else None


def _ends(interval: Canonical) -> tuple[str, str, Canonical, Canonical]:
    assert isinstance(interval.value, tuple)
    left, right, low, high = interval.value
    return left, right, low, high


def _comparable(interval: Canonical) -> bool:
    return is_interval(interval) and all(isinstance(end.value, Fraction | float) for end in _ends(interval)[2:])


def _value(end: Canonical) -> Fraction | float:
    assert isinstance(end.value, Fraction | float)
    return end.value


def _start(interval: Canonical) -> tuple[Fraction | float, bool]:
    left, _, low, _ = _ends(interval)
    return _value(low), left == "("


def _end(interval: Canonical) -> tuple[Fraction | float, bool]:
    _, right, _, high = _ends(interval)
    return _value(high), right == "]"


def _meet(a: Canonical, b: Canonical) -> bool:
    """Whether b, which begins no earlier than a, begins before a has ended."""
    end, closed = _end(a)
    start, open_ = _start(b)
    return start < end or (start == end and (closed or not open_))
