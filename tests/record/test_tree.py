from __future__ import annotations

import pytest
from search.runs import Run
from terminal.forest import (
    FIRST_ROUND,
    SMALL,
    SMALL_CANDIDATES,
    SMALL_EVENTS,
    SMALL_OUTCOME,
    begun,
    node,
    outcome_of,
    stepped,
)

from ttcli.cost import Budget
from ttcli.events import Event, Outcome, StepFinished, StepsSelected, StepStarted, StepToken
from ttcli.policy.script import ScriptLine
from ttcli.record.tree import TAIL, SearchTree
from ttcli.solution import Ended
from ttcli.terminal.state import RunState


def grown(*events: Event) -> SearchTree:
    state = RunState()
    for event in events:
        state.take(event)
    return state.tree


def test_a_run_without_steps_has_no_tree() -> None:
    assert not SearchTree()
    assert grown(*begun(1, 0))


def test_a_step_grows_word_by_word_and_is_what_was_told_in_the_end() -> None:
    tree = grown(*begun(1, 0, "two words"))
    assert (tree.branches[1].tokens, tree.branches[1].tail, tree.branches[1].ended) == (2, "two words", None)
    assert [*tree.growing] == [1]
    tree.take(StepFinished(node(1, 0, "Two words.", tokens=4, ended=Ended.STOP)))
    assert (tree.branches[1].tokens, tree.branches[1].tail, tree.branches[1].ended) == (4, "Two words.", Ended.STOP)
    assert not tree.growing
    assert [*tree.front] == [1]


