from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.runs import FIVE, FOUR, LINES, PROBLEM, Run, of
from terminal.forest import SMALL, SMALL_EVENTS, SMALL_OUTCOME, TREE_BEGAN, node, outcome_of

from ttcli.cost import Budget, Cost, Unit
from ttcli.errors import UsageError
from ttcli.events import (
    CandidateToken,
    CostUpdated,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepsSelected,
    StepStarted,
    StepToken,
)
from ttcli.record.encode import KINDS, event_record, record
from ttcli.record.recording import Recorded, as_tree, read_event, read_outcome, read_record, retell

METHODS = ["adaptive", "majority", "best-of-n", "beam", "lookahead", "dvts", "rebase", "particles"]
BEGAN = RunStarted(PROBLEM, "beam", "scripted", "scripted", Budget(8), 7)


def through_json(content: Any) -> Any:
    return json.loads(json.dumps(content))


def written(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = through_json(record(TREE_BEGAN, SMALL_OUTCOME))
    return {**told, **changes}


# -- what was written is read


@settings(deadline=None)
@given(LINES, st.sampled_from(METHODS), st.integers(0, 5))
def test_a_record_reads_back_as_the_run_it_was(lines: Any, method: str, seed: int) -> None:
    outcome = Run(lines, method, Budget(8), seed=seed).outcome()
    began = replace(BEGAN, method=method)
    found = read_record(through_json(record(began, outcome)), "a file")
    assert (found.began, found.outcome) == (began, outcome)


@settings(deadline=None)
@given(LINES, st.sampled_from(METHODS), st.integers(0, 5))
def test_events_that_are_kept_read_back_as_they_were(lines: Any, method: str, seed: int) -> None:
    events = Run(lines, method, Budget(8), seed=seed).events()
    for event in events:
        if not isinstance(event, CandidateToken | StepToken | CostUpdated | RunFinished):
            assert read_event(through_json(event_record(event))) == event


def test_a_record_from_before_there_were_trees_is_read() -> None:
    outcome = Run([FOUR, FIVE], "majority").outcome()
    told = through_json(record(BEGAN, outcome))
    del told["tree"]
    for each in told["candidates"]:
        del each["node"]
    assert read_record(told, "a file").outcome == outcome


@pytest.mark.parametrize("budget", [Budget(4), Budget(2000, Unit.TOKENS), Budget(0.5, Unit.SECONDS)])
def test_a_budget_reads_back_in_its_unit(budget: Budget) -> None:
    told = record(replace(TREE_BEGAN, budget=budget, verifier=None), SMALL_OUTCOME)
    assert read_record(through_json(told), "a file").began == replace(TREE_BEGAN, budget=budget, verifier=None)


# -- what is no record


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    told = written()
    change(told)
    return told


BAD: list[tuple[object, str]] = [
    ([1], "is no record of ttc solve"),
    ("text", "is no record of ttc solve"),
    (None, "is no record of ttc solve"),
    ({}, "is no record of ttc solve"),
    ({"version": 1, "type": "problem", "position": 0}, "is no record of ttc solve"),
    (written(version=2), "of version 2, and this ttc reads version 1"),
    (written(version="x"), "of version 'x'"),
    (broken(lambda told: told.pop("cost")), "it has no cost"),
    (broken(lambda told: told.pop("budget")), "it has no budget"),
    (written(budget="much"), "'much' is not a budget"),
    (written(seed="0"), "'0' is no whole number"),
    (written(problem=None), "None is no text"),
    (written(candidates=[1]), "1 is no candidate"),
    (written(candidates={}), "{} is no list"),
    (written(stopped="tired"), "'tired' is not a valid Stopped"),
    (written(cost=7), "7 is no cost"),
    (broken(lambda told: told["tree"][3].pop("text")), "a node has no text"),
    (broken(lambda told: told["tree"][3].update(tokens=True)), "True is no whole number"),
    (broken(lambda told: told["tree"][3].update(score="high")), "'high' is no number"),
    (broken(lambda told: told["tree"][3].update(score=1.5)), "1.5 is no score between 0 and 1"),
    (broken(lambda told: told["tree"][3].update(logprob=float("nan"))), "nan is no number"),
    (broken(lambda told: told["tree"][3].update(parent=4)), "step 4 from step 4 is out of order"),
    (broken(lambda told: told["tree"][3].update(parent=-1)), "step 4 from step -1 is out of order"),
    (broken(lambda told: told["tree"][3].update(number=3)), "step 3 from step 0 is out of order"),
    (broken(lambda told: told["candidates"][1].update(node=99)), "a candidate ends at no step"),
    (broken(lambda told: told["candidates"][1].update(node=0)), "a candidate ends at no step"),
    (broken(lambda told: told["candidates"][1].update(index=0)), "the candidates are out of order"),
    (broken(lambda told: told["votes"][0].update(members=[5])), "a vote is of no candidate"),
    (broken(lambda told: told["votes"][0].update(members=[])), "a vote is of no candidate"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_no_record_is_refused_with_the_reason(content: object, message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_record(content, "a file")
    assert str(error.value).startswith("a file is ")
    assert message in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize("content", [{"event": "grew", "candidate": 0, "text": ""}, {}, {"event": "opened"}])
def test_an_event_of_an_unknown_kind_or_form_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_event(content)


# -- a run told again


def test_a_run_is_retold_round_by_round_from_its_outcome() -> None:
    events = [*retell(SMALL_OUTCOME)]
    kinds = [type(event).__name__ for event in events]
    a_round = [*["StepStarted"] * 4, *["StepFinished", "StepScored"] * 4, "StepsSelected"]
    assert kinds == [*a_round, *a_round, "CandidateFinished", "CandidateFinished", "VoteUpdated"]
    assert of(StepsSelected, events) == [StepsSelected(1, (1, 3), (2, 4)), StepsSelected(2, (5, 7), (6, 8))]
    original = [event.node for event in SMALL_EVENTS if isinstance(event, StepFinished)]
    assert [event.node for event in of(StepFinished, events)] == original


def test_rollouts_belong_to_the_round_of_the_steps_they_look_ahead_of() -> None:
    tree = [node(1, 0), node(2, 0), node(3, 1, rollout=True), node(4, 2), node(5, 4, rollout=True)]
    events = [*retell(outcome_of([], tree))]
    forked: list[list[int]] = [[]]
    for event in events:
        if isinstance(event, StepStarted):
            forked[-1].append(event.node)
        elif isinstance(event, StepsSelected):
            forked.append([])
    assert forked == [[1, 2, 3], [4, 5], []]


def test_independent_candidates_are_retold_one_after_the_other() -> None:
    outcome = Run([FOUR, FIVE], "majority", Budget(3)).outcome()
    kinds = [type(event).__name__ for event in retell(outcome)]
    assert kinds == ["CandidateStarted", "CandidateFinished"] * 3 + ["VoteUpdated"]


def test_independent_candidates_make_a_tree_of_one_step_each() -> None:
    outcome = as_tree(Run([FOUR, FIVE], "best-of-n", Budget(3)).outcome())
    assert [(each.number, each.parent) for each in outcome.tree] == [(1, 0), (2, 0), (3, 0)]
    for candidate, step in zip(outcome.candidates, outcome.tree, strict=True):
        assert candidate.node == step.number
        assert (candidate.text, candidate.tokens, candidate.score) == (step.text, step.tokens, step.score)
    assert as_tree(SMALL_OUTCOME) == SMALL_OUTCOME


def seconds(run: Recorded, speed: float) -> float:
    return sum(wait for wait, _ in run.paced(speed))


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0])
def test_a_replay_takes_as_long_as_the_run_did_at_its_speed(speed: float) -> None:
    run = Recorded(TREE_BEGAN, tuple(retell(SMALL_OUTCOME)), SMALL_OUTCOME)
    assert seconds(run, speed) == pytest.approx(2.0 / speed)
    assert max(wait for wait, _ in run.paced(speed)) < 0.2
    assert [event for _, event in run.paced(speed) if not isinstance(event, CostUpdated)] == [*run.tell()]


def test_a_replay_counts_what_is_spent_up_to_what_was_spent() -> None:
    run = Recorded(TREE_BEGAN, tuple(retell(SMALL_OUTCOME)), SMALL_OUTCOME)
    spent = [event.cost for _, event in run.paced(1.0) if isinstance(event, CostUpdated)]
    assert spent == sorted(spent, key=lambda cost: (cost.policy_tokens, cost.seconds))
    assert (spent[0].generations, spent[0].prompt_tokens) == (4, 9)
    assert spent[-1].policy_tokens == sum(each.tokens for each in SMALL)
    assert spent[-1].seconds == pytest.approx(2.0)


def test_a_replay_of_a_run_that_took_no_time_or_drew_nothing_is_over_at_once() -> None:
    nothing = Outcome(None, SMALL_OUTCOME.ballot, (), Cost(seconds=3), None)
    assert seconds(Recorded(TREE_BEGAN, (), nothing), 1.0) == 0
    quick = replace(SMALL_OUTCOME, cost=Cost())
    assert seconds(Recorded(TREE_BEGAN, tuple(retell(quick)), quick), 1.0) == 0


def test_an_outcome_that_contradicts_itself_is_refused_wherever_it_comes_from() -> None:
    told = through_json({key: value for key, value in written().items() if key != "problem"})
    assert read_outcome(told) == SMALL_OUTCOME
    told["candidates"].reverse()
    with pytest.raises(ValueError, match="out of order"):
        read_outcome(told)


def test_stored_events_keep_their_first_names_whatever_their_classes_are_called() -> None:
    assert [*KINDS.values()] == (
        [
            "began",
            "opened",
            "grew",
            "forked",
            "wrote",
            "mended",
            "stepped",
            "valued",
            "selected",
            "chose",
            "drawn",
            "scored",
            "voted",
            "spent",
            "solved",
        ]
    )
