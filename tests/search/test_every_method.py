"""What holds of every method, whatever the script, the width, the seed and the budget.

Those that draw step by step are in test_tree_properties, but for what needs no budget of their own.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from leaving import leave

from search.runs import FIVE, FOUR, LINES, NONE, PROBLEM, Run, check_cost, check_order, of, outcome_of
from ttcli.cost import Budget, Meter, Stopped, Unit
from ttcli.errors import UsageError
from ttcli.events import CandidateFinished, CandidateScored, CandidateStarted, RunFinished
from ttcli.search.methods import METHODS
from ttcli.solution import Ended

WHOLE = sorted(name for name, method in METHODS.items() if not method.stepwise)  # they draw candidates in one go
METHOD = st.sampled_from(WHOLE)
INDEPENDENT = [name for name in WHOLE if not METHODS[name].attempts]  # of the others, test_revise checks the costs
RUNS = st.builds(
    Run,
    LINES,
    METHOD,
    st.one_of(
        st.integers(1, 12).map(Budget),
        st.integers(1, 120).map(lambda amount: Budget(amount, Unit.TOKENS)),
        st.floats(0.1, 30).map(lambda amount: Budget(amount, Unit.SECONDS)),
    ),
    width=st.integers(1, 6),
    seed=st.integers(0, 3),
    pace=st.just(1.0),
)
INTERRUPTED = st.builds(lambda run, step: replace(run, interrupt_at=step), RUNS, st.integers(1, 15))
ALONE = RUNS.filter(lambda run: run.method in INDEPENDENT)
quick = settings(deadline=None, max_examples=40)


@quick
@given(ALONE)
def test_events_come_in_order_and_their_costs_add_up(run: Run) -> None:
    events = run.events()
    check_order(events)
    check_cost(events)


@quick
@given(RUNS)
def test_no_more_is_spent_than_the_budget(run: Run) -> None:
    outcome = run.outcome()
    cost, amount = outcome.cost, run.budget.amount
    if run.budget.unit is Unit.GENERATIONS:
        assert cost.generations <= amount
    elif run.budget.unit is Unit.TOKENS:
        assert cost.tokens < max(cost.prompt_tokens, amount) + run.width  # a decode is not halved
    else:
        assert cost.seconds < amount + run.pace


@quick
@given(RUNS)
def test_the_same_seed_yields_the_same_events(run: Run) -> None:
    assert run.events() == replace(run).events()


@quick
@given(RUNS, st.integers(1, 6))
def test_the_width_changes_no_candidate(run: Run, width: int) -> None:
    assume(run.method != "short")  # which thoughts end first hangs on how many grow at once
    run = replace(run, budget=Budget(6))
    assert run.outcome().candidates == replace(run, width=width).outcome().candidates


@quick
@given(RUNS | INTERRUPTED)
def test_no_prefix_is_left_behind(run: Run) -> None:
    run.events()
    assert not run.policy.live


@quick
@given(RUNS, st.integers(0, 30))
def test_no_prefix_is_left_behind_when_nobody_reads_on(run: Run, events: int) -> None:
    iterator = run.iterate()
    for _ in zip(range(events), iterator, strict=False):
        pass
    leave(iterator)
    assert not run.policy.live


@quick
@given(INTERRUPTED)
def test_an_interrupted_run_ends_at_once_with_what_it_has(run: Run) -> None:
    events = run.events()
    if run.method in INDEPENDENT:
        check_order(events)
        check_cost(events)
    outcome = outcome_of(events)
    if run.steps >= (run.interrupt_at or 0):
        assert outcome.stopped is Stopped.INTERRUPT
        assert run.steps == run.interrupt_at
    voters = [candidate for candidate in outcome.candidates if candidate.answer is not None]
    assert (outcome.answer is not None) == bool(voters)
    for candidate in outcome.candidates:
        if candidate.ended is Ended.CUT and candidate.answer is not None:
            assert f"\\boxed{{{candidate.answer}}}" in candidate.text


@quick
@given(RUNS)
def test_every_answer_of_a_verified_method_is_scored_and_of_no_other(run: Run) -> None:
    events = run.events()
    answered = [event for event in of(CandidateFinished, events) if event.candidate.answer is not None]
    expected = len(answered) if METHODS[run.method].verified else 0  # auto has no adviser here
    assert len(of(CandidateScored, events)) == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_prompt_that_fills_the_token_budget_draws_nothing(method: str) -> None:
    run = Run([FOUR], method, Budget(len(PROBLEM.text.split()), Unit.TOKENS))
    assert [type(event).__name__ for event in run.events()] == ["VoteUpdated", "RunFinished"]
    outcome = replace(run).outcome()
    assert (outcome.answer, outcome.candidates, outcome.stopped) == (None, (), Stopped.BUDGET)


@pytest.mark.parametrize("method", WHOLE)
def test_a_token_budget_ends_the_run_and_still_votes(method: str) -> None:
    outcome = Run([FOUR, FIVE, NONE], method, Budget(40, Unit.TOKENS), max_tokens=10).outcome()
    assert outcome.answer in {"4", "5"}
    assert outcome.cost.tokens <= 40


@pytest.mark.parametrize("method", sorted(set(WHOLE) - {"greedy"}))
def test_a_time_budget_ends_the_run_and_still_votes(method: str) -> None:
    five = replace(FIVE, text="Let me see what I can guess: \\boxed{5}")
    outcome = Run([FOUR, five], method, Budget(12, Unit.SECONDS), pace=1.0).outcome()
    assert outcome.cost.seconds <= 12
    assert outcome.answer in {"4", "5"}


def test_a_time_budget_is_up_in_the_middle_of_a_text() -> None:
    run = Run([FOUR], "majority", Budget(4, Unit.SECONDS), pace=1.0)
    outcome = run.outcome()
    assert outcome.stopped is Stopped.BUDGET
    assert [candidate.ended for candidate in outcome.candidates] == [Ended.CUT]
    assert outcome.answer is None


def test_a_run_that_came_to_its_end_was_not_stopped() -> None:
    assert Run([FOUR], "majority", Budget(5)).outcome().stopped is None


def test_solved_is_yielded_once() -> None:
    for method in METHODS:
        assert len(of(RunFinished, Run([FOUR, NONE], method).events())) == 1


def test_a_candidate_is_opened_in_the_step_that_begins_it() -> None:
    events = Run([FOUR], "majority", Budget(2), width=1).events()
    kinds = [type(event).__name__ for event in events if type(event).__name__ != "CostUpdated"]
    words = len(FOUR.text.split(" ")) + 1  # a step ends without a space
    first = ["CandidateStarted", *["CandidateToken"] * words, "CandidateFinished", "VoteUpdated"]
    assert kinds == [*first, *first, "VoteUpdated", "RunFinished"]
    assert of(CandidateStarted, events) == [CandidateStarted(0), CandidateStarted(1)]


def test_a_verified_method_without_a_verifier_is_refused() -> None:
    run = Run([FOUR])
    with pytest.raises(UsageError, match="best-of-n needs a verifier"):
        METHODS["best-of-n"].run(PROBLEM, run.policy, None, Meter(run.budget, max_tokens=1), seed=0)


def test_every_method_is_listed_under_its_own_name_with_a_summary() -> None:
    assert all(method.name == name and method.summary for name, method in METHODS.items())
    assert all(method.plain or method.verified or method.advised for method in METHODS.values())
    assert [name for name, method in METHODS.items() if method.plain and method.verified] == ["revise"]
