from __future__ import annotations

import json
from typing import Any

import pytest
from terminal.forest import SMALL, SMALL_OUTCOME, node

from ttcli.bench.report.tree import TreeEntry, nested
from ttcli.events import CandidateFinished
from ttcli.record.encode import event_record, outcome_record
from ttcli.solution import Candidate, Ended

OUTCOME = json.loads(json.dumps(outcome_record(SMALL_OUTCOME)))


def tree(outcome: dict[str, Any] = OUTCOME) -> TreeEntry:
    return nested("beam@4", outcome, lambda answer: answer == "391")


def names(each: TreeEntry) -> dict[str, Any]:
    """Only the names, as a tree."""
    return {child["name"]: names(child) for child in each["children"]}


def at(root: TreeEntry, *path: int) -> TreeEntry:
    for number in path:
        root = next(child for child in root["children"] if child["name"] == f"step {number}")
    return root


WHOLE: dict[str, Any] = {
    "step 1": {"step 5": {}, "step 6": {}},
    "step 2": {},
    "step 3": {"step 7": {}, "step 8": {}},
    "step 4": {},
}


def test_steps_stand_under_those_they_grew_from() -> None:
    assert names(tree()) == WHOLE


def test_a_step_has_its_text_tokens_and_score_and_whether_it_was_pruned() -> None:
    root = tree()
    assert at(root, 2) == {
        "name": "step 2", "text": "I guess so.\n\n", "tokens": 4, "ended": "open", "score": 0.2, "pruned": True,
        "children": [],
    }  # fmt: skip
    assert "pruned" not in at(root, 3)


def test_a_step_where_a_candidate_ends_has_its_answer() -> None:
    last = at(tree(), 3, 7)
    assert (last["answer"], last["right"], last["score"], last["tokens"]) == ("391", True, 0.7, 11)
    assert last["text"] == SMALL[6].text


def test_the_way_to_the_answer_is_marked() -> None:
    root = tree()
    assert [path for path in ((1,), (1, 5), (1, 6), (3,), (3, 7)) if at(root, *path).get("won")] == [(1,), (1, 5)]


def test_a_search_that_finished_nothing_shows_how_far_it_came() -> None:
    nodes = [outcome_node(each) for each in (node(1, 0), node(2, 0), node(3, 1))]
    cut = {**OUTCOME, "candidates": [], "winner": None, "tree": nodes}
    assert names(tree(cut)) == {"step 1": {"step 3": {}}, "step 2": {}}


@pytest.mark.parametrize("rollout", [True, False])
def test_a_rollout_is_marked(rollout: bool) -> None:
    nodes = [outcome_node(node(1, 0)), outcome_node(node(2, 1, rollout=rollout))]
    assert ("rollout" in at(tree({**OUTCOME, "candidates": [], "tree": nodes}), 1, 2)) is rollout


def outcome_node(each: Any) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__slots__}


def candidate_record(index: int, step: int | None = None) -> dict[str, Any]:
    each = Candidate(index, "It is 391.", "391", Ended.STOP, 4, -1.0, node=step)
    told: dict[str, Any] = event_record(CandidateFinished(each))["candidate"]
    return told


def test_candidates_drawn_in_one_go_stand_under_the_root() -> None:
    root = tree({**OUTCOME, "tree": [], "winner": 0, "candidates": [candidate_record(0)]})
    assert root["children"] == [
        {
            "name": "candidate 1", "text": "It is 391.", "tokens": 4, "answer": "391", "right": True, "score": None,
            "ended": "stop", "children": [],
        }
    ]  # fmt: skip


def test_candidates_drawn_in_one_go_come_after_a_tree() -> None:
    nodes = [outcome_node(node(1, 0)), outcome_node(node(2, 0))]
    candidates = [candidate_record(index, step) for index, step in enumerate((None, 1, None))]
    root = tree({**OUTCOME, "tree": nodes, "winner": 0, "candidates": candidates})
    assert [child["name"] for child in root["children"]] == ["step 1", "step 2", "candidate 1", "candidate 3"]


def test_an_outcome_of_a_ttc_that_kept_no_trees_has_candidates_alone() -> None:
    old = {key: value for key, value in OUTCOME.items() if key != "tree"} | {"candidates": [candidate_record(0)]}
    assert names(tree(old)) == {"candidate 1": {}}
