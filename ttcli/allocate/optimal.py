"""Which way of spending suits which difficulty: theta*(bin, N) = argmax_theta accuracy (Snell et al. 2024, s. 3.2).

In a bin and at a budget, the gain of each other way over the simple one, on the same problems, is drawn towards its
gain over all bins (`shrinkage.pool`). A way replaces the simple one where it is likely to be better: where the gain,
less one standard error, is above 0; the largest such gain wins. That is a bet and no proof: a choice counts as shown
to be better only where the interval of its gain lies above 0, at a level shared among all ways in question
(Bonferroni). To go by what is shown alone finds next to nothing of what there is to find (docs/allocation.md). What
the choice is expected to come to is told by two-fold cross-validation inside each bin: chosen on one half, reported on
the other, and the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.intervals import Interval
from ttcli.stats.logistic import Array
from ttcli.stats.shrinkage import Gain, paired, pool, share

LEVEL = 0.95

Rule = Literal["likely", "shown"]  # what a way must be in order to replace the simple one


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What ways of spending came to; arrays have the shape (problems, strategies, budgets), nan: not measured.

    Raises:
        ValueError: shapes that differ, a baseline that is no strategy, accuracies outside [0, 1].
    """

    strategies: tuple[str, ...]  # methods as a user writes them
    budgets: tuple[float, ...]  # ascending
    right: Array  # in [0, 1]: the chance where it is an average over what could have been drawn
    generations: Array
    tokens: Array
    seconds: Array
    baseline: str = "majority"  # the simple way

    def __post_init__(self) -> None:
        shape = (len(self.right), len(self.strategies), len(self.budgets))
        if any(each.shape != shape for each in (self.right, self.generations, self.tokens, self.seconds)):
            raise ValueError(f"every array must have the shape {shape}")
        if self.baseline not in self.strategies:
            raise ValueError(f"the baseline {self.baseline!r} is none of {', '.join(self.strategies)}")
        if np.any((self.right < 0) | (self.right > 1)):
            raise ValueError("accuracies must be in [0, 1]")


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do with problems of a bin at a budget, and why."""

    bin: int  # 0: the easiest
    budget: float
    strategy: str
    accuracy: float | None  # expected of such a choice, on problems it was not chosen on; None: there were none
    interval: Interval | None  # of the accuracy, 95 %
    problems: int  # of the bin
    gain: float  # over the baseline, as believed
    gain_interval: Interval  # at the level of the choice, all ways considered at once
    own: float  # how much of that gain comes from the bin itself, in [0, 1]; the rest from all bins
    generations: float | None  # mean per problem; None: nothing was measured
    tokens: float | None
    seconds: float | None

    @property
    def shown(self) -> bool:
        """Whether it is shown to be better than the baseline, rather than likely to be."""
        return self.gain_interval.low > 0


def choose(
    outcomes: Outcomes,
    bins: NDArray[np.intp],
    count: int,
    *,
    level: float = LEVEL,
    seed: int = 0,
    rule: Rule = "likely",
) -> list[Choice]:
    """The way of spending for each of `count` bins and each budget; `bins` has the shape (problems,).

    The choice itself is made on all problems; the accuracy told with it comes from choices on halves.

    Raises:
        ValueError: bins that are not one number from 0 to count - 1 per problem.
    """
    if bins.shape != (len(outcomes.right),) or (len(bins) and not 0 <= bins.min() <= bins.max() < count):
        raise ValueError(f"there must be a bin from 0 to {count - 1} for each of {len(outcomes.right)} problems")
    halves = split(bins, seed)
    everything = np.ones(len(bins), np.bool_)
    choices: list[Choice] = []
    for at, budget in enumerate(outcomes.budgets):
        picks = pick(outcomes, at, bins, count, everything, level, rule)
        crossed = crossed_accuracy(outcomes, at, bins, count, halves, level, rule)
        for number, best in enumerate(picks):
            own = bins == number
            told = crossed[own & ~np.isnan(crossed)]
            choices.append(
                Choice(
                    bin=number,
                    budget=budget,
                    strategy=outcomes.strategies[best.strategy],
                    accuracy=float(told.mean()) if len(told) else None,
                    interval=share(told) if len(told) else None,
                    problems=int(np.count_nonzero(own)),
                    gain=best.gain.mean,
                    gain_interval=best.bounds,
                    own=best.own,
                    generations=_mean(outcomes.generations[own, best.strategy, at]),
                    tokens=_mean(outcomes.tokens[own, best.strategy, at]),
                    seconds=_mean(outcomes.seconds[own, best.strategy, at]),
                )
            )
    return choices


@dataclass(frozen=True, slots=True)
class Pick:
    """The best way for a bin, as far as some problems tell."""

    strategy: int
    gain: Gain  # over the baseline, as believed
    bounds: Interval
    own: float


def pick(
    outcomes: Outcomes,
    budget: int,
    bins: NDArray[np.intp],
    count: int,
    learn: NDArray[np.bool_],
    level: float,
    rule: Rule = "likely",
) -> list[Pick]:
    """The best way for each bin at the budget of this number, from the problems in `learn` alone."""
    baseline = outcomes.strategies.index(outcomes.baseline)
    measured = ~np.isnan(outcomes.right[:, :, budget]).all(axis=0)
    others = [number for number in np.flatnonzero(measured).tolist() if number != baseline]
    simple = outcomes.right[:, baseline, budget]
    picks = [Pick(baseline, Gain(0.0, 0.0, 0), Interval(0.0, 0.0), 1.0) for _ in range(count)]
    for strategy in others:
        differences = outcomes.right[:, strategy, budget] - simple
        known = learn & ~np.isnan(differences)
        pooled = pool([paired(differences[known & (bins == number)]) for number in range(count)])
        for number, (gain, own) in enumerate(zip(pooled.gains, pooled.weights, strict=True)):
            bounds = gain.bounds(level, len(others))
            better = gain.mean > gain.error if rule == "likely" else bounds.low > 0
            if better and gain.mean > picks[number].gain.mean:
                picks[number] = Pick(strategy, gain, bounds, own)
    return picks


def crossed_accuracy(
    outcomes: Outcomes,
    budget: int,
    bins: NDArray[np.intp],
    count: int,
    halves: NDArray[np.intp],
    level: float,
    rule: Rule = "likely",
) -> Array:
    """Of each problem, the accuracy of what is chosen for its bin on the other half; nan where that was not measured.

    Shape (problems,).
    """
    accuracy = np.full(len(bins), np.nan)
    for half in (0, 1):
        here = np.flatnonzero(halves == half)
        picks = pick(outcomes, budget, bins, count, halves != half, level, rule)
        strategies = np.array([best.strategy for best in picks], np.intp)
        accuracy[here] = outcomes.right[here, strategies[bins[here]], budget]
    return accuracy


def split(bins: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """The half, 0 or 1, of each problem: at random, and each bin is cut in two."""
    halves = np.empty(len(bins), np.intp)
    rng = np.random.default_rng((seed, len(bins)))
    for number in np.unique(bins):
        own = np.flatnonzero(bins == number)
        halves[own] = (rng.permutation(len(own)) + rng.integers(2)) % 2
    return halves


def chosen(choices: Sequence[Choice], bin: int, budget: float) -> Choice:  # noqa: A002
    """The choice for a bin at the lowest budget that is no less than this one, or else at the highest there is.

    Raises:
        ValueError: there is no choice for the bin.
    """
    own = sorted((choice for choice in choices if choice.bin == bin), key=lambda choice: choice.budget)
    if not own:
        raise ValueError(f"nothing was chosen for bin {bin}")
    return next((each for each in own if each.budget >= budget), own[-1])


def expected(choices: Sequence[Choice], budget: float) -> float | None:
    """The accuracy to expect of all problems at a budget, bins in proportion; None where nothing is known."""
    known = [
        (choice.accuracy, choice.problems)
        for choice in choices
        if choice.budget == budget and choice.accuracy is not None
    ]
    total = sum(problems for _, problems in known)
    return sum(accuracy * problems for accuracy, problems in known) / total if total else None


def _mean(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
