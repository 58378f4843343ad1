from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from search.runs import ENDLESS, FIVE, FOUR, LINES, NONE, Run
from ttcli.answers import vote
from ttcli.cost import Budget, Unit
from ttcli.policy.script import ScriptLine
from ttcli.search.stopping import votes_needed
from ttcli.solution import Candidate


def one_at_a_time(candidates: Sequence[Candidate]) -> int:
    """How many of these the paper's rule draws, which asks after each."""
    return next(
        (n for n in range(len(candidates) + 1) if not votes_needed(vote.majority(candidates[:n]))), len(candidates)
    )


def test_four_that_agree_are_enough() -> None:
    outcome = Run([FOUR], "adaptive", Budget(64)).outcome()
    assert len(outcome.candidates) == 4
    assert (outcome.answer, outcome.stopped) == ("4", None)


def test_it_goes_on_where_answers_differ() -> None:
    lengths = {len(Run([FOUR, FIVE], "adaptive", Budget(64), seed=seed).outcome().candidates) for seed in range(10)}
    assert max(lengths) > 4


def test_it_never_ends_early_where_nobody_answers() -> None:
    outcome = Run([NONE, ENDLESS], "adaptive", Budget(9)).outcome()
    assert (len(outcome.candidates), outcome.answer) == (9, None)


def test_a_budget_below_four_is_spent_and_voted_upon() -> None:
    outcome = Run([FOUR], "adaptive", Budget(2)).outcome()
    assert (len(outcome.candidates), outcome.answer) == (2, "4")


@settings(deadline=None, max_examples=60)
@given(LINES, st.integers(1, 24), st.integers(1, 6), st.integers(0, 5))
def test_it_draws_exactly_what_the_one_at_a_time_rule_draws(
    lines: list[ScriptLine], budget: int, width: int, seed: int
) -> None:
    everybody = Run(lines, "majority", Budget(budget), seed=seed).outcome().candidates
    run = Run(lines, "adaptive", Budget(budget), width=width, seed=seed)
    drawn = run.outcome().candidates
    assert drawn == everybody[: one_at_a_time(everybody)]


def test_with_a_token_budget_it_waits_and_goes_on() -> None:
    outcome = Run([FOUR, FIVE], "adaptive", Budget(90, Unit.TOKENS), seed=1, max_tokens=10).outcome()
    assert outcome.cost.tokens <= 90
    assert outcome.answer in {"4", "5"}
