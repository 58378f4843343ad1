"""How well scores tell right solutions from wrong ones: the area under the ROC curve, over all and within problems.

AUC is the part of the pairs of a right and a wrong solution in which the right one has the higher score, ties counting
half (Mann and Whitney 1947). Counted per pair of problems, it can be had for any resampling of problems at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Pairs of right and wrong solutions, by their problems."""

    won: NDArray[np.float64]  # (problems, problems): right ones of a row's problem against wrong ones of a column's
    right: NDArray[np.float64]  # (problems,) how many
    wrong: NDArray[np.float64]  # (problems,)

    @classmethod
    def of(cls, scores: NDArray[np.float64], correct: NDArray[np.bool_], problem: NDArray[np.intp]) -> Ranking:
        """The ranking by scores; all arrays have the shape (solutions,), problems appear in ascending order."""
        names, place = np.unique(problem, return_inverse=True)
        size = len(names)
        wrong_scores, wrong_place = scores[~correct], place[~correct]
        won = np.zeros((size, size))
        for score, at in zip(scores[correct], place[correct], strict=True):
            points = (score > wrong_scores) + 0.5 * (score == wrong_scores)
            won[at] += np.bincount(wrong_place, points, minlength=size)
        right, wrong = (np.bincount(place[flags], minlength=size).astype(np.float64) for flags in (correct, ~correct))
        return cls(won, right, wrong)

    @property
    def mixed(self) -> NDArray[np.bool_]:
        """(problems,) whether it has both right and wrong solutions."""
        return (self.right > 0) & (self.wrong > 0)

    @property
    def each(self) -> NDArray[np.float64]:
        """The AUC within every problem that has both kinds."""
        mixed = self.mixed
        return np.diag(self.won)[mixed] / (self.right * self.wrong)[mixed]

    @property
    def within(self) -> float:
        """The mean AUC within problems; nan where none has both kinds."""
        return float(self.each.mean()) if self.mixed.any() else float("nan")

    @property
    def across(self) -> float:
        """The AUC over all solutions; nan where they are all right or all wrong."""
        return float(self.across_in(np.ones((1, len(self.right))))[0])

    def across_in(self, resamples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The AUC over all solutions when problems are there so many times: (resamples, problems) -> (resamples,)."""
        pairs = (resamples @ self.right) * (resamples @ self.wrong)
        won = ((resamples @ self.won) * resamples).sum(axis=1)
        return _share(won, pairs)

    def within_in(self, resamples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean AUC within problems when they are there so many times."""
        counts = resamples[:, self.mixed]
        total = counts.sum(axis=1)
        return _share(counts @ self.each, total)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient; nan where there is nothing to divide by."""
    share: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return share
