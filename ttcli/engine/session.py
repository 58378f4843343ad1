"""A llama.cpp context whose KV cells are shared down a tree of branches.

A branch is a run of tokens on top of its parent's. Forking decodes nothing again. In one buffer the child's sequence id
is added to the parent's cells, and a cell is free again when no branch that is resident stands on it. With streams
every sequence id has a buffer of its own, into which the parent's cells are copied: that takes more memory, but a
text's attention then passes over its own cells only, not over those of all.

Where the model's memory can be forked at the tip of a text only (see `memory`), the child is forked from a branch that
has a sequence id and has not grown past its end, whole, and nothing is ever cut back.
"""

# over 300 lines: which cells a branch has and what a decode does to them are one account

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ttcli.engine import machine
from ttcli.engine.adapter import Adapter
from ttcli.engine.backend_sampling import BackendSampler
from ttcli.engine.batch import BatchArrays
from ttcli.engine.branch import Branch, Piece, States
from ttcli.engine.library import forget_log, last_words, library, look_around
from ttcli.engine.model import Model
from ttcli.engine.observer import Observer
from ttcli.engine.overview import TopRows
from ttcli.errors import BackendError

MAX_SEQUENCES = 256  # llama.cpp's LLAMA_MAX_SEQ
SPARE_SEQUENCES = 16  # sequence ids beyond the width: prompts, and steps that wait to be extended
BATCH = 512  # tokens per decode at most: bounds the compute buffer and the time of one prefill chunk
_EVERY = 64  # tokens per decode, at least, where there may be a row of logits for each
_CELL_BLOCK = 256  # llama.cpp rounds the cells up to these, but only after it has cut the batch down to the cells
_SHORT = 0.1  # seconds: a decode that is over by then is not halted in the middle
_NO_CELL, _ABORTED = 1, 2  # llama_decode's return values

_Rows = TypeVar("_Rows")


class Aborted(Exception):
    """A decode was called off by `halted`; see `Session.decode` for what is left."""


