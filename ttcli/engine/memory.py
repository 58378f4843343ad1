"""What the memory of a model allows, and what it costs: asked by whoever forks, cuts back or budgets sequences.

Attention keeps keys and values for each token: a text can be forked at any of them, and lose its last ones. Recurrent
layers keep one state for all of them, which is written over as the text grows: it can be copied as it is and thrown
away, and no more. So a text of a model with such layers is forked at its tip, where its sequence has not grown further.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Literal

from ttcli.engine import machine
from ttcli.engine.branch import Branch
from ttcli.engine.library import forget_log, last_words, library
from ttcli.errors import BackendError

Kind = Literal["attention", "hybrid", "recurrent"]

_CELLS = 256  # of the context that is measured: llama.cpp's least
_MEASURED = 2  # tokens


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a model."""

    kind: Kind
    cell_bytes: int  # per token of a text, at most
    state_bytes: int = 0  # per sequence, however long its text
    together: bool = True  # False: llama.cpp confuses the sequences of a batch, so each is decoded by itself

    @property
    def fork_at(self) -> Literal["anywhere", "tip"]:
        """Where in a text another may go on from it."""
        return "anywhere" if self.kind == "attention" else "tip"

    @property
    def trim(self) -> bool:
        """Whether a sequence can lose its last tokens, and not only all of them."""
        return self.kind == "attention"

    @property
    def equal(self) -> bool:
        """Whether llama.cpp cuts a batch, in one buffer too, into parts with as many tokens of each sequence."""
        return self.kind != "attention"

    @property
    def adjacent(self) -> bool:
        """Whether it computes in one go, in one buffer too, only sequences whose ids follow one another."""
        return self.kind == "recurrent"

    @property
    def summary(self) -> str:
        """In words: where it forks, and what it takes."""
        token = f"{self.cell_bytes / 1e3:,.1f} kB a token"
        if self.kind == "attention":
            return f"attention: forks anywhere, {token}"
        state = f"{self.kind}: forks at the end of a text, {self.state_bytes / 1e6:,.2f} MB a text"
        return f"{state} and {token}" if self.kind == "hybrid" else state

    def forks(self, branch: Branch) -> bool:
        """Whether another branch can go on from the end of this one as things stand."""
        reached = branch.standing > 0 if self.fork_at == "anywhere" else branch.resident
        return reached and not branch.pending


def kind_of(handle: Any) -> Kind:
    """The kind of memory of a llama_model."""
    lib = library()
    if lib.llama_model_is_recurrent(handle):
        return "recurrent"
    return "hybrid" if lib.llama_model_is_hybrid(handle) else "attention"


def measured(handle: Any, kind: Kind) -> Memory:
    """The memory of a llama_model with recurrent layers; decodes two tokens to see what a sequence takes.

    Raises:
        BackendError: llama.cpp cannot do that.
    """
    lib = library()
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = _CELLS, _CELLS, _CELLS, 1
    params.n_threads = params.n_threads_batch = machine.threads()
    params.no_perf = True
    forget_log()
    context = lib.llama_init_from_model(handle, params)
    if not context:
        raise BackendError(f"llama.cpp cannot create a context: {last_words() or 'it gave no reason'}")
    try:
        tokens = (ctypes.c_int32 * _MEASURED)()
        if lib.llama_decode(context, lib.llama_batch_get_one(tokens, _MEASURED)):
            raise BackendError(f"llama.cpp cannot decode {_MEASURED} tokens: {last_words() or 'it gave no reason'}")
        whole = int(lib.llama_state_seq_get_size(context, 0))
        state = int(lib.llama_state_seq_get_size_ext(context, 0, lib.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY))
        return Memory(kind, max(1, (whole - state) // _MEASURED), state)
    finally:
        lib.llama_free(context)