def test_only_the_end_of_a_long_text_is_kept() -> None:
    tree = grown(StepStarted(1, 0), *[StepToken(1, "0123456789")] * 100)
    assert tree.branches[1].tail == "0123456789" * (TAIL // 10)
    tree.take(StepFinished(node(1, 0, "x" * 1000)))
    assert len(tree.branches[1].tail) == TAIL


def test_a_round_leaves_those_that_go_on_at_the_front_and_counts_the_others() -> None:
    tree = grown(*FIRST_ROUND)
    assert [*tree.front] == [1, 3]
    root = tree.branches[0]
    assert (root.alive, root.lost, root.best_lost) == (2, 2, 0.41)
    assert [(each.steps, each.pruned) for each in tree.rounds] == [(0, 0), (4, 2)]
    tree = grown(*FIRST_ROUND, *begun(5, 1), *begun(6, 1))
    assert [*tree.front] == [3, 5, 6]
    assert tree.branches[6].depth == 2


def test_a_step_of_which_nothing_is_left_counts_among_what_its_parent_lost() -> None:
    deep = [node(1, 0, score=0.9), node(2, 0, score=0.2), node(3, 1, score=0.8), node(4, 3, score=0.1)]
    told = [event for each in deep for event in stepped(each)]
    tree = grown(*told, StepsSelected(1, (2,), (4,)))
    assert [tree.branches[number].dead for number in (1, 2, 3, 4)] == [True, False, True, False]
    assert [tree.branches[number].pruned for number in (1, 2, 3, 4)] == [False, False, False, True]
    assert (tree.branches[0].alive, tree.branches[0].lost, tree.branches[0].best_lost) == (1, 1, 0.9)
    assert [*tree.front] == [2]


def test_what_looked_ahead_of_a_pruned_step_goes_with_it_and_is_no_step_of_its_round() -> None:
    ahead = node(3, 1, rollout=True)
    steps = [node(1, 0, score=0.3), node(2, 0, score=0.6), ahead]
    tree = grown(*(event for each in steps for event in stepped(each)))
    assert [*tree.front] == [2, 3]
    assert [each.steps for each in tree.rounds] == [0, 2, 0]
    tree.take(StepsSelected(1, (2,), (1,)))
    assert [*tree.front] == [2]
    assert tree.branches[0].lost == 1


@pytest.mark.parametrize("again", [True, False])
def test_a_rollout_of_a_step_that_is_kept_becomes_the_first_of_the_next_steps(again: bool) -> None:
    steps = [node(1, 0, score=0.3), node(2, 1, rollout=True)]
    tree = grown(*(event for each in steps for event in stepped(each)), StepsSelected(1, (1,), ()))
    assert tree.branches[2].rollout
    tree.take(StepStarted(3, 1) if again else StepsSelected(2, (2,), ()))
    assert not tree.branches[2].rollout
    assert tree.rounds[2].steps == 1 + again


def test_a_kept_step_whose_rollout_is_dropped_stays_at_the_front() -> None:
    steps = [node(1, 0, score=0.3), node(2, 1, rollout=True)]
    tree = grown(*(event for each in steps for event in stepped(each)), StepsSelected(1, (1,), (2,)))
    assert [*tree.front] == [1]
    assert not tree.branches[1].dead
    assert tree.branches[1].lost == 0


def test_the_end_marks_the_way_to_the_first_candidate_that_gave_the_answer() -> None:
    tree = grown(*SMALL_EVENTS)
    assert tree.won == (1, 5)
    assert tree.winners == {0, 1}
    assert {number for number, each in tree.branches.items() if each.pruned} == {2, 4, 6, 8}
    assert [*tree.front] == [5, 7]
    assert tree.branches[7].candidate == SMALL_CANDIDATES[1]


def test_a_run_without_an_answer_has_no_way_to_it() -> None:
    tree = grown(*FIRST_ROUND)
    tree.settle(outcome_of([], SMALL[:4]))
    assert (tree.won, tree.winners) == ((), frozenset())


def test_steps_begun_when_the_run_was_stopped_are_forgotten() -> None:
    tree = grown(*FIRST_ROUND, *begun(5, 1), *begun(6, 1, "Then"))
    tree.settle(outcome_of([], [*SMALL[:4], node(6, 1, "Then", ended=Ended.CUT)]))
    assert 5 not in tree.branches
    assert tree.branches[1].children == [6]
    assert [*tree.front] == [3, 6]
    assert tree.rounds[2].steps == 1
    alone = grown(*FIRST_ROUND, *begun(5, 1))
    alone.settle(outcome_of([], SMALL[:4]))
    assert [*alone.front] == [3, 1]


def test_what_the_outcome_knows_better_is_taken_over() -> None:
    tree = grown(*FIRST_ROUND)
    changed = Outcome(None, SMALL_OUTCOME.ballot, (), SMALL_OUTCOME.cost, None, (node(1, 0, "x", 0.1, pruned=True),))
    tree.settle(changed)
    assert (tree.branches[1].score, tree.branches[1].pruned) == (0.1, True)
    assert [*tree.front] == [3]


LINES = [
    ScriptLine(f"{first}\n\n{second}\n\nSo \\boxed{{{answer}}}", score=score)
    for first, score in (("One way.", 0.3), ("Another.", 0.6), ("A third.", 0.9))
    for second in ("Add.", "Take.")
    for answer in (4, 5)
]


@pytest.mark.parametrize("method", ["beam", "lookahead", "dvts", "rebase", "particles"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_events_of_every_search_end_in_the_tree_of_its_outcome(method: str, seed: int) -> None:
    run = Run(LINES, method, Budget(16), seed=seed)
    state = RunState()
    rounds = 0
    for event in run.iterate():
        state.take(event)
        rounds += isinstance(event, StepsSelected)
        for number in (*state.tree.front, *state.tree.growing):
            assert not state.tree.branches[number].pruned
    assert state.outcome is not None
    tree = state.tree
    assert rounds
    assert tree.branches.keys() == {0, *(each.number for each in state.outcome.tree)}
    for each in state.outcome.tree:
        branch = tree.branches[each.number]
        told = (branch.parent, branch.tokens, branch.score, branch.pruned, branch.rollout, branch.ended)
        assert told == (each.parent, each.tokens, each.score, each.pruned, each.rollout, each.ended)
    assert not tree.growing
    leader = state.outcome.ballot.leader
    assert leader is not None
    assert tree.won[-1] == state.outcome.candidates[leader.members[0]].node
