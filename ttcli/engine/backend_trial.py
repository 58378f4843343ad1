"""Whether the largest logits that llama.cpp picks are numpy's, and add up to the same: tried before it is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.overview import TopRows
from ttcli.engine.session import Session
from ttcli.errors import BackendError, ModelError

# Of the probability of the k likeliest tokens, how much may lie elsewhere. Both are the same to float32's resolution
# where the logits are; on a GPU another graph may shift these. The row of another text is off by 0.3 and more (the tiny
# models of the tests, whose rows are flatter than those of trained ones).
TOLERANCE = 0.05

_TEXTS = ("The sum of two numbers is", "def main(", "1776, 1789 and 18", "Yes")
_GROWN = 2  # tokens that each text grows by
_TOP = 48
_CELLS = 256

_Step = Sequence[Sequence[int]]  # tokens to decode, by text


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it."""

    agrees: bool
    on_cpu: bool  # the rows are computed there, where whole ones cost no more to read
    reason: str = ""  # why it does not agree

    @property
    def pays(self) -> bool:
        """Whether to have the largest logits picked."""
        return self.agrees and not self.on_cpu

    @property
    def summary(self) -> str:
        """In words."""
        if not self.agrees:
            return f"no: {self.reason}"
        return "no: its last layer is on the CPU" if self.on_cpu else "yes"


def try_backend_sampling(model: Model, *, threads: int | None = None) -> Finding:
    """Decode a few texts twice, once with whole rows; takes as long as some 60 tokens."""
    try:
        steps, expected = _whole(model, threads)
        return _picked(model, threads, steps, expected)
    except (BackendError, ModelError) as error:
        return Finding(agrees=False, on_cpu=False, reason=str(error))


def _whole(model: Model, threads: int | None) -> tuple[list[_Step], list[NDArray[np.float32]]]:
    """Texts that grow by their likeliest tokens: what was decoded in each step, and the rows that came of it."""
    session = Session(model, cells=_CELLS, width=len(_TEXTS), sequences=len(_TEXTS), threads=threads)
    try:
        texts = [Branch(None) for _ in _TEXTS]
        for text in texts:
            session.attach(text)
        steps: list[_Step] = [[model.tokenize(text, special=False) for text in _TEXTS]]
        rows: list[NDArray[np.float32]] = []
        while len(rows) <= _GROWN:
            rows.append(session.decode(_grown(texts, steps[-1])).copy())
            steps.append([[int(token)] for token in rows[-1].argmax(axis=1)])
        return steps[:-1], rows
    finally:
        session.close()


def _picked(model: Model, threads: int | None, steps: Sequence[_Step], expected: list[NDArray[np.float32]]) -> Finding:
    top = min(_TOP, model.vocabulary)
    session = Session(model, cells=_CELLS, width=len(_TEXTS), sequences=len(_TEXTS), top=top, threads=threads)
    try:
        if not session.top:
            return Finding(agrees=False, on_cpu=False, reason="llama.cpp does not pick the largest logits there")
        texts = [Branch(None) for _ in _TEXTS]
        for text in texts:
            session.attach(text)
        found = [session.decode_top(_grown(texts, step)) for step in steps]
        on_cpu = session.picks_on_cpu
    finally:
        session.close()
    distance = max(map(difference, found, expected))
    if not distance <= TOLERANCE:
        reason = f"the likeliest tokens are off by {distance:.2f} of their probability"
        return Finding(agrees=False, on_cpu=on_cpu, reason=reason)
    return Finding(agrees=True, on_cpu=on_cpu)


def _grown(texts: Sequence[Branch], step: _Step) -> list[Piece]:
    for text, tokens in zip(texts, step, strict=True):
        text.tokens += tokens
    return [Piece(text, text.pending, True) for text in texts]


def difference(found: TopRows, rows: NDArray[np.float32]) -> float:
    """The most, over some rows, by which the probabilities of the likeliest tokens lie elsewhere than numpy has them.

    In total variation. Infinite where something is no number.
    """
    distances = []
    for number, row in enumerate(rows.astype(np.float64)):
        probabilities = np.exp(row - row.max())
        probabilities /= probabilities.sum()
        other = np.zeros_like(probabilities)
        other[found.tokens[number]] = np.exp(found.logits[number] - found.log_totals[number])
        likeliest = np.argpartition(-probabilities, found.tokens.shape[1] - 1)[: found.tokens.shape[1]]
        expected = np.zeros_like(probabilities)
        expected[likeliest] = probabilities[likeliest]
        distances.append(float(np.abs(other - expected).sum() / 2))
    return max(distance if np.isfinite(distance) else np.inf for distance in distances)
