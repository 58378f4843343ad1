import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocate.worlds import RATES
from ttcli.allocate.marginal import LADDER, Gains, Seen, SharedBudget, fit_gains, next_batch
from ttcli.allocate.standing import Tallies
from ttcli.stats.logistic import Logistic, Term

ANSWERS = 8


def votes(rng: np.random.Generator, rates: np.ndarray, ladder: list[int]) -> list[Seen]:
    """Majority votes over the same problems, wrong answers spread evenly."""
    right = rng.random((len(rates), ladder[-1])) < rates[:, np.newaxis]
    answers = np.where(right, 0, rng.integers(1, ANSWERS, right.shape))
    seen = []
    for samples in ladder:
        counts = np.stack([(answers[:, :samples] == each).sum(axis=1) for each in range(ANSWERS)], axis=1)
        leader = counts.argmax(axis=1)
        unscored = np.zeros_like(counts)
        tallies = Tallies(counts, unscored, unscored.astype(float), counts.astype(float), leader)
        seen.append(Seen(samples, tallies, (leader == 0).astype(float)))
    return seen


def test_gains_are_expected_where_votes_are_open_and_not_hopeless() -> None:
    rng = np.random.default_rng(0)
    rates = np.repeat(RATES, 300)
    gains = fit_gains(votes(rng, rates, [4, 8, 16, 32]), rates)
    here, _, there, _ = votes(rng, rates, [8, 16, 32, 64])
    worth = gains.worth(8, here.tallies, rates)
    truth = (there.right - here.right) / 24
    for rate in RATES:
        assert worth[rates == rate].mean() == pytest.approx(truth[rates == rate].mean(), abs=0.004)
    assert worth[rates == 0.3].mean() > 3 * max(worth[rates == 0.9].mean(), worth[rates == 0.01].mean())


def test_a_settled_vote_is_worth_nothing() -> None:
    counts = np.array([[20, 0], [9, 8]])
    tallies = Tallies(counts, counts * 0, counts * 0.0, counts * 1.0, np.zeros(2, np.intp))
    gains = Gains(Logistic(-1.0, {}), Logistic(1.0, {}))
    worth = gains.worth(20, tallies, np.array([0.5, 0.5]))
    assert worth[0] == 0
    assert worth[1] == pytest.approx((1 / (1 + np.exp(-1)) - 1 / (1 + np.exp(1))) / 60)


def test_no_loss_is_ever_predicted() -> None:
    counts = np.array([[2, 2]])
    tallies = Tallies(counts, counts * 0, counts * 0.0, counts * 1.0, np.zeros(1, np.intp))
    assert Gains(Logistic(1.0, {}), Logistic(-1.0, {})).worth(4, tallies, np.array([0.5])) == 0


def test_gains_are_learnt_from_votes_with_four_times_as_many_ahead() -> None:
    with pytest.raises(ValueError, match=r"4 n samples: \[4, 8\]"):
        fit_gains(votes(np.random.default_rng(0), RATES, [4, 8]), RATES)


def test_gains_know_their_features_and_a_chance() -> None:
    with pytest.raises(ValueError, match="no feature hair"):
        Gains(Logistic(0.0, {"hair": Term(0.0, 1.0, 1.0)}), Logistic(0.0, {}))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Gains(Logistic(0.0, {}), Logistic(0.0, {}), settled=1.0)


purses = st.tuples(st.integers(1, 12), st.integers(1, 6), st.integers(0, 40), st.integers(0, 200))


@given(purses, st.lists(st.tuples(st.integers(0, 11), st.floats(-1, 1), st.integers(-2, 50)), max_size=60))
def test_no_more_is_spent_than_there_is_and_every_problem_has_its_probe(
    purse_of: tuple[int, int, int, int], bids: list[tuple[int, float, int]]
) -> None:
    problems, probe, more, extra = purse_of
    total, most = problems * probe + extra, probe + more
    shared_budget = SharedBudget(problems, total, probe=probe, most=most)
    for problem, worth, samples in bids:
        shared_budget.bid(problem % problems, worth, samples)
        shared_budget.grant()
        assert sum(shared_budget.granted) + shared_budget.left == total
        assert shared_budget.left >= 0
        assert all(probe <= granted <= most for granted in shared_budget.granted)


@given(st.integers(1, 20), st.integers(4, 40))
def test_the_whole_average_is_spent_while_somebody_asks(problems: int, average: int) -> None:
    shared_budget = SharedBudget(problems, average * problems, probe=4, most=1000)
    for problem in range(problems):
        shared_budget.bid(problem, 0.1, 3)
    while grant := shared_budget.grant():
        shared_budget.bid(grant.problem, 0.1, 3)
    assert sum(shared_budget.granted) == average * problems


def test_the_highest_bid_goes_first_and_the_last_one_is_cut() -> None:
    shared_budget = SharedBudget(3, 20, probe=4, most=100)
    for problem, worth in enumerate([0.1, 0.3, 0.1]):
        shared_budget.bid(problem, worth, 5)
    assert [shared_budget.grant(), shared_budget.grant(), shared_budget.grant()] == [(1, 5), (0, 3), None]
    assert shared_budget.granted == [7, 9, 4]


def test_what_is_worth_nothing_gets_nothing() -> None:
    shared_budget = SharedBudget(1, 100, probe=4, most=100)
    shared_budget.bid(0, 0.0, 5)
    shared_budget.bid(0, 0.5, 0)
    assert shared_budget.grant() is None
    assert shared_budget.left == 96


def test_a_budget_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="do not suffice"):
        SharedBudget(3, 11, probe=4, most=8)
    with pytest.raises(ValueError, match="from 4 to 2"):
        SharedBudget(3, 12, probe=4, most=2)


def test_batches_lead_from_rung_to_rung() -> None:
    assert [next_batch(samples) for samples in (1, 4, 5, 6, 128, LADDER[-1])] == [3, 2, 1, 2, 64, 0]
