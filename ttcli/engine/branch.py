"""A run of tokens on top of its parent's: what a tree of texts in the KV cells is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.overview import TopRows

States = Mapping[int, NDArray[np.float32]]  # by layer: the hidden state of a token, [n_embd]


class Branch:
    """Tokens on top of a parent's; resident while a sequence id reaches them."""

    __slots__ = (
        "cached",
        "following",
        "logprobs",
        "parent",
        "released",
        "row",
        "seq",
        "standing",
        "start",
        "states",
        "stead",
        "tokens",
        "top_row",
        "used",
    )

    def __init__(self, parent: Branch | None, tokens: Iterable[int] = ()) -> None:
        self.parent = parent
        self.tokens = list(tokens)  # its own, without the parent's
        self.start: int = parent.length if parent else 0  # position of its first token
        self.cached = 0  # how many of its own tokens have cells
        self.seq = -1  # sequence id; -1: not resident
        self.standing = 0  # itself if resident, and the branches that stand on its cells
        self.row: NDArray[np.float32] | None = None  # logits after its last token, once asked for
        self.top_row: TopRows | None = None  # or the largest of them, where the session leaves no others
        self.states: States = {}  # that the row was computed from, of the layers that the session observes
        self.following: Sequence[int] = ()  # tokens to be judged, each behind its own one from the last ones on
        self.logprobs: NDArray[np.float64] = np.empty(0)  # of `following`, <= 0, once all was decoded
        self.used = 0  # when it was last needed, for eviction
        self.released = False  # nobody will build on it any more: not worth keeping
        self.stead: Branch | None = None  # the branch whose cells it holds for those that stand on them

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
    def above(self) -> Branch | None:
        """The branch that its tokens follow, whoever holds the cells of that."""
        return self.parent.stead or self.parent if self.parent else None

    @property
    def lineage(self) -> list[Branch]:
        """The branches from the root down to it."""
        return [*(self.parent.lineage if self.parent else ()), self]

    def forget(self) -> None:
        """Drop the row, and the states it was computed from."""
        self.row = self.top_row = None
        self.states = {}

    @property
    def filled(self) -> bool:
        """Whether its row is there, or the largest logits of it."""
        return self.any_row is not None

    @property
    def any_row(self) -> NDArray[np.float32] | TopRows | None:
        """Its row as one of several, [1, n_vocab], or the largest logits of it."""
        return self.top_row if self.row is None else self.row[None]

    def keep(self, row: NDArray[np.float32] | TopRows, states: States) -> None:
        """Keep its row, [1, n_vocab], or the largest logits of it, and the states it was computed from."""
        if isinstance(row, TopRows):
            self.top_row = row
        else:
            self.row = row[0].copy()
        self.states = states

    def stands_on(self, other: Branch) -> bool:
        """Whether the other is among its ancestors."""
        node = self.parent
        while node is not None and node is not other:
            node = node.parent
        return node is other


class Piece(NamedTuple):
    """Part of a batch: the next `size` pending tokens of a resident branch."""

    branch: Branch
    size: int
    wants_row: bool  # logits after the last of them
    every: bool = False  # logits after each of them

    @property
    def rows(self) -> int:
        """Rows of logits that come of it."""
        return self.size if self.every else int(self.wants_row)
