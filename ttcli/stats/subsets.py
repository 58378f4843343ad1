"""What n of N samples of a problem would have come to: every n is measured from one run of N.

Averaging over the subsets of n that could have been drawn is unbiased, and has less variance than the first n alone, as
for pass@k = 1 - C(N - c, k) / C(N, k) (Chen et al. 2021, arXiv 2107.03374). Votes have no closed form: they are counted
in every subset, or in enough random ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rule = Literal["majority", "weighted", "best"]  # as in ttcli.answers.vote

SUBSETS = 512  # of a problem, counted at most
_IN_ALL = 40_000  # subsets of all problems of a run: a standard error of their mean below 0.0025
_FEWEST = 64

_EXACT = 2.0**32  # sums of multiples of 1 / _EXACT are exact, up to 2**21 scores in [0, 1]


@dataclass(frozen=True, slots=True, eq=False)
class GradedSamples:
    """Independent samples of one problem, in order of drawing; all arrays have the shape (N,).

    Raises:
        ValueError: no samples, shapes that differ, classes out of range, a correct sample without an answer.
    """

    classes: NDArray[np.int64]  # equal answers have equal numbers, from 0 and below N; -1: no answer
    correct: NDArray[np.bool_]
    scores: NDArray[np.float64] | None = None  # a verifier's, in [0, 1]; nan: not scored
    # the policy's own, which breaks ties, in [0, 1]; nan: not known; None: of none
    confidence: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        told = (array for array in (self.scores, self.confidence) if array is not None)
        arrays = [self.classes, self.correct, *told]
        if not len(self) or any(array.shape != (len(self),) for array in arrays):
            raise ValueError(f"there are no samples in shapes {[array.shape for array in arrays]}")
        if self.classes.min() < -1 or self.classes.max() >= len(self):
            raise ValueError(f"classes must be from -1 to {len(self) - 1}")
        if np.any(self.correct & (self.classes < 0)):
            raise ValueError("a sample without an answer cannot be correct")

    def __len__(self) -> int:
        return len(self.classes)

    def part(self, which: slice, scores: NDArray[np.float64] | None = None) -> GradedSamples:
        """Some of them, at least 1; with these scores, of the shape (N,), where there are any."""
        told = self.scores if scores is None else scores
        own = self.classes[which]
        classes = np.where(own < 0, -1, np.searchsorted(np.unique(own[own >= 0]), own))
        sure = None if self.confidence is None else self.confidence[which]
        return GradedSamples(classes, self.correct[which], None if told is None else told[which], sure)


def random_pick(samples: GradedSamples) -> float:
    """The probability that one sample is correct, in [0, 1]."""
    return float(samples.correct.mean())


def coverage(samples: GradedSamples, n: int) -> float:
    """The probability that any of n samples is correct, (C(N, n) - C(N - c, n)) / C(N, n) of whole numbers.

    Raises:
        ValueError: n outside [1, N].
    """
    total = len(samples)
    _check(n, total)
    all_subsets = math.comb(total, n)
    return (all_subsets - math.comb(total - int(samples.correct.sum()), n)) / all_subsets


def consistency(samples: GradedSamples, n: int) -> float:
    """The probability that all of n samples are correct, C(c, n) / C(N, n): pass^n (Yao et al. 2024, arXiv 2406.12045).

    Raises:
        ValueError: n outside [1, N].
    """
    total = len(samples)
    _check(n, total)
    return math.comb(int(samples.correct.sum()), n) / math.comb(total, n)


class SubsetVote(NamedTuple):
    """What the vote of n samples comes to."""

    accuracy: float  # the probability that it is right, in [0, 1]
    right: bool  # whether that of the first n is, as in a run that ended there


def subset_limit(problems: int) -> int:
    """How many subsets of each problem are counted at most in a run of so many."""
    return min(SUBSETS, max(_FEWEST, _IN_ALL // max(problems, 1)))


def subset_vote(samples: GradedSamples, n: int, rule: Rule, *, seed: int = 0, subsets: int = SUBSETS) -> SubsetVote:
    """The vote of n samples: exact where they have few subsets, an unbiased mean else.

    Scores count as they do in a run: a sample that has none counts as the mean of those that have, and the vote is by
    majority where none with an answer has. Ties go to the class with the most confident sample, then to the one drawn
    first. Classes are those of all N samples.

    Raises:
        ValueError: n outside [1, N], a negative seed.
    """
    _check(n, len(samples))
    right = _right(samples, _subsets(len(samples), n, seed, subsets), rule)
    counted = right if len(right) <= subsets else right[1:]
    return SubsetVote(float(counted.mean()), bool(right[0]))


def _check(n: int, total: int) -> None:
    if not 1 <= n <= total:
        raise ValueError(f"there are no {n} of {total} samples")


@lru_cache(maxsize=64)
def _subsets(total: int, n: int, seed: int, limit: int) -> NDArray[np.intp]:
    """Indices (subsets, n), ascending in each, the first n samples first: all subsets, or besides `limit` random ones.

    Random ones are the same for every problem. They are cut from shuffles of all samples, so that none is left out by
    chance; each is still as likely as any other.
    """
    if math.comb(total, n) <= limit:
        return np.array(list(combinations(range(total), n)), dtype=np.intp)
    per_shuffle = total // n
    shuffles = np.tile(np.arange(total), (math.ceil(limit / per_shuffle), 1))
    np.random.default_rng((seed, total, n)).permuted(shuffles, axis=1, out=shuffles)
    drawn = np.sort(shuffles[:, : per_shuffle * n].reshape(-1, n)[:limit], axis=1)
    return np.concatenate([np.arange(n)[np.newaxis], drawn])


def _right(samples: GradedSamples, subsets: NDArray[np.intp], rule: Rule) -> NDArray[np.bool_]:
    """Whether the vote of each subset is right: the first drawn member of the leading class gives its answer."""
    if not samples.correct.any():
        return np.zeros(len(subsets), dtype=np.bool_)
    answered = samples.classes >= 0
    if rule == "majority" or samples.scores is None:
        return samples.correct[_lead_by_number(samples, answered, subsets)]
    known = answered & ~np.isnan(samples.scores)
    scores = np.where(known, samples.scores, np.nan)
    if known[answered].all():
        values = np.where(known, samples.scores, 0.0)[subsets]
        return samples.correct[_lead(rule)(samples, answered, values, subsets)]
    scored = known[subsets].any(axis=1)
    leaders = np.empty(len(subsets), np.intp)
    if not scored.all():
        leaders[~scored] = _lead_by_number(samples, answered, subsets[~scored])
    if scored.any():
        values = _filled(scores[subsets[scored]])
        leaders[scored] = _lead(rule)(samples, answered, values, subsets[scored])
    return samples.correct[leaders]


def _lead(rule: Rule) -> Callable[..., NDArray[np.intp]]:
    return _lead_by_sum if rule == "weighted" else _lead_by_best


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores (subsets, n) with the mean of those of the subset, of which there is one at least, in place of nan."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=1)
    means = np.minimum(sums / known.sum(axis=1), np.nanmax(values, axis=1))
    return np.where(known, values, means[:, np.newaxis])


# Each _lead_by_... gives, per subset, the index of the first voter in its leading class, or of any sample where nobody
# votes. Those who do not vote share a last class of their own, which cannot lead. Values are scores (subsets, n).


def _lead_by_number(samples: GradedSamples, voters: NDArray[np.bool_], subsets: NDArray[np.intp]) -> NDArray[np.intp]:
    cells, size = _cells(samples.classes, voters, subsets)
    totals = np.bincount(cells.ravel(), minlength=size)
    totals[-len(subsets) :] = -1
    return _leaders(samples, totals[cells], cells, subsets)


def _lead_by_sum(
    samples: GradedSamples, voters: NDArray[np.bool_], values: NDArray[np.float64], subsets: NDArray[np.intp]
) -> NDArray[np.intp]:
    cells, size = _cells(samples.classes, voters, subsets)
    worth = np.where(voters[subsets], values, 0.0)
    totals = np.bincount(cells.ravel(), worth.ravel(), minlength=size)
    totals[-len(subsets) :] = -1
    leaders = _leaders(samples, totals[cells], cells, subsets)
    if np.any(worth * _EXACT % 1):
        table = totals.reshape(-1, len(subsets))
        margin = 4 * subsets.shape[1] * np.finfo(np.float64).eps  # relative; more than two sums can be off by
        close = np.count_nonzero(table >= table.max(axis=0) * (1 - margin), axis=0) > 1
        unsure = np.flatnonzero(close & voters[leaders])
        leaders[unsure] = _lead_by_exact_sum(samples, voters, values[unsure], subsets[unsure])
    return leaders


def _lead_by_exact_sum(
    samples: GradedSamples, voters: NDArray[np.bool_], values: NDArray[np.float64], subsets: NDArray[np.intp]
) -> list[int]:
    """The same by sums that are rounded once, as the vote's are; slower, and somebody has to vote."""
    class_of, votes, sure = samples.classes.tolist(), voters.tolist(), _sureness(samples).tolist()
    leaders: list[int] = []
    for subset, scores in zip(subsets.tolist(), values.tolist(), strict=True):
        members: dict[int, list[tuple[int, float]]] = {}
        for index, score in zip(subset, scores, strict=True):
            if votes[index]:
                members.setdefault(class_of[index], []).append((index, score))
        sums = [
            (math.fsum([score for _, score in own]), max(sure[index] for index, _ in own)) for own in members.values()
        ]
        leaders.append(list(members.values())[sums.index(max(sums))][0][0])
    return leaders


