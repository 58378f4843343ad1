from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from terminal.forest import FIRST_ROUND, SMALL, SMALL_EVENTS, SMALL_OUTCOME, begun, node, stepped

from ttcli.bench.report.replay import Node, replay
from ttcli.events import (
    CandidateFinished,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    RunFinished,
    RunStarted,
    StepToken,
)
from ttcli.record.encode import event_record, outcome_record
from ttcli.solution import Candidate, Ended

OUTCOME = json.loads(json.dumps(outcome_record(SMALL_OUTCOME)))


def stored(events: Sequence[Event]) -> list[str]:
    """The events that a store keeps."""
    return [
        json.dumps(event_record(event))
        for event in events
        if not isinstance(event, RunStarted | CandidateToken | StepToken | CostUpdated | RunFinished)
    ]


def played(events: Sequence[Event], outcome: dict[str, Any] | None = None) -> Node:
    return replay("beam@4", stored(events), outcome, lambda answer: answer == "391")


def names(each: Node) -> dict[str, Any]:
    """Only the names, as a tree."""
    return {child["name"]: names(child) for child in each["children"]}


def at(root: Node, *path: int) -> Node:
    for number in path:
        root = next(child for child in root["children"] if child["name"] == f"step {number}")
    return root


WHOLE = {
    "step 1": {"step 5": {}, "step 6": {}},
    "step 2": {},
    "step 3": {"step 7": {}, "step 8": {}},
    "step 4": {},
}


def test_steps_stand_under_those_they_grew_from() -> None:
    assert names(played(SMALL_EVENTS)) == WHOLE
    assert names(played(SMALL_EVENTS, OUTCOME)) == WHOLE


def test_a_step_has_its_text_tokens_and_score_and_whether_it_was_pruned() -> None:
    root = played(SMALL_EVENTS)
    assert at(root, 2) == {
        "name": "step 2", "text": "I guess so.\n\n", "tokens": 4, "ended": "open", "score": 0.2, "pruned": True,
        "children": [],
    }  # fmt: skip
    assert "pruned" not in at(root, 3)


def test_a_step_where_a_candidate_ends_has_its_answer() -> None:
    last = at(played(SMALL_EVENTS), 3, 7)
    assert (last["answer"], last["right"], last["score"], last["tokens"]) == ("391", True, 0.7, 11)
    assert last["text"] == SMALL[6].text


def test_the_way_to_the_answer_is_marked_when_the_outcome_is_known() -> None:
    root = played(SMALL_EVENTS, OUTCOME)
    assert [path for path in ((1,), (1, 5), (1, 6), (3,), (3, 7)) if at(root, *path).get("won")] == [(1,), (1, 5)]


def test_without_events_the_outcome_stands_in_for_them() -> None:
    assert played([], OUTCOME) == played(SMALL_EVENTS, OUTCOME)
    assert played([]) == {"name": "beam@4", "children": []}


def test_a_search_that_was_broken_off_shows_how_far_it_came() -> None:
    root = played([*FIRST_ROUND, *begun(5, 1)])
    assert names(root) == {"step 1": {"step 5": {}}, "step 2": {}, "step 3": {}, "step 4": {}}
    assert at(root, 1, 5) == {"name": "step 5", "children": []}


def test_an_attempt_that_failed_leaves_nothing() -> None:
    assert played([*FIRST_ROUND, *begun(5, 1), *SMALL_EVENTS]) == played(SMALL_EVENTS)


def test_a_rollout_is_marked_until_it_becomes_a_step() -> None:
    ahead = [*stepped(node(1, 0)), *stepped(node(2, 1, rollout=True))]
    assert at(played(ahead), 1, 2)["rollout"]
    outcome = {**OUTCOME, "candidates": [], "tree": [outcome_node(node(1, 0)), outcome_node(node(2, 1))]}
    assert "rollout" not in at(played(ahead, outcome), 1, 2)


def outcome_node(each: Any) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__slots__}


@pytest.mark.parametrize("told", [True, False])
def test_candidates_drawn_in_one_go_stand_under_the_root(told: bool) -> None:
    one = Candidate(0, "It is 391.", "391", Ended.STOP, 4, -1.0)
    events: list[Event] = [CandidateStarted(0), CandidateStarted(1), CandidateFinished(one)]
    outcome = None if told else {**OUTCOME, "tree": [], "winner": 0, "candidates": [candidate_record(one)]}
    root = played(events if told else [], outcome)
    assert root["children"][0] == {
        "name": "candidate 1", "text": "It is 391.", "tokens": 4, "answer": "391", "right": True, "score": None,
        "ended": "stop", "children": [],
    }  # fmt: skip
    assert [child["name"] for child in root["children"]] == ["candidate 1", "candidate 2"][: 1 + told]


def candidate_record(each: Candidate) -> dict[str, Any]:
    told: dict[str, Any] = event_record(CandidateFinished(each))["candidate"]
    return told


def test_events_of_an_unknown_kind_are_passed_over() -> None:
    assert replay("x", ['{"event": "danced"}'], None, bool) == {"name": "x", "children": []}
