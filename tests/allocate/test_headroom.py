from __future__ import annotations

import numpy as np
import pytest

from ttcli.allocate.headroom import headroom
from ttcli.allocate.optimal import Outcomes
from ttcli.stats.logistic import Array

WAYS = ("majority", "adaptive", "beam", "revise:ratio=4")


def table(right: Array) -> Outcomes:
    """Outcomes at one budget; `right` has the shape (problems, ways)."""
    right = right[:, :, np.newaxis]
    drawn = np.full(right.shape, 16.0)
    drawn[:, 1] = 5.0
    return Outcomes(WAYS, (16.0,), right, drawn, drawn, drawn)


def drawn(seed: int, rates: list[list[float]], each: int) -> tuple[Outcomes, np.ndarray]:
    """As many problems per bin; rates by bin and way."""
    rng = np.random.default_rng(seed)
    bins = np.repeat(np.arange(len(rates)), each)
    return table((rng.random((len(bins), len(WAYS))) < np.array(rates)[bins]).astype(float)), bins


def test_where_each_bin_has_a_way_of_its_own_allocation_pays() -> None:
    outcomes, bins = drawn(0, [[0.8, 0.8, 0.3, 0.3], [0.2, 0.2, 0.7, 0.1], [0.1, 0.1, 0.1, 0.6]], 200)
    (told,) = headroom(outcomes, bins, 3, frugal="adaptive")
    best = np.mean([0.8, 0.7, 0.6])
    assert told.accuracy + told.by_bin == pytest.approx(best, abs=0.04)
    assert told.by_bin <= told.by_bin_most + 0.02
    assert told.verdict == "pays"
    assert told.settled == 5.0


def test_where_one_way_is_best_in_every_bin_it_cannot_pay() -> None:
    outcomes, bins = drawn(1, [[0.5, 0.5, 0.9, 0.2], [0.3, 0.3, 0.7, 0.1]], 300)
    (told,) = headroom(outcomes, bins, 2, frugal="adaptive")
    assert (told.fixed, told.by_bin, told.by_bin_most) == ("beam", 0.0, 0.0)
    assert told.verdict == "cannot pay"


def test_the_best_way_of_each_problem_is_luck_where_all_are_equal() -> None:
    """Three ways that toss a coin: one of them is right in 7 of 8 problems, and that means nothing."""
    outcomes, bins = drawn(2, [[0.5] * 4] * 2, 1000)
    (told,) = headroom(outcomes, bins, 2, frugal="adaptive")
    assert told.by_problem_most == pytest.approx(1 - 1 / 8 - 0.5, abs=0.03)
    assert told.luck == pytest.approx(told.by_problem_most, abs=0.12)
    assert told.by_bin == pytest.approx(0.0, abs=0.03)
    assert told.verdict != "pays"


def test_a_way_that_was_not_measured_at_a_budget_takes_no_part() -> None:
    right = np.full((40, 4), 0.5)
    right[:, 3] = np.nan
    (told,) = headroom(table(right), np.zeros(40, np.intp), 1, frugal="adaptive")
    assert (told.fixed, told.accuracy, told.by_problem_most) == ("majority", 0.5, 0.0)
