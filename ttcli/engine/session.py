"""A llama.cpp context whose KV cells are shared down a tree of branches.

A branch is a run of tokens on top of its parent's. Forking copies no cell: the child's sequence id is added to the
parent's cells. A cell is free again when no branch that is resident stands on it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.engine import machine
from ttcli.engine.library import forget_log, last_words, library
from ttcli.engine.model import Model
from ttcli.errors import BackendError, ModelError

MAX_SEQUENCES = 256  # llama.cpp's LLAMA_MAX_SEQ
SPARE_SEQUENCES = 16  # sequence ids beyond the width: prompts, and steps that wait to be extended
BATCH = 512  # tokens per decode at most: bounds the compute buffer and the time of one prefill chunk
_NO_CELL, _ABORTED = 1, 2  # llama_decode's return values


class Aborted(Exception):
    """A decode was called off by `halted`; the cells are as they were before it."""


class Branch:
    """Tokens on top of a parent's; resident while a sequence id reaches them."""

    __slots__ = ("cached", "parent", "row", "seq", "standing", "start", "tokens", "used")

    def __init__(self, parent: Branch | None, tokens: Iterable[int] = ()) -> None:
        self.parent = parent
        self.tokens = list(tokens)  # its own, without the parent's
        self.start: int = parent.length if parent else 0  # position of its first token
        self.cached = 0  # how many of its own tokens have cells
        self.seq = -1  # sequence id; -1: not resident
        self.standing = 0  # itself if resident, and the branches that stand on its cells
        self.row: NDArray[np.float32] | None = None  # logits after its last token, once asked for
        self.used = 0  # when it was last needed, for eviction

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


class Piece(NamedTuple):
    """Part of a batch: the next `size` pending tokens of a resident branch."""

    branch: Branch
    size: int
    wants_row: bool  # logits after the last of them


class Session:
    """One llama.cpp context: `cells` KV cells in one buffer, at most `width` rows of logits per decode.

    `sequences` branches may be resident at once (at most 256); each costs a row of logits in memory.

    `halted` is asked during every decode, about once per graph node; when it says yes, the decode raises Aborted.

    Raises:
        ModelError: the model cannot be branched.
        BackendError: llama.cpp could not create the context (its reason is in the message).
    """

    def __init__(
        self,
        model: Model,
        *,
        cells: int,
        width: int,
        sequences: int | None = None,
        threads: int | None = None,
        halted: Callable[[], bool] | None = None,
    ) -> None:
        reason = model.cannot_branch()
        if reason:
            raise ModelError(f"{model.path.name} {reason}", hint="choose a plain transformer: ttc models list")
        self.model = model
        self.width = width
        self.batch = max(BATCH, width)
        self.threads = threads or machine.threads()
        self._lib = lib = library()
        self._abort = lib.ggml_abort_callback(lambda _data: halted() if halted else False)
        sequences = min(MAX_SEQUENCES, sequences or width + SPARE_SEQUENCES)
        self._context = self._create(cells, sequences)
        self._memory = lib.llama_get_memory(self._context)
        self.cells = int(lib.llama_n_ctx(self._context))
        self.cells_used = 0
        self.decodes = 0  # calls that went through
        self.decoded = 0  # tokens
        self._free = list(range(sequences - 1, -1, -1))
        self._arrays = _BatchArrays(lib, self.batch)

    def _create(self, cells: int, sequences: int) -> Any:
        lib = self._lib
        params = lib.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = self.batch
        # llama.cpp reserves a row of logits per sequence id, and asserts that no fewer outputs are allowed
        params.n_seq_max = params.n_outputs_max = sequences
        params.kv_unified = params.swa_full = True
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.n_threads = params.n_threads_batch = self.threads
        params.abort_callback = self._abort
        params.no_perf = True
        forget_log()
        context = lib.llama_init_from_model(self.model.handle, params)
        if not context:
            raise BackendError(
                f"llama.cpp cannot create a context of {cells} cells: {last_words() or 'it gave no reason'}",
                hint="a smaller --width or --max-tokens needs less memory",
            )
        return context

    def close(self) -> None:
        """Free the context and its cells."""
        if self._context is not None:
            self._lib.llama_free(self._context)
            self._context = None

    # -- cells

    @property
    def cells_free(self) -> int:
        """Cells that hold nothing."""
        return self.cells - self.cells_used

    @property
    def sequences_free(self) -> int:
        """Sequence ids not in use."""
        return len(self._free)

    def attach(self, branch: Branch) -> None:
        """Make a branch resident: fork the nearest resident ancestor, take over the tokens of those that are not."""
        parent = branch.parent
        while parent is not None and (not parent.resident or parent.pending):
            branch.tokens[:0] = parent.tokens
            branch.start = parent.start
            parent = parent.parent
        branch.parent = parent
        branch.cached = 0
        branch.seq = self._free.pop()
        branch.standing += 1
        if parent is not None:
            parent.standing += 1
            self._lib.llama_memory_seq_cp(self._memory, parent.seq, branch.seq, -1, -1)

    def detach(self, branch: Branch) -> None:
        """Take a branch's sequence id away; its cells are free at once unless another branch stands on them."""
        if not branch.resident:
            return
        self._lib.llama_memory_seq_rm(self._memory, branch.seq, -1, -1)
        self._free.append(branch.seq)
        branch.seq = -1
        node: Branch | None = branch
        while node is not None:
            node.standing -= 1
            if node.standing:
                return
            self.cells_used -= node.cached
            node.cached = 0
            node = node.parent

    # -- work

    def decode(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """Decode a batch; return the rows asked for, in order: float32 [rows, n_vocab], valid until the next decode.

        Raises:
            Aborted: `halted` said so; nothing was decoded.
            BackendError: llama.cpp failed.
        """
        arrays = self._arrays
        size = arrays.fill(pieces)
        if size > self.cells_free:
            raise BackendError(f"{size} tokens do not fit the {self.cells_free} free cells")
        forget_log()
        code = self._lib.llama_decode(self._context, arrays.batch)
        if code == _ABORTED:
            raise Aborted
        if code:
            reason = "no free cell" if code == _NO_CELL else last_words() or f"code {code}"
            raise BackendError(f"llama.cpp failed to decode {size} tokens: {reason}")
        for piece in pieces:
            piece.branch.cached += piece.size
        self.cells_used += size
        self.decodes += 1
        self.decoded += size
        rows = sum(piece.wants_row for piece in pieces)
        if not rows:
            return np.empty((0, self.model.vocabulary), np.float32)
        logits = self._lib.llama_get_logits(self._context)
        return np.ctypeslib.as_array(logits, shape=(rows, self.model.vocabulary))


class _BatchArrays:
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

    def fill(self, pieces: Sequence[Piece]) -> int:
        """Write the pieces one after the other; return the number of tokens."""
        end = 0
        for branch, count, wants_row in pieces:
            begin, end = end, end + count
            first = branch.start + branch.cached
            self._token[begin:end] = branch.tokens[branch.cached : branch.cached + count]
            self._pos[begin:end] = range(first, first + count)
            self._seq[begin:end] = branch.seq
            self._wants[begin:end] = 0
            self._wants[end - 1] = wants_row
        self.batch.n_tokens = end
        return end


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
