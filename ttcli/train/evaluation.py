"""What a head is worth on problems that it was not fitted to: ranking, calibration, and votes against majority.

All intervals are those of 95 %, by resampling problems (percentile bootstrap, Efron 1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import Comparison, Interval, compare, percentile_interval, resamples, wilson
from ttcli.stats.subsets import GradedSamples, coverage, subset_limit, subset_vote
from ttcli.train.examples import Examples
from ttcli.train.quality import with_scores

BINS = 10  # of scores, equally wide


class Measured(NamedTuple):
    """A figure with what it rests on."""

    value: float | None  # None: there is nothing to measure it on
    interval: Interval | None
    problems: int


class Bin(NamedTuple):
    """Solutions with scores that are close."""

    low: float
    high: float
    solutions: int
    score: float  # their mean
    right: float  # the part of them that is


class Votes(NamedTuple):
    """What so many samples of every problem come to; a problem with fewer votes with those it has."""

    samples: int
    majority: float
    majority_interval: Interval  # Wilson
    weighted: float
    weighted_interval: Interval
    any: float  # the part of the problems with a right one among them
    comparison: Comparison  # weighted against majority, problem by problem


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the held-out problems say of a head."""

    problems: int
    solutions: int  # with an answer
    right: float  # the part of these that is
    across: Measured  # AUC over all solutions
    within: Measured  # mean AUC within problems that have right and wrong solutions
    brier: Measured  # mean squared error of a solution's score
    calibration: Measured  # expected calibration error
    bins: tuple[Bin, ...]  # those with solutions
    votes: tuple[Votes, ...]  # by number of samples

    @property
    def beats_majority(self) -> bool | Literal["unclear"]:
        """Whether the weighted vote of all samples is better, by the interval of the difference."""
        found = self.votes[-1].comparison
        if found.interval.low > 0:
            return True
        return "unclear" if found.difference > 0 else False


def evaluate(
    examples: Examples,
    scores: NDArray[np.float64],
    votes: Mapping[int, GradedSamples],
    *,
    seed: int = 0,
) -> Evaluation:
    """Judge the scores of held-out solutions.

    Args:
        examples: the held-out solutions that have an answer.
        scores: (solutions,) in [0, 1].
        votes: all samples of every held-out problem, by where it stands in the spec; at least one problem.
        seed: of the resampling.
    """
    ranking = Ranking.of(scores, examples.correct, examples.problem)
    tables = _Tables.of(scores, examples)
    size = len(ranking.right)
    drawn = resamples(size, seed)
    whole = np.ones((1, size))
    return Evaluation(
        problems=len(votes),
        solutions=len(scores),
        right=float(examples.correct.mean()),
        across=_measured(ranking.across_in(whole), ranking.across_in(drawn), size),
        within=_measured(ranking.within_in(whole), ranking.within_in(drawn), int(ranking.mixed.sum())),
        brier=_measured(tables.brier(whole), tables.brier(drawn), size),
        calibration=_measured(tables.error(whole), tables.error(drawn), size),
        bins=tuple(tables.bins()),
        votes=tuple(_votes(examples, scores, votes, seed)),
    )


def _measured(value: NDArray[np.float64], resampled: NDArray[np.float64], problems: int) -> Measured:
    if math.isnan(value[0]):
        return Measured(None, None, problems)
    return Measured(float(value[0]), percentile_interval(resampled), problems)


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    """Sums over the solutions of each problem."""

    count: NDArray[np.float64]  # (problems, bins)
    score: NDArray[np.float64]  # (problems, bins)
    right: NDArray[np.float64]  # (problems, bins)
    squares: NDArray[np.float64]  # (problems,) of the errors

    @classmethod
    def of(cls, scores: NDArray[np.float64], examples: Examples) -> _Tables:
        names, place = np.unique(examples.problem, return_inverse=True)
        cell = place * BINS + np.minimum((scores * BINS).astype(np.intp), BINS - 1)
        shape = (len(names), BINS)
        count, score, right = (
            np.bincount(cell, weights, minlength=math.prod(shape)).reshape(shape).astype(np.float64)
            for weights in (np.ones(len(scores)), scores, examples.correct.astype(np.float64))
        )
        squares = np.bincount(place, (scores - examples.correct) ** 2, minlength=len(names))
        return cls(count, score, right, squares.astype(np.float64))

    def brier(self, resamples: NDArray[np.float64]) -> NDArray[np.float64]:
        """(resamples,) the Brier score when problems are there so many times."""
        errors: NDArray[np.float64] = (resamples @ self.squares) / self._solutions(resamples)
        return errors

    def error(self, resamples: NDArray[np.float64]) -> NDArray[np.float64]:
        """(resamples,) the expected calibration error: |mean score - part right| in a bin, over all solutions."""
        off: NDArray[np.float64] = np.abs(resamples @ (self.score - self.right)).sum(axis=1)
        return off / self._solutions(resamples)

    def _solutions(self, resamples: NDArray[np.float64]) -> NDArray[np.float64]:
        counts: NDArray[np.float64] = resamples @ self.count.sum(axis=1)
        return counts

    def bins(self) -> list[Bin]:
        sums = (self.count.sum(axis=0), self.score.sum(axis=0), self.right.sum(axis=0))
        return [
            Bin(number / BINS, (number + 1) / BINS, int(count), score / count, right / count)
            for number, (count, score, right) in enumerate(zip(*(each.tolist() for each in sums), strict=True))
            if count
        ]


def _votes(
    examples: Examples, scores: NDArray[np.float64], votes: Mapping[int, GradedSamples], seed: int
) -> list[Votes]:
    scored = [with_scores(at, samples, examples, scores) for at, samples in votes.items()]
    most = max(len(samples) for samples in scored)
    amounts = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return [_vote(scored, amount, seed) for amount in (*amounts, most)]


def _vote(problems: list[GradedSamples], amount: int, seed: int) -> Votes:
    each = subset_limit(len(problems))
    sizes = [min(amount, len(samples)) for samples in problems]
    pairs = [*zip(problems, sizes, strict=True)]
    plain = [subset_vote(samples, n, "majority", seed=seed, subsets=each) for samples, n in pairs]
    weighted = [subset_vote(samples, n, "weighted", seed=seed, subsets=each) for samples, n in pairs]
    accuracies = [np.array([vote.accuracy for vote in votes]) for votes in (plain, weighted)]
    comparison = compare(
        accuracies[1],
        accuracies[0],
        method_outcomes=np.array([vote.right for vote in weighted]),
        baseline_outcomes=np.array([vote.right for vote in plain]),
        seed=seed,
    )
    n = len(problems)
    means = [float(values.mean()) for values in accuracies]
    bounds = [wilson(mean * n, n) for mean in means]
    found = math.fsum(coverage(samples, size) for samples, size in pairs) / n
    return Votes(amount, means[0], bounds[0], means[1], bounds[1], found, comparison)
