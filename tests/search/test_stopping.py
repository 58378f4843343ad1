from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.search.stopping import CONFIDENCE, votes_needed
from ttcli.tally import AnswerClass, Tally, leader_stays


def beta_tail(a: int, b: int) -> Fraction:
    """P(p > 1/2) for p ~ Beta(a + 1, b + 1): the paper's integral, term by term, exactly."""
    powers = (Fraction((-1) ** k * comb(b, k), a + k + 1) * (1 - Fraction(1, 2 ** (a + k + 1))) for k in range(b + 1))
    return sum(powers, Fraction(0)) * Fraction(factorial(a + b + 1), factorial(a) * factorial(b))


def ballot(*counts: int, abstained: int = 0) -> Tally:
    votes = [AnswerClass(str(i), tuple(range(100 * i, 100 * i + n)), float(n), None) for i, n in enumerate(counts)]
    return Tally(tuple(votes), abstained)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_leader_stays_with_the_probability_of_the_papers_integral(leader: int, runner_up: int) -> None:
    assert leader_stays(leader, runner_up) == pytest.approx(float(beta_tail(leader, runner_up)), abs=1e-12)


@pytest.mark.parametrize(
    ("leader", "runner_up", "chance"),
    [
        (0, 0, 1 / 2),
        (1, 0, 3 / 4),
        (3, 0, 15 / 16),
        (4, 0, 31 / 32),
        (5, 1, 120 / 128),
        (6, 1, 247 / 256),
        (7, 7, 1 / 2),
    ],
)
def test_known_chances(leader: int, runner_up: int, chance: float) -> None:
    assert leader_stays(leader, runner_up) == chance


@given(st.integers(0, 60), st.integers(0, 60))
def test_more_votes_for_the_leader_help_and_for_the_runner_up_hurt(leader: int, runner_up: int) -> None:
    chance = leader_stays(leader, runner_up)
    assert 0 < chance < 1 or leader > 40
    assert leader_stays(leader + 1, runner_up) >= chance >= leader_stays(leader, runner_up + 1)


def test_the_chance_of_thousands_of_votes_is_still_a_number() -> None:
    assert leader_stays(6000, 6000) == pytest.approx(0.5, abs=0.01)
    assert leader_stays(6000, 10) == 1


@pytest.mark.parametrize(
    ("counts", "needed"),
    [((), 4), ((1,), 3), ((3,), 1), ((4,), 0), ((1, 1), 5), ((5, 1), 1), ((6, 1), 0), ((5, 1, 1), 1), ((2, 2, 2), 6)],
)
def test_votes_needed_of_a_few_ballots(counts: tuple[int, ...], needed: int) -> None:
    assert votes_needed(ballot(*counts)) == needed


def test_abstentions_settle_nothing() -> None:
    assert votes_needed(ballot(abstained=30)) == 4
    assert votes_needed(ballot(3, abstained=30)) == 1


@given(st.lists(st.integers(1, 20), max_size=4).map(lambda counts: sorted(counts, reverse=True)), st.floats(0.5, 0.999))
def test_votes_needed_are_the_fewest_that_settle_the_vote(counts: list[int], confidence: float) -> None:
    needed = votes_needed(ballot(*counts), confidence)
    leader, runner_up = (*counts, 0, 0)[:2]
    assert leader_stays(leader + needed, runner_up) >= confidence
    assert needed == 0 or leader_stays(leader + needed - 1, runner_up) < confidence


def test_the_default_confidence_is_the_papers() -> None:
    assert CONFIDENCE == 0.95
