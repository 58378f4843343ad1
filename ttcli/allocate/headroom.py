"""What choosing a way of spending for each problem could add at most to the best single way: whether it can pay at all.

Three readings over the same problems: the best way of all, the best one in each bin of difficulty, and the best one of
each problem, which nobody can know beforehand. The second is told without luck, chosen on one half of each bin and
measured on the other, and with it; of the third it is told what luck alone would show, were all ways equally good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ttcli.allocate.optimal import LEVEL, Outcomes, pick, split
from ttcli.search.methods import parse_method
from ttcli.stats.intervals import Interval
from ttcli.stats.logistic import Array
from ttcli.stats.shrinkage import paired

WORTH = 0.01  # accuracy: what can add less than a point at most cannot pay

Verdict = Literal["pays", "cannot pay", "undecided"]


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is to be gained at a budget; gains are of accuracy, over the best single way."""

    budget: float
    fixed: str  # the best single way
    accuracy: float  # of it, in [0, 1]
    by_bin: float  # the best way of each bin; both chosen on one half of the problems and measured on the other
    interval: Interval  # of that, 95 %
    by_bin_most: float  # the same, chosen and measured on all problems: luck included
    by_problem_most: float  # the best way of each problem: luck included
    luck: float  # what of that ways would show that are equally good on each problem, about
    settled: float | None  # samples until the vote is settled, in the mean; None: not measured

    @property
    def verdict(self) -> Verdict:
        """Whether choosing by difficulty pays, as far as these problems tell."""
        if self.interval.low > 0:
            return "pays"
        return "cannot pay" if self.by_bin_most < WORTH else "undecided"


def headroom(outcomes: Outcomes, bins: NDArray[np.intp], count: int, *, frugal: str, seed: int = 0) -> list[Headroom]:
    """At each budget; `frugal` is the baseline that stops when settled, and no way of its own here.

    `bins` has the shape (problems,), of numbers below `count`.
    """
    return [_at(outcomes, at, bins, count, frugal, seed) for at in range(len(outcomes.budgets))]


def _at(outcomes: Outcomes, at: int, bins: NDArray[np.intp], count: int, frugal: str, seed: int) -> Headroom:
    ways = [
        number
        for number, name in enumerate(outcomes.strategies)
        if name != frugal and not np.isnan(outcomes.right[:, number, at]).all()
    ]
    names = tuple(outcomes.strategies[number] for number in ways)
    right = outcomes.right[:, ways, at]
    table = replace(
        outcomes,
        strategies=names,
        budgets=(outcomes.budgets[at],),
        **{key: getattr(outcomes, key)[:, ways, at : at + 1] for key in ("right", "generations", "tokens", "seconds")},
    )
    fixed = int(np.argmax(right.mean(axis=0)))
    best_of_bins = sum(right[own].mean(axis=0).max() * own.mean() for own in _members(bins, count))
    crossed = _crossed(table, bins, count, split(bins, seed))
    settled = outcomes.strategies.index(frugal) if frugal in outcomes.strategies else None
    return Headroom(
        budget=outcomes.budgets[at],
        fixed=names[fixed],
        accuracy=float(right[:, fixed].mean()),
        by_bin=float(crossed.mean()),
        interval=paired(crossed).bounds(LEVEL),
        by_bin_most=float(best_of_bins - right[:, fixed].mean()),
        by_problem_most=float((right.max(axis=1) - right[:, fixed]).mean()),
        luck=_luck(right, names),
        settled=None if settled is None else float(outcomes.generations[:, settled, at].mean()),
    )


def _members(bins: NDArray[np.intp], count: int) -> list[NDArray[np.bool_]]:
    """The problems of each bin that has any."""
    every = [bins == number for number in range(count)]
    return [own for own in every if own.any()]


def _crossed(table: Outcomes, bins: NDArray[np.intp], count: int, halves: NDArray[np.intp]) -> Array:
    """Of each problem, what the choice for its bin adds to the best single way, both chosen on the other half."""
    gains = np.zeros(len(bins))
    for half in (0, 1):
        here, learn = np.flatnonzero(halves == half), halves != half
        if not learn.any():
            continue
        fixed = int(np.argmax(table.right[learn, :, 0].mean(axis=0)))
        picks = pick(replace(table, baseline=table.strategies[fixed]), 0, bins, count, learn, LEVEL)
        chosen = np.array([each.strategy for each in picks], np.intp)[bins[here]]
        gains[here] = table.right[here, chosen, 0] - table.right[here, fixed, 0]
    return gains


def _luck(right: Array, names: Sequence[str]) -> float:
    """What the best of all ways adds to one of them where each has the same chance p on a problem: 1 - (1 - p)^k - p.

    k counts draws: each search or chain is one, and all votes, which share their samples, are one together. p is the
    mean over all ways. Ways that share probes are less independent than that, so luck shows rather less.
    """
    draws = sum(parse_method(name).vote is None for name in names) + 1
    chance = right.mean(axis=1)
    return float((1 - (1 - chance) ** draws - chance).mean())
