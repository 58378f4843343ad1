"""Where a text can stand on cells that are there: what a revision has in common with the texts before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from ttcli.engine.branch import Branch
from ttcli.engine.memory import Memory


class Beginning(NamedTuple):
    """Where a text can stand."""

    branch: Branch | None  # None: on none
    length: int  # tokens of the text that have cells down to there; of the branch's own perhaps only the first


def beginning(ids: Sequence[int], growing: Iterable[Branch], finished: Iterable[Branch], memory: Memory) -> Beginning:
    """The branch whose cells hold the most of the beginning of a text, of whose tokens at least one is left to decode.

    Of those that still grow all tokens must be in it. A finished one may be cut back: to those that are, or, where the
    memory cannot be trimmed, to those of its tokens that have cells, if all of them are.
    """
    find = _in_the_middle if memory.trim else _at_a_tip
    candidates = [find(ids, branch, whole=True) for branch in growing]
    candidates += [find(ids, branch, whole=branch.standing != 1) for branch in finished]
    return max(candidates, key=lambda candidate: candidate.length, default=Beginning(None, 0))


def _in_the_middle(ids: Sequence[int], branch: Branch, *, whole: bool) -> Beginning:
    found, length = None, 0
    for node in branch.lineage:
        same = _same(ids, node, length)
        if same < len(node.tokens) and (whole or node is not branch or not same):
            break
        found, length = node, length + same
    return Beginning(found, length)


def _at_a_tip(ids: Sequence[int], branch: Branch, *, whole: bool) -> Beginning:
    found, length, end = None, 0, 0
    for node in branch.lineage:
        same = _same(ids, node, end)
        end += same
        if same < node.cached or (node.pending and (whole or node is not branch)):
            break
        if node.resident and same:
            found, length = node, end
    return Beginning(found, length)


def _same(ids: Sequence[int], node: Branch, begin: int) -> int:
    """How many tokens of a branch that have cells are those of a text from `begin` on, its last one left out."""
    pairs = zip(node.tokens[: node.cached], ids[begin:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
