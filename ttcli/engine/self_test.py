"""Whether texts of a model that share a prompt and a batch read as if each were alone: tried before it is trusted.

Recurrent state was mixed up between sequences by more than one version of llama.cpp. So a prompt is forked for a few
words, two of them equal, these are forked again as they grow, and every row of logits is held against that of the same
text decoded alone: equal forks must agree, and nothing may leak from one word into another.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.memory import Memory
from ttcli.engine.model import Model
from ttcli.engine.session import Session
from ttcli.errors import BackendError, ModelError

# Of the spread of a row's logits. A batch of another shape shifts them by less than 0.001 (the tiny models of the tests
# and a 135M model at 4 bits, on a CPU); another text's state, or one token of the prompt less, by more than 1.
TOLERANCE = 0.1

_PROMPT = "The sum of two numbers is"
_WORDS = (" four", " four", " 1776", " a little green bird")
_GROWN = 2  # tokens that each text grows by, one at a time
_CELLS = 256

_Rows = list[NDArray[np.float32]]  # of a text, by how much it has grown


def try_memory(model: Model, *, threads: int | None = None) -> Memory:
    """The memory of a model, with `together` as it is found; takes as long as some 80 tokens.

    Raises:
        ModelError: forks are wrong even where each sequence is decoded by itself.
        BackendError: llama.cpp cannot even decode them by themselves.
    """
    memory = model.memory
    prompt, *words = (model.tokenize(text, special=False) for text in (_PROMPT, *_WORDS))
    trial = _Trial(model, prompt, words, threads)
    expected = trial.alone()
    try:
        with suppress(BackendError):
            model.memory = replace(memory, together=True)
            if trial.share(expected) <= TOLERANCE:
                return model.memory
        model.memory = replace(memory, together=False)
        share = trial.share(expected)
        if share <= TOLERANCE:
            return model.memory
    finally:
        model.memory = memory
    raise ModelError(
        f"{model.path.name} is a {memory.kind} model, and this llama.cpp does not fork its state faithfully: logits "
        f"are off by {share:.2f} of their spread, where other kernels explain {TOLERANCE} at most",
        hint="try another version of llama-cpp-python, or choose another model: ttc models list",
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """Texts that begin alike, decoded in two ways."""

    model: Model
    prompt: Sequence[int]
    words: Sequence[Sequence[int]]
    threads: int | None

    def share(self, expected: Sequence[_Rows]) -> float:
        """How far off forks are in one buffer or in streams, whichever is worse, as a share of the logits' spread."""
        return max(_difference(self.forked(expected, streams=streams), expected) for streams in (False, True))

    def alone(self) -> list[_Rows]:
        """The rows of each text decoded by itself; it grows by its most likely tokens."""
        session = Session(self.model, cells=_CELLS, width=1, sequences=1, threads=self.threads)
        known: dict[tuple[int, ...], _Rows] = {}
        try:
            for word in map(tuple, self.words):
                if word in known:
                    continue
                known[word] = rows = []
                text = Branch(None, [*self.prompt, *word])
                session.attach(text)
                for _ in range(_GROWN + 1):
                    rows.append(session.decode([Piece(text, text.pending, True)])[0].copy())
                    text.tokens.append(int(rows[-1].argmax()))
                session.detach(text)
        finally:
            session.close()
        return [known[tuple(word)] for word in self.words]

    def forked(self, expected: Sequence[_Rows], *, streams: bool) -> list[_Rows]:
        """The rows of each when they fork one prompt, and themselves for each token, all in one batch."""
        session = Session(
            self.model,
            cells=_CELLS,
            width=len(self.words),
            sequences=2 * len(self.words) + 1,
            streams=streams,
            threads=self.threads,
        )
        try:
            root = Branch(None, self.prompt)
            session.attach(root)
            session.decode([Piece(root, root.pending, False)])
            texts = [Branch(root, word) for word in self.words]
            rows: list[_Rows] = [[] for _ in texts]
            for grown in range(_GROWN + 1):
                for text in texts:
                    session.attach(text)
                for text in texts:
                    if text.above is not None and text.above is not root:
                        session.detach(text.above)
                session.gather(texts)
                order = sorted(range(len(texts)), key=lambda n: texts[n].seq)
                decoded = session.decode([Piece(texts[n], texts[n].pending, True) for n in order])
                for n, row in zip(order, decoded.copy(), strict=True):
                    rows[n].append(row)
                texts = [Branch(text, [int(row[grown].argmax())]) for text, row in zip(texts, expected, strict=True)]
            return rows
        finally:
            session.close()


def _difference(texts: Sequence[_Rows], expected: Sequence[_Rows]) -> float:
    """The largest spread of a difference between rows, as a share of the spread of the expected one."""
    pairs = zip(chain.from_iterable(texts), chain.from_iterable(expected), strict=True)
    shares = [float((row - other).std() / other.std()) for row, other in pairs]
    return max(share if np.isfinite(share) else np.inf for share in shares)
