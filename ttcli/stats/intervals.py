"""How sure a measured accuracy is, and whether two methods differ on the same problems."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 0.05  # p below it
_AT_ONCE = 100  # resamples: the larger, the faster, and the more memory
_EXACT = 13  # differences whose signs are all tried, 8,192 ways
_FLIPS = 9_999


class Interval(NamedTuple):
    """Ends of a confidence interval."""

    low: float
    high: float


class Comparison(NamedTuple):
    """A method against a baseline on the same problems."""

    difference: float  # of mean accuracies, in [-1, 1]; above 0: the method is better
    interval: Interval  # of the difference
    wins: int  # problems that only the method got right
    losses: int  # problems that only the baseline got right
    p: float  # exact McNemar, two-sided: of so uneven wins and losses if the two were equally good
    p_all: float = 1.0  # sign-flip, two-sided: of so large a difference, over all draws, if they were equally good


def wilson(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """The score interval of a proportion (Wilson 1927), which is never empty and stays in [0, 1].

    `successes` may be a fraction, a sum of probabilities of n problems. Of all values in [0, 1] with the same mean,
    zeros and ones have the largest variance, and the interval assumes that one: it is then wider than need be.

    Raises:
        ValueError: n below 1, successes outside [0, n], a confidence outside (0, 1).
    """
    if n < 1 or not -1e-9 <= successes / n <= 1 + 1e-9:  # sums of floats round
        raise ValueError(f"{successes} successes of {n} are no proportion")
    k = min(max(successes, 0.0), float(n))
    z = _quantile(confidence)
    return Interval(_wilson_low(k, n, z), 1 - _wilson_low(n - k, n, z))


def _wilson_low(k: float, n: int, z: float) -> float:
    """The smaller root p of (k - n p)^2 = z^2 n p (1 - p), from the product of both: their difference loses digits."""
    return k * k / n / (k + z * z / 2 + z * math.sqrt(k * (n - k) / n + z * z / 4))


def compare(
    method: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    method_outcomes: NDArray[np.bool_],
    baseline_outcomes: NDArray[np.bool_],
    seed: int = 0,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Comparison:
    """Pair the problems of two methods, position by position; all arrays have the shape (problems,).

    `method` and `baseline` are accuracies in [0, 1], averaged over what could have been drawn. Their mean difference
    gets the percentile bootstrap over problems (Efron 1979), which has no width where all differences are equal. The
    outcomes are right or wrong in the run as it was; problems where they differ go into McNemar's exact test.
    The differences go into a sign-flip test, which speaks of the same draws as their mean does.

    Raises:
        ValueError: no problems, shapes that differ, accuracies outside [0, 1], a confidence outside (0, 1).
    """
    arrays = (method, baseline, method_outcomes, baseline_outcomes)
    if not len(method) or any(array.shape != (len(method),) for array in arrays):
        raise ValueError(f"there is nothing to pair in shapes {[array.shape for array in arrays]}")
    if not all(array.min() >= 0 and array.max() <= 1 for array in (method, baseline)):
        raise ValueError("accuracies must be in [0, 1]")
    differences = method - baseline
    n = len(differences)
    rng = np.random.default_rng(seed)
    means = np.concatenate([differences[rng.integers(n, size=(part, n))].mean(axis=1) for part in _parts(resamples)])
    wins = int(np.count_nonzero(method_outcomes & ~baseline_outcomes))
    losses = int(np.count_nonzero(baseline_outcomes & ~method_outcomes))
    p = mcnemar(wins, losses)
    interval = percentile_interval(means, confidence)
    return Comparison(float(differences.mean()), interval, wins, losses, p, sign_flip(differences))


def mcnemar(wins: int, losses: int) -> float:
    """p = min(1, 2 P(X <= min(wins, losses))), X ~ Binomial(wins + losses, 1/2); 1 where both are 0 (McNemar 1947).

    In whole numbers, and so exact; SciPy says the same, but takes longer to load than a table may take.
    """
    tosses = wins + losses
    ways = sum(math.comb(tosses, heads) for heads in range(min(wins, losses) + 1))
    return min(1.0, 2 * ways / (1 << tosses))


def sign_flip(differences: NDArray[np.float64], *, seed: int = 0) -> float:
    """How often the mean would be as far from 0 if chance gave each difference its sign: two-sided p (Fisher 1935).

    Exact for up to 13 differences other than 0; of more, 9,999 assignments of signs are drawn, and what was measured
    counts as one besides (Phipson and Smyth 2010). Five differences never come below 0.05, whatever they are, where a
    bootstrap of as few may give an interval that leaves out 0.
    """
    moved = differences[differences != 0]
    n = len(moved)
    total = float(moved.sum())
    if n <= _EXACT:
        flipped = (np.arange(1 << n)[:, None] >> np.arange(n) & 1) @ moved
    else:
        rng = np.random.default_rng(seed)
        drawn = [rng.integers(2, size=(part, n)) @ moved for part in _parts(_FLIPS)]
        flipped = np.concatenate([np.zeros(1), *drawn])  # first the signs as they are
    as_far = np.abs(total - 2 * flipped) >= abs(total) - 1e-9  # sums of floats round
    return float(as_far.mean())


def _parts(count: int) -> list[int]:
    """So many resamples, in parts that are drawn at once."""
    return [min(_AT_ONCE, count - drawn) for drawn in range(0, count, _AT_ONCE)]


def needed(difference: float, discordant_share: float, power: float = 0.8, confidence: float = 0.95) -> int | None:
    """How many problems McNemar's exact test needs to tell such a difference; None for no difference, which none would.

    `discordant_share` is the share of problems that one method alone gets right, psi; it is at least the difference d,
    and taken as such where less was measured. Connor (1987) wants n with |d| sqrt(n) = a,
    a = z_confidence sqrt(psi) + z_power sqrt(psi - d^2). The exact test is more careful, as is Edwards' (1948)
    correction, which wants |d| n - 1 = a sqrt(n); from there n = ((a + sqrt(a^2 + 4 |d|)) / (2 |d|))^2.

    Raises:
        ValueError: a difference outside [-1, 1], a share outside [0, 1], a power or confidence outside (0, 1).
    """
    if not (-1 <= difference <= 1 and 0 <= discordant_share <= 1 and 0 < power < 1):
        raise ValueError(f"no test has {difference=}, {discordant_share=}, {power=}")
    d = abs(difference)
    if d == 0:
        return None
    psi = max(discordant_share, d)
    a = _quantile(confidence) * math.sqrt(psi) + NormalDist().inv_cdf(power) * math.sqrt(psi - d * d)
    return math.ceil(((a + math.sqrt(a * a + 4 * d)) / (2 * d)) ** 2)


def resamples(problems: int, seed: int, count: int = 2000) -> NDArray[np.float64]:
    """How often each problem is there when as many are drawn with replacement: of the shape (count, problems)."""
    drawn = np.random.default_rng(seed).multinomial(problems, np.full(problems, 1 / problems), count)
    return drawn.astype(np.float64)


def percentile_interval(resampled: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """The percentile bootstrap (Efron 1979) of a figure, from its values in resamples; nan: it has none there.

    Raises:
        ValueError: a confidence outside (0, 1).
    """
    tail = _tail(confidence)
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _quantile(confidence: float) -> float:
    """z of a two-sided normal interval: 1.96 for 0.95."""
    return -NormalDist().inv_cdf(_tail(confidence))


def _tail(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    return (1 - confidence) / 2
