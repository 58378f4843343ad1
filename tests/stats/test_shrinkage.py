import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.stats.shrinkage import Gain, paired, pool, share

gains = st.builds(Gain, st.floats(-0.9, 0.9), st.floats(0.01, 1.0), st.integers(1, 500))


@given(st.lists(st.floats(-1, 1), max_size=50))
def test_a_paired_gain_has_width_and_is_drawn_to_nothing(differences: list[float]) -> None:
    gain = paired(np.array(differences, dtype=float))
    assert gain.error > 0
    assert gain.problems == len(differences)
    assert abs(gain.mean) <= abs(np.mean(differences or [0.0])) + 1e-12


def test_an_interval_of_paired_gains_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        outcomes = rng.choice([1.0, 0.0, -1.0], size=30, p=[0.25, 0.65, 0.10])
        low, high = paired(outcomes).bounds(0.95)
        held += low <= 0.15 <= high
    assert held >= 0.93 * 2000


def test_more_comparisons_make_an_interval_wider() -> None:
    gain = Gain(0.1, 0.05, 20)
    assert gain.bounds(0.95, 3).low < gain.bounds(0.95).low
    assert gain.bounds(0.95).low == pytest.approx(0.1 - 1.959964 * 0.05)


@given(st.lists(st.floats(0, 1), max_size=50))
def test_a_share_has_an_interval_inside_0_and_1(outcomes: list[float]) -> None:
    low, high = share(np.array(outcomes, dtype=float))
    assert 0 <= low < high <= 1


def test_a_share_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    intervals = [share((rng.random(40) < 0.8).astype(float)) for _ in range(2000)]
    assert sum(low <= 0.8 <= high for low, high in intervals) >= 0.93 * 2000


@given(st.lists(gains, min_size=1, max_size=6))
def test_what_is_believed_lies_between_a_bin_and_all(known: list[Gain]) -> None:
    pooled = pool(known)
    for gain, believed, own in zip(known, pooled.gains, pooled.weights, strict=True):
        low, high = sorted([gain.mean, pooled.overall.mean])
        assert low - 1e-9 <= believed.mean <= high + 1e-9
        assert 0 <= own <= 1


def test_bins_that_are_alike_all_get_the_overall_gain() -> None:
    pooled = pool([Gain(0.1, 0.05, 100), Gain(0.11, 0.05, 100), Gain(0.09, 0.05, 100)])
    assert pooled.weights == (0, 0, 0)
    assert [gain.mean for gain in pooled.gains] == pytest.approx([0.1] * 3)
    assert pooled.gains[0].error == pytest.approx(0.05 / math.sqrt(3))


def test_bins_that_differ_beyond_luck_keep_their_own_gains() -> None:
    pooled = pool([Gain(0.4, 0.001, 10_000), Gain(-0.4, 0.001, 10_000)])
    assert [gain.mean for gain in pooled.gains] == pytest.approx([0.4, -0.4], abs=1e-4)
    assert all(own > 0.999 for own in pooled.weights)


def test_the_fewer_problems_a_bin_has_the_more_it_is_believed_to_be_like_all() -> None:
    own = [pool([Gain(0.3, 0.02, 500), Gain(-0.2, 0.02, 500), Gain(0.9, error, 3)]).weights[2] for error in (0.05, 1)]
    assert own[1] < 0.2 < own[0]


def test_a_bin_without_problems_is_believed_to_be_like_all() -> None:
    pooled = pool([Gain(0.3, 0.1, 50), Gain(0.0, 1.0, 0)])
    assert pooled.weights[1] == 0
    assert pooled.gains[1].mean == pooled.overall.mean == pytest.approx(0.3)
    assert pool([Gain(0.0, 1.0, 0)]).gains[0].bounds(0.95).low < 0
