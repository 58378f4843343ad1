"""Which width decodes fastest, measured with this model on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ttcli.engine import machine
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.session import Session

CPU_WIDTHS = (64, 48, 32, 24, 16, 8, 4)
GPU_WIDTHS = (192, 128, 96, 64, 32, 16)
_CONTEXT = 192  # tokens that each text has of its own: half of a usual solution
_STEPS = 6  # timed decodes per width
_MEMORY_SHARE = 0.5  # of what is available that states may take
_CLOSE = 0.97  # of the best speed is as good as the best: the narrower width takes less memory


class Speed(NamedTuple):
    """How fast a batch decodes."""

    width: int  # texts in it
    tokens_per_second: float


def speeds(
    model: Model,
    *,
    widths: Sequence[int] | None = None,
    context: int = _CONTEXT,
    streams: bool | None = None,
    threads: int | None = None,
    halted: Callable[[], bool] | None = None,
) -> Iterator[Speed]:
    """Time batches from the widest to the narrowest, each text with a context of its own, as in the middle of a run.

    `streams`: whether each text has a buffer of its own; None: as the size of the model has it.

    Raises:
        Aborted: `halted` said so.
    """
    streams = machine.streams(model.parameters) if streams is None else streams
    usual = GPU_WIDTHS if machine.has_gpu() else CPU_WIDTHS
    widths = _affordable(model, sorted(widths or usual, reverse=True))
    steps = (_STEPS + 1) * len(widths)
    most = widths[0]
    longest = context + steps
    session = Session(
        model,
        cells=longest if streams else most * longest + 64,
        width=most,
        sequences=most,
        streams=streams,
        threads=threads,
        halted=halted,
    )
    try:
        words = model.tokenize("The sum of these numbers is what we want to know. ", special=False)
        texts = [Branch(None, (words * context)[:context]) for _ in range(most)]
        for text in texts:
            session.attach(text)
            session.decode([Piece(text, context, False)])
        for width in widths:
            for text in texts[width:]:
                session.detach(text)
            texts = texts[:width]
            _step(session, texts, words[0])  # the first one after a change builds a new graph
            begin = time.perf_counter()
            for _ in range(_STEPS):
                _step(session, texts, words[0])
            yield Speed(width, width * _STEPS / (time.perf_counter() - begin))
    finally:
        session.close()


def best(measured: Sequence[Speed]) -> int:
    """The narrowest width that is about as fast as the fastest."""
    fastest = max(speed.tokens_per_second for speed in measured)
    return min(speed.width for speed in measured if speed.tokens_per_second >= _CLOSE * fastest)


def in_streams(model: Model, usual: Speed, other: Speed) -> bool:
    """Whether texts are to have buffers of their own: as the size of the model has it, unless the other way is faster.

    Args:
        usual: the speed that way, `other` the other way, at one width.
    """
    streams = machine.streams(model.parameters)
    return streams if usual.tokens_per_second >= _CLOSE * other.tokens_per_second else not streams


def _affordable(model: Model, widths: Sequence[int]) -> Sequence[int]:
    """Those of some widths, the widest first, whose states fit the memory; the narrowest at least."""
    available, state = machine.available_memory(), model.memory.state_bytes
    if available is None or not state:
        return widths
    return [width for width in widths if width * state <= _MEMORY_SHARE * available] or [widths[-1]]


def _step(session: Session, texts: Sequence[Branch], token: int) -> None:
    for text in texts:
        text.tokens.append(token)
    session.decode([Piece(text, 1, True) for text in texts])
