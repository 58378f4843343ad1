"""What paired outcomes say about a gain: how large, how sure, and how much of it to believe.

Few problems are no proof: to a mean of differences between two ways on the same problems come two more problems, half a
win and half a loss and two half draws in all (Agresti and Min 2005, for matched proportions), and to a mean of outcomes
four more, two right and two wrong (Agresti and Coull 1998). Both keep an interval from closing where all happen to
agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from ttcli.stats.intervals import Interval
from ttcli.stats.logistic import Array


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean difference between two ways on the same problems, or what is believed of one."""

    mean: float  # in [-1, 1]; above 0: better than the baseline
    error: float  # standard error, > 0
    problems: int

    def bounds(self, level: float, comparisons: int = 1) -> Interval:
        """A two-sided normal interval; with more comparisons each is wider, so that all hold at that level at once."""
        reach = NormalDist().inv_cdf(1 - (1 - level) / (2 * comparisons)) * self.error
        return Interval(self.mean - reach, self.mean + reach)


def paired(differences: Array) -> Gain:
    """The gain in differences of accuracy, each in [-1, 1], of the shape (problems,); of none, it may be anything."""
    n = len(differences)
    mean = float(differences.sum()) / (n + 2)
    square = (float((differences**2).sum()) + 1) / (n + 2)
    return Gain(mean, math.sqrt((square - mean * mean) / max(n, 1)), n)


def share(outcomes: Array, level: float = 0.95) -> Interval:
    """An interval of the mean of outcomes in [0, 1]; fractions count as the right and wrong ones that would make them.

    It is the adjusted interval of a proportion, cut to [0, 1].
    """
    n = len(outcomes) + 4
    mean = (float(outcomes.sum()) + 2) / n
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(mean * (1 - mean) / n)
    return Interval(max(mean - reach, 0.0), min(mean + reach, 1.0))


class Pooled(NamedTuple):
    """Gains of the bins, each drawn towards that of all."""

    overall: Gain
    gains: tuple[Gain, ...]  # per bin, as believed
    weights: tuple[float, ...]  # of each bin's own problems, in [0, 1]; 0: the overall gain is believed


def pool(gains: Sequence[Gain]) -> Pooled:
    """Draw the gains of bins towards their common mean, the more so the less each is known (empirical Bayes).

    With variances v_b and precisions 1 / v_b, Q = sum (g_b - m)^2 / v_b tells how far bins differ beyond luck: their
    own variance is t = max(0, (Q - (B - 1)) / (sum 1/v_b - sum 1/v_b^2 / sum 1/v_b)) (DerSimonian and Laird 1986).
    The common mean then weighs bins by 1 / (v_b + t), and what is believed of a bin is w g_b + (1 - w) m,
    w = t / (t + v_b), with the variance w v_b + (1 - w)^2 var(m).
    A bin without problems has w = 0: it is believed to be like the others.
    """
    known = [gain for gain in gains if gain.problems]
    if not known:
        return Pooled(Gain(0.0, 1.0, 0), (Gain(0.0, 1.0, 0),) * len(gains), (0.0,) * len(gains))
    between = _between(known)
    precision = [1 / (gain.error**2 + between) for gain in known]
    total = math.fsum(precision)
    mean = math.fsum(gain.mean * each for gain, each in zip(known, precision, strict=True)) / total
    overall = Gain(mean, math.sqrt(1 / total), sum(gain.problems for gain in known))
    weights = tuple(between / (between + gain.error**2) if gain.problems else 0.0 for gain in gains)
    believed = tuple(_believed(gain, overall, own) for gain, own in zip(gains, weights, strict=True))
    return Pooled(overall, believed, weights)


def _between(gains: Sequence[Gain]) -> float:
    """The variance of the true gains of bins."""
    precision = [1 / gain.error**2 for gain in gains]
    total = math.fsum(precision)
    mean = math.fsum(gain.mean * each for gain, each in zip(gains, precision, strict=True)) / total
    excess = math.fsum((gain.mean - mean) ** 2 * each for gain, each in zip(gains, precision, strict=True))
    scale = total - math.fsum(each * each for each in precision) / total
    return max(0.0, (excess - (len(gains) - 1)) / scale) if scale > 1e-9 * total else 0.0


def _believed(gain: Gain, overall: Gain, own: float) -> Gain:
    mean = own * gain.mean + (1 - own) * overall.mean
    return Gain(mean, math.sqrt(own * gain.error**2 + (1 - own) ** 2 * overall.error**2), gain.problems)
