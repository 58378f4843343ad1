"""The largest logits of each row, picked where llama.cpp computes them, so that a GPU sends some dozens and not all.

llama.cpp computes a chain of samplers with its graph for each sequence that has one (it calls that backend sampling,
`llama_set_sampler`; experimental). The chains it brings do not tell the sum over a row, without which a token has no
log-probability. So ours holds a sampler of its own, three operations: the k largest tokens, their logits, and their
probabilities by the softmax of the whole row, from which the sum follows. Nothing is drawn there: numbers come from
the generators of the texts, as everywhere.

All sequence ids have a chain, as llama.cpp copies whole rows again as soon as one of a batch has none. Each graph that
is built anew costs some calls of Python for each sequence. llama.cpp keeps room for four whole rows per sequence id
then, and not one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from ttcli.engine import machine
from ttcli.engine.branch import Piece
from ttcli.engine.certainty import LIKELIEST
from ttcli.engine.library import library, tensors
from ttcli.engine.overview import NO_NUMBERS, TopRows
from ttcli.engine.params import SamplingParams
from ttcli.errors import BackendError, ModelError

if TYPE_CHECKING:
    from ttcli.engine.model import Model

READ = ("0.3.36",)  # versions of llama-cpp-python whose backend sampling was looked into: each may have another
_EDGE = 8  # logits beyond top-k: among equal ones at its edge the first in the vocabulary count, wherever they lie
_MOST = 256  # logits per row: more are no longer few


def version_offering() -> str | None:
    """The version of llama-cpp-python, where it is one that was looked into and is built for a GPU; else None.

    On a CPU there is no bus to spare, and its top-k takes longer than ours (benchmarks/RESULTS.md, "Sampling").
    """
    version = str(library().__version__)
    return version if version in READ and machine.has_gpu() else None


def top_of(model: Model, sampling: SamplingParams) -> int:
    """Logits per row that suffice to draw from it at any temperature, and to tell how sure it was; 0: the whole row.

    Where the model was tried (see `backend_trial`) and agreed, and top-k bounds what can be drawn: what top-p or min-p
    alone leave is not known beforehand.
    """
    top = max(sampling.top_k + _EDGE, LIKELIEST)
    return top if model.backend_sampling and sampling.top_k and top <= min(_MOST, model.vocabulary // 2) else 0


class BackendSampler:
    """Chains of samplers for the sequence ids of a context, which must be freed before `close` is called.

    Args:
        top: how many of the largest logits of a row are wanted, at most the vocabulary.
        ctrl_c: is told of a KeyboardInterrupt that came up in a callback: C code would swallow it.
    """

    def __init__(self, model: Model, sequences: int, top: int, ctrl_c: Callable[[], None]) -> None:
        self._lib = lib = library()
        self._ggml = _graph_functions()
        self._vocabulary = model.vocabulary
        self._top = top
        self._ctrl_c = ctrl_c
        self._offered, self._taken = sequences, 0
        self.on_cpu = False  # whether the rows are computed there, so that there is nothing to save
        self._interface = lib.llama_sampler_i()
        self._interface.name = lib.llama_sampler_i_name(lambda _sampler: b"top rows")
        self._interface.backend_init = lib.llama_sampler_i_backend_init(self._init)
        self._interface.backend_apply = lib.llama_sampler_i_backend_apply(self._apply)
        self._chains = [self._chain() for _ in range(sequences)]
        pairs = ((seq, ctypes.cast(chain, ctypes.c_void_p)) for seq, chain in enumerate(self._chains))
        self.configs = (lib.llama_sampler_seq_config * sequences)(*(lib.llama_sampler_seq_config(*p) for p in pairs))

    @property
    def taken(self) -> bool:
        """Whether a context made with `configs` computes the chains: not where a device lacks an operation."""
        return self._taken == self._offered

    def close(self) -> None:
        """Free the chains."""
        for chain in self._chains:
            self._lib.llama_sampler_free(chain)
        self._chains = []

    def rows(self, context: Any, pieces: Sequence[Piece]) -> TopRows:
        """What the last decode, of these pieces, left.

        Raises:
            BackendError: it left something else.
            ModelError: a row holds what is no number.
        """
        lib, top = self._lib, self._top
        ends = accumulate(piece.size for piece in pieces)
        last = [end - 1 for piece, end in zip(pieces, ends, strict=True) if piece.rows]
        if not last:
            return TopRows.empty(top)
        counts = {int(lib.llama_get_sampled_candidates_count_ith(context, index)) for index in last}
        if counts != {top} or lib.llama_get_sampled_probs_count_ith(context, last[0]) != top:
            raise BackendError(f"llama.cpp left {sorted(counts)} logits of a row instead of {top}")
        shape = (len(last), self._vocabulary)  # a row begins where a whole one would
        logits, probabilities, tokens = (
            np.ctypeslib.as_array(getattr(lib, f"llama_get_sampled_{name}_ith")(context, last[0]), shape)[:, :top]
            for name in ("logits", "probs", "candidates")
        )
        order = np.lexsort((tokens, -logits))
        tokens = np.take_along_axis(tokens, order, axis=1).astype(np.intp)
        logits = np.take_along_axis(logits, order, axis=1)
        likeliest = np.take_along_axis(probabilities, order[:, :1], axis=1)[:, 0].astype(np.float64)
        if not (np.isfinite(logits).all() and (likeliest > 0).all()):
            raise ModelError("the model computes what are no numbers", hint=NO_NUMBERS)
        return TopRows(tokens, logits, logits[:, 0] - np.log(likeliest))

    def _chain(self) -> Any:
        chain = self._lib.llama_sampler_chain_init(self._lib.llama_sampler_chain_default_params())
        self._lib.llama_sampler_chain_add(chain, self._lib.llama_sampler_init(ctypes.byref(self._interface), None))
        return chain

    def _init(self, _sampler: object, buffer_type: int, outputs: int) -> bool:
        """What llama.cpp asks of each sampler when it makes the context."""
        return bool(self._undisturbed(lambda: self._fits(buffer_type, outputs)))

    def _fits(self, buffer_type: int, outputs: int) -> bool:
        device = self._ggml.ggml_backend_buft_get_device(buffer_type)
        self.on_cpu = not device
        fits = outputs == 1 and (self.on_cpu or self._supported(device))
        self._taken += fits
        return fits

    def _supported(self, device: int) -> bool:
        """Whether a device has all operations; the CPU, which counts as none, has."""
        ggml = self._ggml
        size = 32 * int(ggml.ggml_tensor_overhead())
        context = ggml.ggml_init(_InitParams(size, None, True))
        try:
            logits = ggml.ggml_new_tensor_1d(context, _F32, self._vocabulary)
            return all(ggml.ggml_backend_dev_supports_op(device, node) for node in self._nodes(context, logits))
        finally:
            ggml.ggml_free(context)

    def _apply(self, _sampler: object, context: int, _graph: int, data: Any) -> None:
        """What llama.cpp calls for each sequence id, whenever it builds a graph."""
        row, logits = data.contents, data.contents.logits

        def build() -> None:
            row.candidates, row.logits, _, row.probs = self._nodes(context, logits)

        self._undisturbed(build)

    def _nodes(self, context: int, logits: int) -> tuple[int, int, int, int]:
        """Tokens, their logits, all probabilities, and those of the tokens: of a row of logits, as parts of a graph."""
        ggml = self._ggml
        count = int(ggml.ggml_nelements(logits))
        top = ggml.ggml_top_k(context, logits, min(self._top, count))
        lines = ggml.ggml_reshape_2d(context, logits, 1, count)
        softmax = ggml.ggml_soft_max(context, logits)
        likely = ggml.ggml_reshape_2d(context, softmax, 1, count)
        return top, ggml.ggml_get_rows(context, lines, top), softmax, ggml.ggml_get_rows(context, likely, top)

    def _undisturbed(self, work: Callable[[], Any]) -> Any:
        """Do work that must be done, whatever comes up in between."""
        try:
            return work()
        except KeyboardInterrupt:
            self._ctrl_c()
            return work()


class _InitParams(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


_F32 = 0  # ggml_type


def _graph_functions() -> Any:
    """The functions of ggml that make parts of graphs."""
    ggml, pointer, count = tensors(), ctypes.c_void_p, ctypes.c_int64
    for name, result, *arguments in (
        ("ggml_init", pointer, _InitParams),
        ("ggml_free", None, pointer),
        ("ggml_tensor_overhead", ctypes.c_size_t),
        ("ggml_nelements", count, pointer),
        ("ggml_new_tensor_1d", pointer, pointer, ctypes.c_int, count),
        ("ggml_top_k", pointer, pointer, pointer, ctypes.c_int),
        ("ggml_soft_max", pointer, pointer, pointer),
        ("ggml_get_rows", pointer, pointer, pointer, pointer),
        ("ggml_reshape_2d", pointer, pointer, pointer, count, count),
        ("ggml_backend_buft_get_device", pointer, pointer),
        ("ggml_backend_dev_supports_op", ctypes.c_bool, pointer, pointer),
    ):
        function = getattr(ggml, str(name))
        function.restype, function.argtypes = result, arguments
    return ggml
