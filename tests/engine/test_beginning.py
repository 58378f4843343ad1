"""Where a new text may stand: on branches that have cells, made up here without a context."""

from __future__ import annotations

from collections.abc import Sequence

from ttcli.engine.beginning import Beginning
from ttcli.engine.beginning import beginning as beginning_in
from ttcli.engine.branch import Branch
from ttcli.engine.memory import Memory

PLAIN, HYBRID = Memory("attention", 1), Memory("hybrid", 1, 1)


def beginning(ids: Sequence[int], growing: Sequence[Branch], finished: Sequence[Branch]) -> Beginning:
    return beginning_in(ids, growing, finished, PLAIN)


def at_a_tip(ids: Sequence[int], growing: Sequence[Branch], finished: Sequence[Branch]) -> Beginning:
    return beginning_in(ids, growing, finished, HYBRID)


def cached(parent: Branch | None, *tokens: int, pending: int = 0, seq: int = 0) -> Branch:
    branch = Branch(parent, tokens)
    branch.cached = len(tokens) - pending
    branch.standing = 1
    branch.seq = seq
    return branch


def test_a_text_stands_on_the_longest_branch_that_it_begins_with() -> None:
    root = cached(None, 1, 2)
    child = cached(root, 3, 4)
    other = cached(root, 3, 9)
    for find in (beginning, at_a_tip):
        assert find([1, 2, 3, 4, 5], [root, child, other], []) == Beginning(child, 4)
        assert find([1, 2, 3, 5, 5], [root, child, other], []) == Beginning(root, 2)
        assert find([7, 2, 3], [root, child, other], []) == Beginning(None, 0)
        assert find([1, 2, 3], [], []) == Beginning(None, 0)


def test_a_finished_text_may_be_stood_upon_in_its_middle() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3, 4, 5, pending=1)
    assert beginning([1, 2, 3, 4, 5, 6], [root], [finished]) == Beginning(finished, 4)
    assert beginning([1, 2, 3, 9, 9], [root], [finished]) == Beginning(finished, 3)
    assert beginning([1, 2, 9], [root], [finished]) == Beginning(root, 2)


def test_a_finished_text_that_cannot_be_trimmed_is_stood_upon_where_its_cells_end() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3, 4, 5, pending=1)
    assert at_a_tip([1, 2, 3, 4, 5, 6], [root], [finished]) == Beginning(finished, 4)
    assert at_a_tip([1, 2, 3, 4, 9, 9], [root], [finished]) == Beginning(finished, 4)
    assert at_a_tip([1, 2, 3, 9, 9], [root], [finished]) == Beginning(root, 2)
    finished.standing = 2
    assert at_a_tip([1, 2, 3, 4, 5, 6], [root], [finished]) == Beginning(root, 2)


def test_a_branch_without_a_sequence_is_stood_upon_where_the_memory_forks_anywhere() -> None:
    root = cached(None, 1, 2, seq=-1)
    child = cached(root, 3, 4)
    assert beginning([1, 2, 9, 9], [root, child], []) == Beginning(root, 2)
    assert at_a_tip([1, 2, 9, 9], [root, child], []) == Beginning(None, 0)
    assert at_a_tip([1, 2, 3, 4, 9], [root, child], []) == Beginning(child, 4)


def test_nobody_stands_in_the_middle_of_a_finished_text_that_another_stands_on() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3, 4)
    finished.standing = 2
    for find in (beginning, at_a_tip):
        assert find([1, 2, 3, 9, 9], [root], [finished]) == Beginning(root, 2)
        assert find([1, 2, 3, 4, 9], [root], [finished]) == Beginning(finished, 4)


def test_a_token_at_least_is_left_to_decode() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3)
    for find in (beginning, at_a_tip):
        assert find([1, 2], [root], [finished]) == Beginning(None, 0)
        assert find([1, 2, 3], [root], [finished]) == Beginning(root, 2)


def test_tokens_without_cells_are_no_ground() -> None:
    root = cached(None, 1, 2, pending=1)
    evicted = Branch(None, [1, 2])
    for find in (beginning, at_a_tip):
        assert find([1, 2, 3], [root], []) == Beginning(None, 0)
        assert find([1, 2, 3], [cached(evicted, 3)], []) == Beginning(None, 0)