class Session:
    """One llama.cpp context with at most `width` rows of logits per decode.

    `flash_attention` saves memory traffic on a GPU, and operations on a CPU. llama.cpp's CPU kernel for small batches
    accumulates in 16 bits: what is read off a single row, as a judge does, shifts with the size of the batch. Without
    it, it does not.

    `halted` is asked before every decode, and in the middle of those that take long, about once per graph node; when it
    says yes, the decode raises Aborted.

    `adapter` changes the weights, for this context alone.

    `observe` names layers, from 0, the last one excepted: a decode leaves their outputs for each row in `states`.

    `every`: pieces may ask for a row behind each of their tokens. That takes memory, so decodes are short then.

    `top`: so many of the largest logits of a row are wanted, and no others; see `backend_sampling`. Where llama.cpp
    does not pick them by itself, the attribute of this name is 0, and decodes leave whole rows.

    Raises:
        ModelError: the model cannot be branched, or has no such layers.
        BackendError: llama.cpp could not create the context (its reason is in the message), or is to leave every row,
            and the largest logits.
    """

    def __init__(
        self,
        model: Model,
        *,
        cells: int,
        width: int,
        sequences: int | None = None,
        streams: bool = False,
        threads: int | None = None,
        flash_attention: bool = True,
        adapter: Adapter | None = None,
        observe: Sequence[int] = (),
        every: bool = False,
        top: int = 0,
        halted: Callable[[], bool] | None = None,
    ) -> None:
        model.require_branching()
        if every and top:
            raise BackendError("the largest logits are picked once per sequence, not behind every token")
        self.model = model
        self.width = width
        self.threads = threads or machine.threads()
        self._lib = lib = library()
        self._halted = halted or (lambda: False)
        self._ctrl_c = False  # a KeyboardInterrupt came up in the callback, which C code would swallow
        self._abort = lib.ggml_abort_callback(self._ask)
        self._deaf = lib.ggml_abort_callback(0)  # llama.cpp asks nobody
        self._token_seconds = math.inf  # of the last decode
        self._observer = Observer(model, observe, self._note_ctrl_c) if observe else None
        self.states: Sequence[States] = ()  # that the rows of the last decode were computed from, in their order
        self.streams = streams
        self.memory = model.memory
        self._adjacent = streams or self.memory.adjacent  # what is computed together must have ids side by side
        self._unlent = 1 if self._adjacent else 0  # sequence ids that no branch gets: room to move in, see `gather`
        self._ids = min(MAX_SEQUENCES, (sequences or width + SPARE_SEQUENCES) + self._unlent)
        self.sequences = self._ids - self._unlent
        self._rows_most = max(_EVERY, width) if every else self.sequences  # of a decode
        self._sampler = BackendSampler(model, self._ids, top, self._note_ctrl_c) if top else None
        batch = max(_EVERY if every else BATCH, width)
        self._context = self._create(cells, batch, flash_attention)
        if self._sampler and not self._sampler.taken:
            self.close()
            self._context = self._create(cells, batch, flash_attention)
        self.top = top if self._sampler else 0
        if adapter is not None:
            adapter.put_on(self._context)
        self._kv = lib.llama_get_memory(self._context)
        self.batch = int(lib.llama_n_batch(self._context))
        self.longest = int(lib.llama_n_ctx(self._context)) // (self._ids if streams else 1)  # tokens of a text
        self.cells = self.longest * (self.sequences if streams else 1)
        self.cells_used = 0
        self.decodes = 0  # calls that went through
        self.decoded = 0  # tokens
        self._free = list(range(self._ids))  # ascending
        self._residents: dict[int, Branch] = {}  # by sequence id
        self._arrays = BatchArrays(lib, self.batch)

    def _create(self, cells: int, batch: int, flash_attention: bool) -> Any:
        lib = self._lib
        params = lib.llama_context_default_params()
        params.n_ctx = -(-cells // _CELL_BLOCK) * _CELL_BLOCK * (self._ids if self.streams else 1)
        params.n_batch = params.n_ubatch = batch
        # llama.cpp reserves a row of logits per sequence id, and asserts that no fewer outputs are allowed
        params.n_seq_max, params.n_outputs_max = self._ids, max(self._ids, self._rows_most)
        params.kv_unified = not self.streams
        params.swa_full = True
        params.flash_attn_type = (
            lib.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash_attention else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.n_threads = params.n_threads_batch = self.threads
        params.abort_callback = self._abort
        if self._observer:
            params.cb_eval = self._observer.callback
        if self._sampler:
            params.samplers, params.n_samplers = self._sampler.configs, self._ids
            params.n_outputs_max_per_seq = 1
        params.no_perf = True
        forget_log()
        context = lib.llama_init_from_model(self.model.handle, params)
        if not context:
            if self._sampler:
                self._sampler.close()
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
        if self._sampler is not None:
            self._sampler.close()
            self._sampler = None

    @property
    def picks_on_cpu(self) -> bool:
        """Whether there are largest logits only, and a CPU picks them."""
        return self._sampler is not None and self._sampler.on_cpu

    def _ask(self, _data: Any) -> bool:
        """What llama.cpp calls during a decode."""
        try:
            return self._ctrl_c or self._halted()
        except KeyboardInterrupt:
            self._note_ctrl_c()
            return True

    def _note_ctrl_c(self) -> None:
        self._ctrl_c = True

    # -- cells

    @property
    def cells_free(self) -> int:
        """Cells that hold nothing."""
        return self.cells - self.cells_used

    @property
    def sequences_free(self) -> int:
        """Sequence ids that a branch could get."""
        return len(self._free) - self._unlent

    def attach(self, branch: Branch, *, aside: bool = False) -> None:
        """Make a branch resident: fork the nearest ancestor that has its cells, take over the tokens in between.

        `aside`: it is not going to grow with the others; see `gather`.

        Raises:
            BackendError: no sequence id is free, or the branch is resident or stood upon.
        """
        if not self.sequences_free or branch.standing:
            reason = "it has cells already" if branch.standing else f"all {self.sequences} sequence ids are in use"
            raise BackendError(f"a branch cannot be made resident: {reason}")
        parent = self.base(branch)
        while (above := branch.above) is not parent:
            assert above is not None  # `parent` is among its ancestors
            branch.tokens[:0] = above.tokens
            branch.start, branch.parent = above.start, above.parent
        branch.parent = parent
        branch.seq = self._free.pop(-1 if aside else 0)
        branch.standing = 1
        if parent is not None:
            self._fork(self._reaching(parent), branch.seq, parent.length)
            parent.standing += 1
        self._residents[branch.seq] = branch

    def gather(self, growing: Iterable[Branch]) -> None:
        """Give branches that grow together the lowest sequence ids.

        With streams, or a recurrent model, llama.cpp computes a batch in one go only as far as the ids in it follow one
        another, and reads all weights again for what does not; a move copies the cells of one text.
        """
        members = set(growing)
        while self._adjacent and any(branch.seq >= len(members) for branch in members):
            if self._free[0] < len(members):
                self._move(max(members, key=lambda branch: branch.seq), self._free.pop(0))
            else:
                stranger = next(b for b in self._residents.values() if b not in members and b.seq < len(members))
                self._move(stranger, self._free.pop())

    def _move(self, branch: Branch, seq: int) -> None:
        """Give a resident another sequence id, one that is not among the free ones any more."""
        self._fork(branch.seq, seq, branch.start + branch.cached)
        self._lib.llama_memory_seq_rm(self._kv, branch.seq, -1, -1)
        bisect.insort(self._free, branch.seq)
        del self._residents[branch.seq]
        branch.seq = seq
        self._residents[seq] = branch

    def _fork(self, source: int, target: int, length: int) -> None:
        """Let a sequence id that holds nothing have the first `length` cells of another: at the tip, all it has."""
        if self.memory.fork_at == "tip":
            self._lib.llama_memory_seq_cp(self._kv, source, target, -1, -1)
        elif self.streams:  # whole streams are copied: what goes beyond is taken away again
            self._lib.llama_memory_seq_cp(self._kv, source, target, -1, -1)
            self._lib.llama_memory_seq_rm(self._kv, target, length, -1)
        else:
            self._lib.llama_memory_seq_cp(self._kv, source, target, -1, length)

    def shorten(self, branch: Branch, size: int) -> None:
        """Leave a resident branch that nobody stands on its first `size` tokens, all of which have cells.

        Raises:
            BackendError: some that have cells are to go, and the model's memory cannot be trimmed.
        """
        if size < branch.cached:
            if not self.memory.trim:
                raise BackendError(f"{branch.cached - size} tokens cannot be taken from a {self.memory.kind} memory")
            self._lib.llama_memory_seq_rm(self._kv, branch.seq, branch.start + size, -1)
        self.cells_used -= branch.cached - size
        branch.cached = size
        del branch.tokens[size:]
        branch.forget()

    def detach(self, branch: Branch) -> None:
        """Take a branch's sequence id away; its cells are free at once unless another branch stands on them.

        Where texts are forked at their tips only, those that stand on it are no way to its end. So it has no cells any
        more, which they keep by themselves, and may become resident again.
        """
        if not branch.resident:
            return
        self._lib.llama_memory_seq_rm(self._kv, branch.seq, -1, -1)
        bisect.insort(self._free, branch.seq)
        del self._residents[branch.seq]
        branch.seq = -1
        node: Branch | None = branch
        if branch.standing > 1 and self.memory.fork_at == "tip":
            node = self._hand_over(branch)
        while node is not None:
            node.standing -= 1
            if node.standing:
                return
            self.cells_used -= node.cached
            node.cached = 0
            node = node.parent

    def _hand_over(self, branch: Branch) -> Branch:
        """Have a nameless branch hold the cells of this one for those that stand on them; return that."""
        keeper = Branch(branch.parent, branch.tokens)
        keeper.stead = branch
        keeper.cached, keeper.standing = branch.cached, branch.standing
        branch.cached = branch.standing = 0
        for resident in self._residents.values():
            node = resident
            while node.parent is not None and node.parent is not branch:
                node = node.parent
            if node.parent is branch:
                node.parent = keeper
        return keeper

    def missing(self, branch: Branch) -> int:
        """Tokens to decode if a branch that is not resident were made so."""
        base = self.base(branch)
        return branch.length - (base.length if base else 0)

    def base(self, branch: Branch) -> Branch | None:
        """The nearest ancestor that the model's memory can fork: one with all its cells, resident or not."""
        parent = branch.above
        while parent is not None and not self.memory.forks(parent):
            parent = parent.above
        return parent

    def _reaching(self, branch: Branch) -> int:
        """A sequence id that reaches a branch's cells: its own, or that of a branch above it."""
        return branch.seq if branch.resident else next(s for s, b in self._residents.items() if b.stands_on(branch))

    # -- work

    def decode(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """Decode a batch; return the rows asked for, in order: float32 [rows, n_vocab], valid until the next decode.

        Where this fails nothing was decoded. If it did in the middle and the model's memory cannot be trimmed, no
        branch is resident any more: llama.cpp moves states of texts outside of the batch about in the same pass.

        Raises:
            Aborted: `halted` said so.
            KeyboardInterrupt: Ctrl-C where no handler turns it into `halted`.
            BackendError: llama.cpp failed, or would abort the process: too many tokens, rows, or cells needed. Or the
                session leaves the largest logits only.
        """
        if self.top:
            raise BackendError(f"whole rows were asked for, where the {self.top} largest logits are left of each")
        together = self.memory.together  # else the next pass writes where the rows of this one lie
        parts = self._decode(pieces, self._rows if together else lambda passed: self._rows(passed).copy())
        return parts[0] if together else np.concatenate(parts)

    def decode_top(self, pieces: Sequence[Piece]) -> TopRows:
        """Decode a batch as `decode` does, in a session with `top`; return the largest logits of the rows asked for.

        Raises:
            ModelError: a row holds what is no number.
        """
        sampler = self._sampler
        if sampler is None:
            raise BackendError("the largest logits were asked for, where whole rows are left")
        return TopRows.joined(self._decode(pieces, lambda passed: sampler.rows(self._context, passed)))

    def _decode(self, pieces: Sequence[Piece], read: Callable[[Sequence[Piece]], _Rows]) -> list[_Rows]:
        """Decode a batch; what is read after each pass."""
        size, rows = sum(piece.size for piece in pieces), sum(piece.rows for piece in pieces)
        if not 0 < size <= self.batch or rows > self._rows_most:
            raise BackendError(f"{size} tokens and {rows} rows exceed a batch of {self.batch} and {self._rows_most}")
        longest = max(piece.branch.start + piece.branch.cached + piece.size for piece in pieces)
        if size > self.cells_free or longest > self.longest:
            raise BackendError(f"{size} tokens do not fit {self.cells_free} free cells of {self.longest} for a text")
        if self._halted():  # only a CPU asks in the middle
            raise Aborted
        found = self._compute(pieces, read)
        for piece in pieces:
            piece.branch.cached += piece.size
        self.cells_used += size
        self.decodes += 1
        self.decoded += size
        return found

    def _compute(self, pieces: Sequence[Piece], read: Callable[[Sequence[Piece]], _Rows]) -> list[_Rows]:
        """Put a batch through llama.cpp, leave its states and return what is read after each pass; undo what fails."""
        states: list[States] = []
        rows = []
        try:
            for passed in [pieces] if self.memory.together else [[piece] for piece in pieces]:
                states += self._pass(passed)
                rows.append(read(passed))
        except BaseException:
            self._undo(pieces)
            raise
        self.states = states
        return rows

    def _pass(self, pieces: Sequence[Piece]) -> Sequence[States]:
        """One decode of llama.cpp, and the states of its rows."""
        self._arrays.fill(pieces)
        if self._observer:
            self._observer.expect(pieces, streams=self._adjacent, equal=self.memory.equal)
        look_around(self.threads)
        forget_log()
        code = self._timed_decode()
        if self._ctrl_c:
            self._ctrl_c = False
            raise KeyboardInterrupt
        if code == _ABORTED:
            raise Aborted
        if code:
            reason = "no free cell" if code == _NO_CELL else last_words() or f"code {code}"
            raise BackendError(f"llama.cpp failed to decode {self._arrays.batch.n_tokens} tokens: {reason}")
        return self._observer.states() if self._observer else [{} for piece in pieces for _ in range(piece.rows)]

    def _timed_decode(self) -> int:
        """Have llama.cpp decode the batch; it asks whether to stop only where the answer saves some time.

        It would for every node of its graph, of which there are hundreds, while its other threads wait.
        """
        tokens = self._arrays.batch.n_tokens
        asks = tokens * self._token_seconds > _SHORT
        self._lib.llama_set_abort_callback(self._context, self._abort if asks else self._deaf, None)
        begin = time.monotonic()
        code = int(self._lib.llama_decode(self._context, self._arrays.batch))
        if not code:
            self._token_seconds = (time.monotonic() - begin) / tokens
        return code

    def _rows(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """The rows of logits that the last pass left, as they lie in llama.cpp's memory."""
        rows = sum(piece.rows for piece in pieces)
        if not rows:
            return np.empty((0, self.model.vocabulary), np.float32)
        logits = self._lib.llama_get_logits(self._context)
        return np.ctypeslib.as_array(logits, shape=(rows, self.model.vocabulary))

    def _undo(self, pieces: Sequence[Piece]) -> None:
        """Have the cells as before a decode that failed, or none at all where that is not possible."""
        if self.memory.trim:
            for branch, *_ in pieces:  # of a batch in parts llama.cpp keeps those that went through
                self._lib.llama_memory_seq_rm(self._kv, branch.seq, branch.start + branch.cached, -1)
            return
        for branch in sorted(self._residents.values(), key=lambda branch: -branch.start):
            self.detach(branch)
        self._lib.llama_memory_clear(self._kv, True)
