import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, binomtest, permutation_test

from ttcli.stats.intervals import Comparison, compare, mcnemar, needed, sign_flip, wilson


def floats(*values: float) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def bools(*values: int) -> NDArray[np.bool_]:
    return np.array(values, dtype=np.bool_)


def of_outcomes(method: NDArray[np.bool_], baseline: NDArray[np.bool_], **options: Any) -> Comparison:
    """Of two runs, without averages over what else could have been drawn."""
    averages = (method.astype(np.float64), baseline.astype(np.float64))
    return compare(*averages, method_outcomes=method, baseline_outcomes=baseline, **options)


@given(st.integers(1, 2000), st.data(), st.floats(0.5, 0.999))
def test_wilson_is_what_scipy_says(n: int, data: st.DataObject, confidence: float) -> None:
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson(k, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 500), st.data())
def test_wilson_stays_in_bounds_around_a_proportion(n: int, data: st.DataObject) -> None:
    k = data.draw(st.floats(0, n))
    low, high = wilson(k, n)
    assert 0 <= low < high <= 1
    assert low <= k / n <= high


def test_wilson_ends_are_exact_and_rounded_sums_are_taken_for_them() -> None:
    assert wilson(0, 10).low == wilson(-1e-12, 10).low == 0.0
    assert wilson(10, 10).high == wilson(10 + 1e-12, 10).high == 1.0


def test_wilson_of_probabilities_covers_the_mean_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    n, covered = 40, 0
    for sums in rng.beta(2, 3, size=(1000, n)).sum(axis=1):  # true mean 0.4
        low, high = wilson(float(sums), n)
        covered += low <= 0.4 <= high
    assert covered >= 995


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(0, 0, 0.9), (3, 2, 0.9), (-1, 2, 0.9), (math.nan, 2, 0.9), (1, 2, 1.0)]
)
def test_wilson_refuses_what_is_no_proportion(successes: float, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"no proportion|confidence"):
        wilson(successes, n, confidence)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_sign_test_of_scipy(wins: int, losses: int) -> None:
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(wins, losses) == mcnemar(losses, wins)


@given(st.lists(st.floats(-1, 1).map(lambda value: round(value, 2)), min_size=2, max_size=9))
def test_sign_flips_are_the_permutation_test_of_scipy(values: list[float]) -> None:
    def total(sample: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        rounded: NDArray[np.float64] = np.round(sample.sum(axis=axis), 9)  # as far but for rounding: counts as that
        return rounded

    expected = permutation_test((values,), total, permutation_type="samples", vectorized=True)
    assert sign_flip(floats(*values)) == pytest.approx(expected.pvalue, abs=1e-9)


def test_sign_flips_of_many_are_drawn_and_come_near_the_exact_ones() -> None:
    wins, losses = 14, 5
    drawn = sign_flip(floats(*[1] * wins, *[-1] * losses, *[0] * 40))
    assert drawn == pytest.approx(mcnemar(wins, losses), abs=0.01)  # 9,999 draws have a standard error of 0.0024
    assert sign_flip(floats(*[1] * 40)) == pytest.approx(1e-4)  # never 0
    assert sign_flip(floats(0, 0)) == 1


def test_five_problems_never_tell() -> None:
    assert sign_flip(floats(0.2, 0.9, 0.5, 1, 0.1)) == 2 / 2**5
    assert sign_flip(floats(0.2, 0.9, 0.5, 1, 0.1, 0.3)) == 2 / 2**6


def test_mcnemar_is_what_statsmodels_says() -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    for wins, losses in [(0, 1), (1, 0), (5, 5), (3, 12), (40, 61), (0, 9)]:
        expected = tables.mcnemar([[7, wins], [losses, 9]], exact=True).pvalue
        assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9)


def test_wins_and_losses_are_counted_and_tested() -> None:
    method, baseline = bools(1, 1, 1, 0, 0, 1, 1), bools(1, 0, 0, 1, 0, 0, 0)
    comparison = of_outcomes(method, baseline)
    assert comparison.difference == pytest.approx(3 / 7)
    assert (comparison.wins, comparison.losses) == (4, 1)
    assert comparison.p == pytest.approx(binomtest(1, 5).pvalue)


def test_the_difference_is_of_averages_and_the_test_of_outcomes() -> None:
    comparison = compare(
        floats(0.5, 1.0), floats(0.25, 0.5), method_outcomes=bools(0, 1), baseline_outcomes=bools(1, 1)
    )
    assert comparison.difference == 0.375
    assert comparison.interval == (0.25, 0.5)
    assert (comparison.wins, comparison.losses, comparison.p) == (0, 1, 1.0)


