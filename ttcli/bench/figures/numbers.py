"""How the numbers of a run read, in tables and on axes alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ttcli.bench.figures.revisions import Share
from ttcli.stats.intervals import SIGNIFICANT, Comparison, Interval, needed

_LETTERS = ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k"))
_DIGITS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0))
_ENOUGH = 3  # ticks on an axis
_APART = 1.4  # factor between two labels that stand beside each other


def round_ticks(values: Sequence[float]) -> dict[float, str]:
    """Round numbers in the span of these positive values, with their labels; the ends where the span has no three."""
    if not values:
        return {}
    low, high = min(values) / 1.02, max(values) * 1.02
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in _DIGITS:
        found = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(found) >= _ENOUGH:
            return {tick: short(tick) for tick in found}
    return {value: short(value) for value in apart(sorted({min(values), max(values)}))}


def apart(amounts: Sequence[float]) -> Iterator[float]:
    """Those of ascending amounts that have room for a label, the largest always."""
    last = 0.0
    for amount in amounts:
        if amount >= _APART * last and (amount == amounts[-1] or amounts[-1] >= _APART * amount):
            yield amount
            last = amount


def short(value: float) -> str:
    """A number of three digits with its thousands in a letter; all its digits up to 9,999."""
    value = float(f"{value:.3g}") if value >= 10_000 else value  # 999,950 is 1 M
    for power, letter in _LETTERS:
        if value >= max(10.0**power, 10_000):
            return f"{value / 10.0**power:.3g} {letter}"
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def percent(share: float) -> str:
    """A share in [0, 1]."""
    return f"{100 * share:.1f} %"


def bounds(interval: Interval) -> str:
    """An interval of shares, in per cent."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def part(share: Share) -> str:
    """ "38.2 % (12.0 to 71.3) of 8"; "" of none."""
    if share.value is None or share.interval is None:
        return ""
    return f"{percent(share.value)} ({bounds(share.interval)}) of {share.of:,}"


def points(difference: float) -> str:
    """A difference of shares with its sign, in points of a hundred."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}"  # -0.0 is 0


def points_between(interval: Interval) -> str:
    """An interval of differences, in points."""
    return f"{points(interval.low)} to {points(interval.high)}"


def p_value(p: float) -> str:
    """The p of a test, as far as it matters."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def to_tell(against: Comparison, problems: int) -> int | None:
    """How many problems would tell such a difference, from what was measured on these; None where there is none."""
    return needed(against.difference, min(1.0, (against.wins + against.losses) / problems))


def verdict(against: Comparison, problems: int) -> str:
    """Whether a difference is significant, and what would tell if it is not."""
    size = f"{points(against.difference)} points, p = {p_value(against.p_all)}"
    if against.p_all < SIGNIFICANT:
        return f"{size}, significant"
    number = to_tell(against, problems)
    if number is None:
        return f"{size}: there is nothing to tell"
    return f"{size}, not significant; about {number:,} problems would tell such a difference"
