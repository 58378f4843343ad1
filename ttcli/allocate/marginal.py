"""How much to spend on which problem: what further samples are expected to bring, and who gets them.

The expected gain is learnt, as in "Learning How Hard to Think" (Damani et al. 2024, arXiv 2410.04707): from how a vote
stands after n samples, one logistic model tells whether its leader is right, and another one whether that of 4 n will
be. The difference, per sample, is what a sample is worth. Where the posterior of the vote says that the leader will
stay (`search.stopping`), it is worth nothing. A shared budget goes to the highest bidder, batch by batch.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ttcli.allocate.standing import FEATURES, Tallies, stays, view
from ttcli.stats.logistic import Array, Logistic, fit

LADDER = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # a batch leads from rung to rung
FURTHER = 4  # a few samples alone may change nothing where many do: the gain is told over so many times as many
SETTLED = 0.99  # higher than where adaptive majority stops: here the gain falls to nothing by itself before

_DOUBLINGS = "doublings"  # of one sample


@dataclass(frozen=True, slots=True)
class Gains:
    """Predicts what more samples bring."""

    now: Logistic  # whether the leader is right
    later: Logistic  # whether it will be, with FURTHER times as many samples
    settled: float = SETTLED  # a vote this sure to stay asks for nothing, in (0, 1)

    def __post_init__(self) -> None:
        if not 0 < self.settled < 1:
            raise ValueError(f"a vote is settled at a chance between 0 and 1, not {self.settled}")
        for model in (self.now, self.later):
            model.check((*FEATURES, *map(_by_doublings, FEATURES), _DOUBLINGS))

    def worth(self, samples: int, tallies: Tallies, chance: Array) -> Array:
        """The gain in accuracy per further sample of votes over so many, 0 or more, of the shape (problems,)."""
        features = _features(samples, tallies, chance)
        gain = (self.later.predict(features) - self.now.predict(features)) / ((FURTHER - 1) * samples)
        return np.where(stays(tallies) >= self.settled, 0.0, np.maximum(gain, 0.0))


class Seen(NamedTuple):
    """How the votes of problems with known answers stood at a number of samples."""

    samples: int
    tallies: Tallies
    right: Array  # whether, or how likely, the leader is right, in [0, 1], of the shape (problems,)


def fit_gains(seen: Sequence[Seen], chance: Array, *, settled: float = SETTLED) -> Gains:
    """Learn from votes over the same problems at several numbers of samples, some of them FURTHER times others.

    `chance` is that one sample is right, told by a model that has not seen the problem, of the shape (problems,).

    Raises:
        ValueError: no number of samples is FURTHER times another.
    """
    by_samples = {each.samples: each for each in seen}
    pairs = [(each, by_samples[FURTHER * each.samples]) for each in seen if FURTHER * each.samples in by_samples]
    if not pairs:
        raise ValueError(f"to learn a gain takes votes over n and over {FURTHER} n samples: {sorted(by_samples)}")
    views = [_features(here.samples, here.tallies, chance) for here, _ in pairs]
    features = {name: np.concatenate([each[name] for each in views]) for name in views[0]}
    now = np.concatenate([here.right for here, _ in pairs])
    later = np.concatenate([there.right for _, there in pairs])
    each = len(pairs)
    return Gains(fit(features, now, rows_each=each), fit(features, later, rows_each=each), settled)


def _features(samples: int, tallies: Tallies, chance: Array) -> dict[str, Array]:
    """Those of the votes, and what each of them counts for more or less with every doubling of the samples."""
    doublings = float(np.log2(samples))
    seen = view(tallies, chance)
    more = {_by_doublings(name): values * doublings for name, values in seen.items()}
    return seen | more | {_DOUBLINGS: np.full(len(chance), doublings)}


def _by_doublings(name: str) -> str:
    return f"{name} by {_DOUBLINGS}"


class Grant(NamedTuple):
    """Samples that a problem may draw next."""

    problem: int
    samples: int


class SharedBudget:
    """A budget for all problems, given out batch by batch to whoever expects the largest gain per sample.

    Every problem has its probe from the start. After a probe or a grant it says what it expects next (`bid`), or
    nothing. No more is ever granted than there is.
    """

    def __init__(self, problems: int, total: int, *, probe: int, most: int) -> None:
        """A budget of `total` samples for so many problems, each of which gets from `probe` to `most`.

        Raises:
            ValueError: it does not suffice for the probes, or a problem may not even get its probe.
        """
        if total < problems * probe:
            raise ValueError(f"{total} samples do not suffice for {problems} probes of {probe}")
        if not 0 < probe <= most:
            raise ValueError(f"a problem cannot get from {probe} to {most} samples")
        self.left = total - problems * probe
        self.granted = [probe] * problems
        self._most = most
        self._bids: list[tuple[float, int, int, int]] = []  # minus the gain per sample, order, problem, samples
        self._order = itertools.count()

    def bid(self, problem: int, worth: float, samples: int) -> None:
        """A problem would draw so many samples next, each worth so much; what is worth nothing is no bid."""
        if samples > 0 and worth > 0:
            heapq.heappush(self._bids, (-worth, next(self._order), problem, samples))

    def grant(self) -> Grant | None:
        """The best bid, cut to what is left; among equals the first. None: nobody asks, or nothing is left."""
        while self._bids and self.left:
            _, _, problem, samples = heapq.heappop(self._bids)
            samples = min(samples, self.left, self._most - self.granted[problem])
            if samples:
                self.left -= samples
                self.granted[problem] += samples
                return Grant(problem, samples)
        return None


def next_batch(samples: int) -> int:
    """How many more samples lead to the next rung; 0 at the top."""
    return next((rung - samples for rung in LADDER if rung > samples), 0)