def _lead_by_best(
    samples: GradedSamples, voters: NDArray[np.bool_], values: NDArray[np.float64], subsets: NDArray[np.intp]
) -> NDArray[np.intp]:
    cells, size = _cells(samples.classes, voters, subsets)
    worth = np.where(voters[subsets], values, -1.0)
    leading = np.zeros(size, dtype=np.bool_)
    leading[cells[worth == worth.max(axis=1, keepdims=True)]] = True
    return _leaders(samples, leading[cells], cells, subsets)


def _leaders(
    samples: GradedSamples, weights: NDArray[Any], cells: NDArray[np.intp], subsets: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The first sample of the class that leads in each subset, by the weights (subsets, n) of its samples' classes."""
    positions = weights.argmax(axis=1)
    if samples.confidence is not None:
        rows = np.arange(len(subsets))
        tied = weights == weights[rows, positions][:, np.newaxis]
        unsure = np.flatnonzero((tied & (cells != cells[rows, positions][:, np.newaxis])).any(axis=1))
        if len(unsure):
            sure = np.where(tied[unsure], _sureness(samples)[subsets[unsure]], -1.0)
            best = np.full(int(cells.max()) + 1, -1.0)  # by class and subset
            np.maximum.at(best, cells[unsure], sure)
            positions[unsure] = np.where(tied[unsure], best[cells[unsure]], -2.0).argmax(axis=1)
    return _at(subsets, positions)


def _sureness(samples: GradedSamples) -> NDArray[np.float64]:
    """(N,) what breaks a tie."""
    return np.zeros(len(samples)) if samples.confidence is None else np.nan_to_num(samples.confidence, nan=0.0)


def _cells(
    classes: NDArray[np.int64], voters: NDArray[np.bool_], subsets: NDArray[np.intp]
) -> tuple[NDArray[np.intp], int]:
    """Where each sample counts in a flat table (classes, subsets), and the size of that table."""
    last = int(classes.max()) + 1
    rows = np.where(voters, classes, last) * len(subsets)
    return rows[subsets] + np.arange(len(subsets))[:, np.newaxis], (last + 1) * len(subsets)


def _at(subsets: NDArray[np.intp], positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """The sample at one position of each subset."""
    return subsets[np.arange(len(subsets)), positions]
