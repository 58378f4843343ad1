"""The world of allocation.py: problems whose pass rates are known, and the best that one who knows them can do."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ttcli.allocate.difficulty import PROBES, Probes
from ttcli.allocate.marginal import LADDER
from ttcli.allocate.standing import Tallies
from ttcli.stats.logistic import Array

RATES = np.array([0.9, 0.6, 0.3, 0.1, 0.01])
FACTORS = {  # on the odds of a right sample, per bin
    "sample": np.ones(5),
    "beam": np.array([0.5, 0.5, 2, 2, 1]),
    "revise": np.array([2, 2, 1, 1, 1.0]),
}
STRATEGIES = {  # what is drawn after the probes, and whether scores weigh the votes
    "majority": ("sample", False),
    "best-of-n": ("sample", True),
    "beam": ("beam", True),
    "revise": ("revise", True),
}
WRONG = 20
ZIPF = np.cumsum(1 / np.arange(1, WRONG + 1)) / np.sum(1 / np.arange(1, WRONG + 1))
GRID = (*range(1, 17), *range(18, 33, 2), *range(36, 65, 4), *range(72, 129, 8), *range(144, 257, 16))  # the oracle's


class Drawn(NamedTuple):
    """Samples, of the shape (problems, samples)."""

    answers: NDArray[np.int64]  # 0: the right one
    scores: Array


class Reading(NamedTuple):
    """A vote at a number of samples."""

    tallies: Tallies
    right: NDArray[np.bool_]


def draw(rng: np.random.Generator, rates: Array, samples: int, auc: float) -> Drawn:
    """Scores are Phi(z), z normal around plus or minus Phi^-1(auc) / sqrt 2: uniform noise at an AUC of 0.5."""
    shape = (len(rates), samples)
    right = rng.random(shape) < rates[:, np.newaxis]
    wrong = np.minimum(np.searchsorted(ZIPF, rng.random(shape)), WRONG - 1) + 1
    apart = NormalDist().inv_cdf(auc) / np.sqrt(2)
    return Drawn(np.where(right, 0, wrong), ndtr(rng.standard_normal(shape) + np.where(right, apart, -apart)))


def read(drawn: Drawn, weighted: bool, ladder: Sequence[int]) -> list[Reading]:
    """The votes at each number of samples; ties go to the answer that was drawn first."""
    problems, samples = drawn.answers.shape
    cells = np.arange(problems)[:, np.newaxis] * (WRONG + 1) + drawn.answers
    first = np.full(problems * (WRONG + 1), samples)
    first[cells[:, ::-1]] = np.arange(samples)[::-1]
    first = first.reshape(problems, -1)
    counts, sums = np.zeros((problems, WRONG + 1), np.int64), np.zeros((problems, WRONG + 1))
    readings = []
    for begin, end in zip((0, *ladder), ladder, strict=False):
        part = cells[:, begin:end].ravel()
        counts = counts + np.bincount(part, minlength=counts.size).reshape(counts.shape)
        sums = sums + np.bincount(part, drawn.scores[:, begin:end].ravel(), counts.size).reshape(counts.shape)
        weights = sums if weighted else counts.astype(np.float64)
        leader = (weights - 1e-9 * first).argmax(axis=1)
        readings.append(Reading(Tallies(counts, counts, sums, weights, leader), leader == 0))
    return readings


class World:
    """Problems, and what every strategy would come to on them at every rung of the ladder."""

    def __init__(self, seed: tuple[int, ...], auc: float, *, pattern: bool, per_bin: int = 200) -> None:
        rng = np.random.default_rng(seed)
        self.bins = np.repeat(np.arange(len(RATES)), per_bin)
        depth = LADDER[-1]
        drawn = {source: draw(rng, rates(source, self.bins, pattern), depth, auc) for source in FACTORS}
        plain = drawn["sample"]
        self.votes = {
            name: read(after_probes(plain, drawn[source]), weighted, LADDER)
            for name, (source, weighted) in STRATEGIES.items()
        }
        shape = (len(self.bins), PROBES)
        self.probes = Probes(
            *(plain.answers[:, :PROBES], plain.scores[:, :PROBES]),
            *(rng.normal(-0.5, 0.1, shape), rng.lognormal(5, 0.3, shape)),
        )
        self.pass_rate = (plain.answers[:, PROBES : PROBES + 32] == 0).mean(axis=1)

    def votes_of(self, strategies: NDArray[np.str_]) -> list[Reading]:
        """Each problem's votes by its own strategy."""
        every = [self.votes[name] for name in STRATEGIES]
        number = np.array([[*STRATEGIES].index(name) for name in strategies])
        rows = np.arange(len(number))

        def pick(parts: Sequence[NDArray]) -> NDArray:
            return np.stack(parts)[number, rows]

        return [
            Reading(
                Tallies(*(pick([each.tallies[at] for each in rung]) for at in range(len(Tallies._fields)))),
                pick([each.right for each in rung]),
            )
            for rung in zip(*every, strict=True)
        ]


def rates(source: str, bins: NDArray[np.intp], pattern: bool) -> Array:
    odds = RATES / (1 - RATES) * (FACTORS[source] if pattern else 1)
    return (odds / (1 + odds))[bins]


def after_probes(plain: Drawn, rest: Drawn) -> Drawn:
    """The same number of samples, of which the first ones are probes."""
    parts = zip(plain, rest, strict=True)
    return Drawn(*(np.concatenate([probe[:, :PROBES], more[:, PROBES:]], axis=1) for probe, more in parts))


class Oracle:
    """The best division of an average among bins whose accuracies are known."""

    def __init__(self, auc: float, *, pattern: bool, problems: int) -> None:
        rng = np.random.default_rng((7, round(100 * auc), pattern))
        pieces = []  # of the bins' concave envelopes: gain per sample, samples
        for number in range(len(RATES)):
            bins = np.full(problems, number)
            drawn = {source: draw(rng, rates(source, bins, pattern), GRID[-1], auc) for source in FACTORS}
            curves = [
                [float(each.right.mean()) for each in read(drawn[source], weighted, GRID)]
                for source, weighted in STRATEGIES.values()
            ]
            pieces += envelope((0, *GRID), [0.0, *np.max(curves, axis=0)])
        self._pieces = sorted(pieces, reverse=True)

    def accuracy(self, average: float) -> float:
        """Of all problems, with so many samples per problem."""
        left, total = average * len(RATES), 0.0
        for slope, samples in self._pieces:
            total += slope * min(samples, left)
            left -= min(samples, left)
        return total / len(RATES)


def envelope(at: Sequence[int], values: Sequence[float]) -> list[tuple[float, int]]:
    """Slopes and lengths of the smallest concave function above these values, as far as it rises."""
    found, here = [], 0
    while here < len(at) - 1:
        slopes = [(values[to] - values[here]) / (at[to] - at[here]) for to in range(here + 1, len(at))]
        best = int(np.argmax(slopes))
        if slopes[best] <= 0:
            break
        found.append((slopes[best], at[here + 1 + best] - at[here]))
        here += 1 + best
    return found
