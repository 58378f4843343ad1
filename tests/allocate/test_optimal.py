from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ttcli.allocate.optimal import Outcomes, choose, chosen, crossed_accuracy, expected, pick, split
from ttcli.stats.logistic import Array

STRATEGIES = ("majority", "beam:m=sqrt", "revise:ratio=4")


def outcomes(right: Array, budgets: tuple[float, ...] = (8.0,)) -> Outcomes:
    ones = np.ones_like(right)
    return Outcomes(STRATEGIES[: right.shape[1]], budgets, right, 8 * ones, 800 * ones, np.full(right.shape, np.nan))


def drawn(seed: int, rates: list[list[float]], each: int) -> tuple[Outcomes, NDArray[np.intp]]:
    """Outcomes of `each` problems per bin; rates by bin and strategy."""
    rng = np.random.default_rng(seed)
    bins = np.repeat(np.arange(len(rates)), each)
    right = (rng.random((len(bins), len(rates[0]))) < np.array(rates)[bins]).astype(float)
    return outcomes(right[:, :, np.newaxis]), bins


def test_what_is_best_in_each_bin_is_chosen_where_there_is_evidence() -> None:
    table, bins = drawn(0, [[0.9, 0.5, 0.9], [0.3, 0.7, 0.3], [0.3, 0.3, 0.7]], 200)
    choices = choose(table, bins, 3)
    assert [each.strategy for each in choices] == ["majority", "beam:m=sqrt", "revise:ratio=4"]
    for each, truth in zip(choices, [0.9, 0.7, 0.7], strict=True):
        assert each.accuracy == pytest.approx(truth, abs=0.1)
        assert each.interval is not None
        assert each.interval.low < truth < each.interval.high
    assert choices[1].gain_interval.low > 0
    assert (choices[1].generations, choices[1].tokens, choices[1].seconds) == (8, 800, None)


def test_nothing_is_shown_to_be_better_where_nothing_is() -> None:
    kept, unshown = 0, 0
    for seed in range(100):
        table, bins = drawn(seed, [[0.5, 0.5, 0.5]] * 2, 40)
        kept += all(each.strategy == "majority" for each in choose(table, bins, 2, rule="shown"))
        unshown += not any(each.shown for each in choose(table, bins, 2))
    assert kept >= 93  # both bins pool their problems and share one mistake in 20
    assert unshown == kept


def test_a_way_replaces_the_vote_where_it_is_likely_to_be_better_and_is_not_called_shown() -> None:
    """Ten of a hundred problems better, four worse: two standard errors are too few for one of two ways to be shown."""
    right = np.zeros((100, 3, 1))
    right[:10, 1], right[10:14, 0] = 1.0, 1.0
    (likely,) = choose(outcomes(right), np.zeros(100, np.intp), 1)
    (shown,) = choose(outcomes(right), np.zeros(100, np.intp), 1, rule="shown")
    assert (likely.strategy, likely.shown, shown.strategy, shown.shown) == ("beam:m=sqrt", False, "majority", False)
    assert likely.gain - likely.gain_interval.low > likely.gain > 0
    right[10:12, 0] = 0.0
    right[12:40, 1] = 1.0
    (sure,) = choose(outcomes(right), np.zeros(100, np.intp), 1)
    assert (sure.strategy, sure.shown) == ("beam:m=sqrt", True)


def test_a_gain_below_its_standard_error_replaces_nothing() -> None:
    right = np.zeros((100, 3, 1))
    right[:10, 1], right[10:18, 0] = 1.0, 1.0
    assert choose(outcomes(right), np.zeros(100, np.intp), 1)[0].strategy == "majority"


def test_a_better_way_on_a_few_problems_is_no_evidence() -> None:
    right = np.array([[[0.0], [1.0], [0.0]]] * 3)
    choice = choose(outcomes(right), np.zeros(3, np.intp), 1)[0]
    assert not choice.shown
    choice = choose(outcomes(right), np.zeros(3, np.intp), 1, rule="shown")[0]
    assert (choice.strategy, choice.gain) == ("majority", 0)


