"""How good scores are at what they are for, a vote among solutions of one problem; and the choice by that.

The loss of a problem is -log of the share of the weight that its right solutions have in the weighted vote that the
scores would make, over problems with right and wrong solutions: what all solutions of a problem have in common cannot
help it. Choices that this cannot tell from the best (their difference, paired by problem, is within one standard error)
go by the weighted vote itself, and of those within half a point of the highest the simplest is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.auc import Ranking
from ttcli.stats.subsets import GradedSamples, subset_vote
from ttcli.train.examples import Examples

_EQUAL = 0.005  # of two votes: less is no difference
_LEAST = 1e-4  # a share of the weight is taken to be at least this
_SUBSETS = 64  # of the samples of a problem, for each number that vote

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """What scores of solutions are worth, each by what has not seen its problem."""

    ranking: Ranking
    losses: NDArray[np.float64]  # (problems with right and wrong solutions,)
    vote: float  # the part of all problems that the weighted vote gets right, in the mean over numbers of samples

    @classmethod
    def of(cls, scores: NDArray[np.float64], examples: Examples, votes: Mapping[int, GradedSamples]) -> Quality:
        """The quality of scores (solutions,) in [0, 1].

        Args:
            votes: all samples of every problem, by where it stands in the spec.
        """
        if not examples.sampled.all():
            return cls.of(scores[examples.sampled], examples.where(examples.sampled), votes)
        ranking = Ranking.of(scores, examples.correct, examples.problem)
        names, place = np.unique(examples.problem, return_inverse=True)
        right, total = (
            np.bincount(place, weight, minlength=len(names)) for weight in (scores * examples.correct, scores)
        )
        shares = np.clip(right / np.maximum(total, 1e-300), _LEAST, 1)[ranking.mixed]
        accuracies = [_accuracy(with_scores(at, votes[at], examples, scores)) for at in names.tolist() if at in votes]
        return cls(ranking, -np.log(shares), float(np.mean(accuracies)) if accuracies else 0.0)

    @property
    def loss(self) -> float:
        """The mean over problems; nan where none has both kinds of solutions."""
        return float(self.losses.mean()) if len(self.losses) else math.nan


def with_scores(
    position: int, samples: GradedSamples, examples: Examples, scores: NDArray[np.float64]
) -> GradedSamples:
    """The samples of the problem at a position with the scores (solutions,) that are its own; nan without an answer."""
    values = np.full(len(samples), np.nan)
    own = examples.problem == position
    values[examples.number[own]] = scores[own]
    return replace(samples, scores=values)


def _accuracy(samples: GradedSamples) -> float:
    most = len(samples)
    numbers = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return float(np.mean([subset_vote(samples, n, "weighted", subsets=_SUBSETS).accuracy for n in (*numbers, most)]))


def choose_by(
    choices: Sequence[Choice], quality: Callable[[Choice], Quality], simplicity: Callable[[Choice], tuple[float, ...]]
) -> Choice:
    """The choice to go with, by the rule at the head of this file; `simplicity`: less is simpler."""
    best = min(choices, key=lambda choice: quality(choice).loss)
    close = [choice for choice in choices if _no_worse(quality(choice).losses, quality(best).losses)]
    highest = max(quality(choice).vote for choice in close)
    return min((choice for choice in close if quality(choice).vote >= highest - _EQUAL), key=simplicity)


def _no_worse(losses: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Whether a choice is not told from the best one."""
    lost = losses - best
    return len(lost) < 2 or bool(lost.mean() <= lost.std(ddof=1) / math.sqrt(len(lost)))
