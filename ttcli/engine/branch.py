"""A run of tokens on top of its parent's: what a tree of texts in the KV cells is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

States = Mapping[int, NDArray[np.float32]]  # by layer: the hidden state of a token, [n_embd]


class Branch:
    """Tokens on top of a parent's; resident while a sequence id reaches them."""

    __slots__ = ("cached", "parent", "released", "row", "seq", "standing", "start", "states", "tokens", "used")

    def __init__(self, parent: Branch | None, tokens: Iterable[int] = ()) -> None:
        self.parent = parent
        self.tokens = list(tokens)  # its own, without the parent's
        self.start: int = parent.length if parent else 0  # position of its first token
        self.cached = 0  # how many of its own tokens have cells
        self.seq = -1  # sequence id; -1: not resident
        self.standing = 0  # itself if resident, and the branches that stand on its cells
        self.row: NDArray[np.float32] | None = None  # logits after its last token, once asked for
        self.states: States = {}  # that the row was computed from, of the layers that the session observes
        self.used = 0  # when it was last needed, for eviction
        self.released = False  # nobody will build on it any more: not worth keeping

    @property
    def length(self) -> int:
        """Tokens from the root to its end."""
        return self.start + len(self.tokens)

    @property
    def pending(self) -> int:
        """Own tokens that have no cell yet."""
        return len(self.tokens) - self.cached

    @property
    def resident(self) -> bool:
        """Whether a sequence id reaches it."""
        return self.seq >= 0

    @property
    def lineage(self) -> list[Branch]:
        """The branches from the root down to it."""
        return [*(self.parent.lineage if self.parent else ()), self]

    def forget(self) -> None:
        """Drop the row, and the states it was computed from."""
        self.row = None
        self.states = {}

    def stands_on(self, other: Branch) -> bool:
        """Whether the other is among its ancestors."""
        node = self.parent
        while node is not None and node is not other:
            node = node.parent
        return node is other


class Beginning(NamedTuple):
    """Where a text can stand on cells that are there."""

    branch: Branch | None  # None: on none
    length: int  # tokens of the text that have cells down to there; of the branch's own perhaps only the first


def beginning(ids: Sequence[int], growing: Iterable[Branch], finished: Iterable[Branch]) -> Beginning:
    """The branch whose cells hold the most of the beginning of a text, of whose tokens at least one is left to decode.

    Of those that still grow all tokens must be in it; a finished one may be cut back to those that are.
    """
    candidates = [_beginning(ids, branch, whole=True) for branch in growing]
    candidates += [_beginning(ids, branch, whole=branch.standing != 1) for branch in finished]
    return max(candidates, key=lambda each: each.length, default=Beginning(None, 0))


def _beginning(ids: Sequence[int], branch: Branch, *, whole: bool) -> Beginning:
    found, length = None, 0
    for node in branch.lineage:
        pairs = zip(node.tokens[: node.cached], ids[length:-1], strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if same < len(node.tokens) and (whole or node is not branch or not same):
            break
        found, length = node, length + same
    return Beginning(found, length)


class Piece(NamedTuple):
    """Part of a batch: the next `size` pending tokens of a resident branch."""

    branch: Branch
    size: int
    wants_row: bool  # logits after the last of them
