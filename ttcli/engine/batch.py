"""A batch as llama.cpp takes it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.branch import Piece


class BatchArrays:
    """A llama_batch over numpy arrays, filled by slices rather than token by token."""

    def __init__(self, lib: Any, size: int) -> None:
        self._token = np.zeros(size, np.int32)
        self._pos = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._seq = np.zeros(size, np.int32)
        self._wants = np.zeros(size, np.int8)
        # each token's list of sequence ids has one entry, which lies in _seq
        self._seq_lists = self._seq.ctypes.data + np.arange(size, dtype=np.uintp) * self._seq.itemsize
        self.batch = lib.llama_batch(
            n_tokens=0,
            token=_pointer(self._token, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._pos, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._seq_lists, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._wants, ctypes.c_int8),
        )

    def fill(self, pieces: Sequence[Piece]) -> None:
        """Write the pieces one after the other."""
        end = 0
        for piece in pieces:
            branch, count = piece.branch, piece.size
            begin, end = end, end + count
            first = branch.start + branch.cached
            self._token[begin:end] = branch.tokens[branch.cached : branch.cached + count]
            self._pos[begin:end] = range(first, first + count)
            self._seq[begin:end] = branch.seq
            self._wants[begin:end] = 0
            self._wants[end - piece.rows : end] = 1
        self.batch.n_tokens = end


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
