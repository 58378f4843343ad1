"""Where a new text may stand: on branches that have cells, made up here without a context."""

from __future__ import annotations

from ttcli.engine.branch import Beginning, Branch, beginning


def cached(parent: Branch | None, *tokens: int, pending: int = 0) -> Branch:
    branch = Branch(parent, tokens)
    branch.cached = len(tokens) - pending
    branch.standing = 1
    return branch


def test_a_text_stands_on_the_longest_branch_that_it_begins_with() -> None:
    root = cached(None, 1, 2)
    child = cached(root, 3, 4)
    other = cached(root, 3, 9)
    assert beginning([1, 2, 3, 4, 5], [root, child, other], []) == Beginning(child, 4)
    assert beginning([1, 2, 3, 5, 5], [root, child, other], []) == Beginning(root, 2)
    assert beginning([7, 2, 3], [root, child, other], []) == Beginning(None, 0)
    assert beginning([1, 2, 3], [], []) == Beginning(None, 0)


def test_a_finished_text_may_be_stood_upon_in_its_middle() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3, 4, 5, pending=1)
    assert beginning([1, 2, 3, 4, 5, 6], [root], [finished]) == Beginning(finished, 4)
    assert beginning([1, 2, 3, 9, 9], [root], [finished]) == Beginning(finished, 3)
    assert beginning([1, 2, 9], [root], [finished]) == Beginning(root, 2)


def test_nobody_stands_in_the_middle_of_a_finished_text_that_another_stands_on() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3, 4)
    finished.standing = 2
    assert beginning([1, 2, 3, 9, 9], [root], [finished]) == Beginning(root, 2)
    assert beginning([1, 2, 3, 4, 9], [root], [finished]) == Beginning(finished, 4)


def test_a_token_at_least_is_left_to_decode() -> None:
    root = cached(None, 1, 2)
    finished = cached(root, 3)
    assert beginning([1, 2], [root], [finished]) == Beginning(None, 0)
    assert beginning([1, 2, 3], [root], [finished]) == Beginning(root, 2)


def test_tokens_without_cells_are_no_ground() -> None:
    root = cached(None, 1, 2, pending=1)
    assert beginning([1, 2, 3], [root], []) == Beginning(None, 0)
    evicted = Branch(None, [1, 2])
    assert beginning([1, 2, 3], [cached(evicted, 3)], []) == Beginning(None, 0)