def test_a_bin_of_few_problems_takes_what_suits_all() -> None:
    table, bins = drawn(1, [[0.3, 0.8], [0.3, 0.8], [0.3, 0.8]], 100)
    few = np.concatenate([np.flatnonzero(bins < 2), np.flatnonzero(bins == 2)[:2]])
    choice = choose(outcomes(table.right[few]), bins[few], 3)[2]
    assert (choice.strategy, choice.problems) == ("beam:m=sqrt", 2)
    assert choice.own < 0.1
    empty = choose(outcomes(table.right[few]), bins[few], 4)[3]
    assert (empty.strategy, empty.accuracy, empty.interval, empty.generations) == ("beam:m=sqrt", None, None, None)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([0, 1]))
def test_a_half_is_never_judged_by_its_own_outcomes(seed: int, half: int) -> None:
    table, bins = drawn(seed, [[0.5, 0.7, 0.4], [0.2, 0.5, 0.6]], 30)
    halves = split(bins, seed)
    changed = table.right.copy()
    changed[halves == half] = np.random.default_rng(seed + 1).permutation(changed[halves == half])
    other = replace(table, right=changed)
    learn = halves != half
    assert pick(table, 0, bins, 2, learn, 0.95) == pick(other, 0, bins, 2, learn, 0.95)
    # so what is reported of a problem is the outcome of a strategy that its own half had no say in
    told = crossed_accuracy(other, 0, bins, 2, halves, 0.95)
    strategies = [each.strategy for each in pick(table, 0, bins, 2, learn, 0.95)]
    own = np.flatnonzero(halves == half)
    assert [told[at] for at in own] == [changed[at, strategies[bins[at]], 0] for at in own]


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 9))
def test_each_bin_is_cut_into_halves(numbers: list[int], seed: int) -> None:
    bins = np.array(numbers, dtype=np.intp)
    halves = split(bins, seed)
    for number in set(numbers):
        own = halves[bins == number]
        assert abs(2 * own.sum() - len(own)) <= 1


def test_accuracy_is_not_flattered_by_the_choice() -> None:
    told = []
    for seed in range(200):
        table, bins = drawn(seed, [[0.5, 0.5, 0.5]], 60)
        accuracy = choose(table, bins, 1, level=0.2)[0].accuracy  # so lax that luck is often chosen
        assert accuracy is not None
        told.append(accuracy)
    assert np.mean(told) == pytest.approx(0.5, abs=0.015)


def test_what_was_not_measured_takes_no_part() -> None:
    table, bins = drawn(3, [[0.2, 0.8, 0.5]], 60)
    right = table.right.copy()
    right[:, 1] = np.nan
    assert choose(outcomes(right), bins, 1)[0].strategy == "revise:ratio=4"


def test_a_budget_between_two_takes_the_choice_of_the_higher_one() -> None:
    right = np.zeros((40, 2, 2))
    right[:, 1, 1] = 1.0
    choices = choose(outcomes(right, (8.0, 32.0)), np.zeros(40, np.intp), 1)
    found = [chosen(choices, 0, budget).strategy for budget in (4, 8, 9, 32, 100)]
    assert found == ["majority", "majority", "beam:m=sqrt", "beam:m=sqrt", "beam:m=sqrt"]
    assert (expected(choices, 8.0), expected(choices, 32.0), expected(choices, 9.0)) == (0, 1, None)
    with pytest.raises(ValueError, match="bin 1"):
        chosen(choices, 1, 8)


def test_a_table_that_does_not_hold_together_is_refused() -> None:
    good = np.zeros((2, 2, 1))
    with pytest.raises(ValueError, match="shape"):
        Outcomes(STRATEGIES, (8.0,), good, good, good, good)
    with pytest.raises(ValueError, match="baseline"):
        Outcomes(STRATEGIES[:2], (8.0,), good, good, good, good, "greedy")
    with pytest.raises(ValueError, match="accuracies"):
        outcomes(good + 2)
    with pytest.raises(ValueError, match="a bin from 0 to 0"):
        choose(outcomes(good), np.array([0, 1]), 1)