@pytest.mark.parametrize("difference", [0.0, 0.1, -0.3, 1.0])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_equal_differences_leave_no_width(difference: float, n: int) -> None:
    method, baseline = np.full(n, max(difference, 0.0)), np.full(n, max(-difference, 0.0))
    same = np.ones(n, dtype=np.bool_)
    comparison = compare(method, baseline, method_outcomes=same, baseline_outcomes=same)
    assert comparison.interval == (comparison.difference, comparison.difference)
    assert comparison.difference == pytest.approx(difference)
    assert (comparison.wins, comparison.losses, comparison.p) == (0, 0, 1.0)


def test_the_interval_is_the_one_of_large_numbers() -> None:
    rng = np.random.default_rng(3)
    method, baseline = rng.random(1500) < 0.6, rng.random(1500) < 0.5
    comparison = of_outcomes(method, baseline, resamples=5000)
    differences = method.astype(float) - baseline.astype(float)
    half = 1.96 * differences.std() / math.sqrt(1500)
    assert comparison.interval == pytest.approx(
        (comparison.difference - half, comparison.difference + half), abs=half / 10
    )


def test_the_seed_decides_and_the_confidence_widens() -> None:
    rng = np.random.default_rng(4)
    method, baseline = rng.random(200) < 0.6, rng.random(200) < 0.5
    assert of_outcomes(method, baseline, seed=1) == of_outcomes(method, baseline, seed=1)
    assert of_outcomes(method, baseline, seed=1) != of_outcomes(method, baseline, seed=2)
    narrow = of_outcomes(method, baseline, confidence=0.5).interval
    wide = of_outcomes(method, baseline, confidence=0.99).interval
    assert wide.low < narrow.low < narrow.high < wide.high


def test_nothing_and_what_does_not_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to pair"):
        of_outcomes(bools(), bools())
    with pytest.raises(ValueError, match="nothing to pair"):
        of_outcomes(bools(1, 0), bools(1))
    for wrong in (math.nan, 1.5, -0.5):
        with pytest.raises(ValueError, match=r"accuracies must be in \[0, 1\]"):
            compare(floats(wrong), floats(0), method_outcomes=bools(1), baseline_outcomes=bools(1))
    with pytest.raises(ValueError, match="confidence"):
        of_outcomes(bools(1), bools(0), confidence=1.0)


def power(n: int, difference: float, share: float) -> float:
    """The probability that McNemar's exact test finds p <= 0.05, summed over all that n problems may come to."""
    total = 0.0
    for discordant in range(n + 1):
        wins = np.arange(discordant + 1)
        p = np.minimum(1, 2 * binom.cdf(np.minimum(wins, discordant - wins), discordant, 0.5))
        found = binom.pmf(wins, discordant, (share + difference) / (2 * share))[p <= 0.05].sum()
        total += binom.pmf(discordant, n, share) * found
    return total


@pytest.mark.parametrize(("difference", "share"), [(0.1, 0.3), (0.1, 0.15), (0.3, 0.5), (0.2, 0.4), (1.0, 1.0)])
def test_as_many_problems_as_needed_do_tell(difference: float, share: float) -> None:
    n = needed(difference, share)
    assert n is not None
    assert power(n, difference, share) >= 0.8
    assert power(math.floor(0.85 * n), difference, share) < 0.8


def test_needed_is_connors_number_for_many_problems() -> None:
    connor = (1.959964 * math.sqrt(0.2) + 0.841621 * math.sqrt(0.2 - 0.01**2)) ** 2 / 0.01**2
    assert needed(0.01, 0.2) == pytest.approx(connor + 2 / 0.01, rel=1e-4)


def test_no_difference_is_never_told_and_its_sign_does_not_matter() -> None:
    assert needed(0.0, 0.3) is None
    assert needed(-0.1, 0.3) == needed(0.1, 0.3)


@settings(max_examples=50)
@given(st.floats(0.01, 1), st.floats(0, 1))
def test_less_discordance_than_difference_counts_as_just_enough(difference: float, share: float) -> None:
    n = needed(difference, share)
    assert n == needed(difference, max(share, difference))
    assert n is not None
    assert n >= 6  # the fewest that an exact test can tell anything by


@pytest.mark.parametrize(
    ("difference", "share", "wanted", "confidence"),
    [(2, 0.3, 0.8, 0.9), (0.1, 2, 0.8, 0.9), (0.1, 0.3, 1.0, 0.9), (math.nan, 0.3, 0.8, 0.9), (0.1, 0.3, 0.8, 0.0)],
)
def test_needed_refuses_what_no_test_has(difference: float, share: float, wanted: float, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"no test has|confidence"):
        needed(difference, share, wanted, confidence)
