"""Hidden states out of the middle of a decode: llama.cpp's evaluation callback, asked for the outputs of some layers.

llama.cpp cuts a batch in streams into parts, each a pass through the graph: the pieces at its front whose sequence ids
follow one another, with as many tokens of each as the shortest has, then the rest in the same way
(`llama_batch_allocr::split_equal`, sequential). In one buffer a batch is one part, in its own order; that of a hybrid
model is cut as in streams, but for the ids, which need not follow one another.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.branch import Piece, States
from ttcli.engine.library import library, tensors
from ttcli.engine.model import Model
from ttcli.errors import BackendError, ModelError

_F32 = 0  # ggml_type


class BatchPart(NamedTuple):
    """One pass through the graph: its number of tokens, and which of them are the last of a piece that wants a row."""

    tokens: int
    wanted: list[tuple[int, int]]  # position in the part, number of the row


class Observer:
    """Copies the hidden states of some layers while a session decodes.

    `ctrl_c` is told of a KeyboardInterrupt that came up in the callback: C code would swallow it.

    Raises:
        ModelError: the model has no such layer, or it is the last, which llama.cpp computes for flagged tokens only.
    """

    def __init__(self, model: Model, layers: Sequence[int], ctrl_c: Callable[[], None]) -> None:
        for layer in layers:
            if not 0 <= layer < model.layers - 1:
                raise ModelError(
                    f"{model.path.name} has no layer {layer} to read hidden states from",
                    hint=f"layers 0 to {model.layers - 2}",
                )
        self.callback = library().ggml_backend_sched_eval_callback(self._see)  # C code holds it: it must live on
        self._ctrl_c = ctrl_c
        self._model = model
        self._tensors = tensors()
        self._layers = {f"l_out-{layer}".encode(): layer for layer in layers}
        self._parts: list[BatchPart] = []
        self._seen: dict[int, int] = {}  # parts by layer
        self._rows: list[dict[int, NDArray[np.float32]]] = []
        self._complaint = ""

    def expect(self, pieces: Sequence[Piece], *, streams: bool, equal: bool) -> None:
        """Get ready for a decode of these pieces; see `parts`."""
        self._parts = list(parts(pieces, streams=streams, equal=equal))
        self._seen = dict.fromkeys(self._layers.values(), 0)
        self._rows = [{} for piece in pieces for _ in range(piece.rows)]
        self._complaint = ""

    def states(self) -> Sequence[States]:
        """What was seen in the decode: by layer, for each row in order.

        Raises:
            ModelError: this architecture's graph has no such tensors, or others than expected.
            BackendError: llama.cpp cut the batch otherwise than expected, so whose the states are is unknown.
        """
        if not any(self._seen.values()):
            kind = self._model.metadata("general.architecture") or "unknown"
            raise ModelError(
                f"llama.cpp does not show the hidden states of {self._model.path.name} (architecture {kind})",
                hint="--verifier confidence, or a head of another model",
            )
        counts = set(self._seen.values())
        if self._complaint or counts != {len(self._parts)}:
            raise BackendError(
                f"llama.cpp's hidden states cannot be told apart: "
                f"{self._complaint or f'{sorted(counts)} passes instead of {len(self._parts)}'}"
            )
        return self._rows

    def _see(self, tensor: int, ask: bool, _data: Any) -> bool:
        """What llama.cpp calls for every node of its graph, to ask for interest, and again for those of interest."""
        try:
            layer = self._layers.get(self._tensors.ggml_get_name(tensor))
            if layer is not None and not ask:
                self._take(layer, tensor)
        except KeyboardInterrupt:
            self._ctrl_c()
            return False
        return layer is not None

    def _take(self, layer: int, tensor: int) -> None:
        number = self._seen[layer]
        self._seen[layer] = number + 1
        head = _TensorHead.from_address(tensor)
        width, tokens = head.ne[0], head.ne[1]
        part = self._parts[number] if number < len(self._parts) else BatchPart(0, [])
        if (head.type, width, tokens) != (_F32, self._model.width, part.tokens):
            self._complaint = f"{tokens} of {width} and type {head.type} in layer {layer} for {part.tokens} tokens"
            return
        for position, row in part.wanted:
            state = np.empty(width, np.float32)
            self._tensors.ggml_backend_tensor_get(tensor, state.ctypes.data, position * head.nb[1], state.nbytes)
            self._rows[row][layer] = state


def parts(pieces: Sequence[Piece], *, streams: bool, equal: bool = False) -> Iterator[BatchPart]:
    """The parts that llama.cpp cuts a batch into; `equal`: into as many tokens of each piece, in one buffer too."""
    left = [piece.size for piece in pieces]
    row_of = {n: end - 1 for n, end in enumerate(accumulate(piece.rows for piece in pieces)) if pieces[n].rows}
    while any(left):
        together: list[int] = []
        for n, piece in enumerate(pieces):
            follows = not (streams and together) or piece.branch.seq == pieces[together[-1]].branch.seq + 1
            if left[n] and follows:
                together.append(n)
        ends, end = [], 0
        shortest = min(left[n] for n in together)
        for n in together:
            count = shortest if streams or equal else left[n]
            left[n] -= count
            end += count
            if not left[n] and n in row_of:
                ends.append((end - 1, row_of[n]))
        yield BatchPart(end, ends)


class _TensorHead(ctypes.Structure):
    """The beginning of a ggml_tensor."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),  # size by dimension
        ("nb", ctypes.c_size_t * 4),  # stride in bytes
    )
