"""A GGUF model: its weights, vocabulary and facts."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ttcli.engine.library import forget_log, last_words, library
from ttcli.engine.memory import Memory, kind_of, measured
from ttcli.errors import ModelError
from ttcli.files.gguf import check_gguf, check_model
from ttcli.files.kinds import OTHER_MODEL, no_writer
from ttcli.files.parts import parts

_OUTPUT_TENSOR = (13).to_bytes(8, "little") + b"output.weight"  # a GGUF tensor name is length-prefixed


class Model:
    """Weights and vocabulary of one GGUF file; several sessions may share it.

    Args:
        path: the GGUF file, the first one of a split model.
        checked: its header has been checked, see `check_model`.
        gpu_layers: layers to put on a GPU; None: all of them where the build has a GPU, else none.
        wanted: asked between two tensors whether to go on reading; None: nobody is.

    Raises:
        ModelError: no such file, no GGUF, truncated, not all parts, of an unknown architecture, or no longer wanted.
    """

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int | None = None,
        checked: bool = False,
        wanted: Callable[[], bool] | None = None,
    ) -> None:
        self.path = path
        (check_gguf if checked else check_model)(path)
        self._lib = library()
        self._handle = self._load(gpu_layers, wanted)
        self._vocab = self._lib.llama_model_get_vocab(self._handle)
        self._pieces: dict[int, bytes] = {}
        self.backend_sampling = False  # whether a GPU picks the largest logits of a row; set by whoever has tried it
        self.vocabulary: int = self._lib.llama_vocab_n_tokens(self._vocab)

    def _load(self, gpu_layers: int | None, wanted: Callable[[], bool] | None) -> Any:
        lib = self._lib
        params = lib.llama_model_default_params()
        gpu = bool(lib.llama_supports_gpu_offload())
        params.n_gpu_layers = (-1 if gpu else 0) if gpu_layers is None else gpu_layers
        if wanted is not None:
            params.progress_callback = lib.llama_progress_callback(lambda _part, _data: wanted())
        forget_log()
        handle = lib.llama_model_load_from_file(str(self.path).encode(), params)
        if not handle:
            raise ModelError(
                f"llama.cpp cannot load {self.path}: {last_words() or 'it gave no reason'}",
                hint="the file may be truncated or newer than this llama.cpp; fetch it again: ttc models pull",
            )
        return handle

    @property
    def handle(self) -> Any:
        """The llama_model pointer.

        Raises:
            ModelError: the model has been closed.
        """
        if self._handle is None:
            raise ModelError(f"{self.path.name} has been closed")
        return self._handle

    def close(self) -> None:
        """Free the weights; every session on them must be closed before."""
        if self._handle is not None:
            self._lib.llama_model_free(self._handle)
            self._handle = None

    def cannot_branch(self) -> str | None:
        """Why texts of this model cannot be grown and forked; None if they can."""
        lib, handle = self._lib, self.handle
        if lib.llama_model_is_diffusion(handle):
            return "is a diffusion model: it does not write from left to right"
        if not lib.llama_model_has_decoder(handle) or lib.llama_model_has_encoder(handle):
            return "is an encoder model: it does not write text from a prompt"
        return no_writer(self.metadata, lambda: self._has_output)

    def require_branching(self) -> None:
        """Raise ModelError if texts of this model cannot be grown and forked."""
        reason = self.cannot_branch()
        if reason:
            raise ModelError(f"{self.path.name} {reason}", hint=OTHER_MODEL)

    @cached_property
    def memory(self) -> Memory:
        """What its memory allows and costs; whoever knows more, from an earlier run or a test of it, sets it.

        Raises:
            BackendError: llama.cpp cannot tell what a sequence takes.
        """
        kind = kind_of(self.handle)
        return Memory(kind, self._attention_bytes) if kind == "attention" else measured(self.handle, kind)

    # -- facts

    @property
    def context(self) -> int:
        """Tokens of context that the model was trained for."""
        return int(self._lib.llama_model_n_ctx_train(self.handle))

    @property
    def layers(self) -> int:
        """Transformer blocks."""
        return int(self._lib.llama_model_n_layer(self.handle))

    @property
    def width(self) -> int:
        """Size of a hidden state."""
        return int(self._lib.llama_model_n_embd(self.handle))

    @property
    def parameters(self) -> int:
        """All weights, the embedding table included."""
        return int(self._lib.llama_model_n_params(self.handle))

    @cached_property
    def matmul_parameters(self) -> int:
        """Weights that take part in a matrix product for each token: without the embedding look-up.

        A model with tied embeddings multiplies by the table at its output, so there it counts.
        """
        return self.parameters - self.vocabulary * self.width if self._has_output else self.parameters

    @cached_property
    def _has_output(self) -> bool:
        """Whether it has a table at its output, which is not that of its embeddings."""
        files = parts(self.path)
        # names stand before the weights, behind a vocabulary that takes long to read
        beside_weights = sum(file.stat().st_size for file in files) - int(self._lib.llama_model_size(self.handle))
        return any(_holds(file, _OUTPUT_TENSOR, beside_weights) for file in files)

    @property
    def _attention_bytes(self) -> int:
        """Upper bound of the KV-cache bytes per token at 16 bits where all layers are attention."""
        heads = int(self._lib.llama_model_n_head(self.handle)) or 1
        kv_heads = int(self._lib.llama_model_n_head_kv(self.handle)) or heads
        return 2 * 2 * self.layers * self.width * kv_heads // heads

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of the GGUF's chat template; None if it has none."""
        source = self._lib.llama_model_chat_template(self.handle, None)
        return source.decode("utf-8", "replace") if source else None

    def metadata(self, key: str) -> str | None:
        """A metadata value of the GGUF as text; None if absent (arrays are not kept)."""
        buffer = ctypes.create_string_buffer(4096)
        size = self._lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else None

    @property
    def description(self) -> str:
        """Architecture, size and quantization in llama.cpp's words, such as "qwen2 1B Q4_K - Medium"."""
        buffer = ctypes.create_string_buffer(256)
        self._lib.llama_model_desc(self.handle, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    # -- vocabulary

    @property
    def bos(self) -> int | None:
        """The beginning-of-sequence token that prompts must start with; None where the model wants none."""
        if not self._lib.llama_vocab_get_add_bos(self._vocab):
            return None
        return self.special_token("bos")

    def special_token(self, name: Literal["bos", "eos"]) -> int | None:
        """A special token by name; None where the vocabulary has none."""
        token = int(getattr(self._lib, f"llama_vocab_{name}")(self._vocab))
        return token if token >= 0 else None

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids of a text, without BOS or EOS added.

        `special`: whether the text of control tokens becomes those tokens. Never for anything a user typed.
        """
        data = text.encode("utf-8", "surrogateescape")
        size = len(data) + 8
        buffer = (self._lib.llama_token * size)()
        count = self._lib.llama_tokenize(self._vocab, data, len(data), buffer, size, False, special)
        if count < 0:
            size = -count
            buffer = (self._lib.llama_token * size)()
            count = self._lib.llama_tokenize(self._vocab, data, len(data), buffer, size, False, special)
        return list(buffer[:count])

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; control tokens by their names."""
        piece = self._pieces.get(token)
        if piece is None:
            buffer = ctypes.create_string_buffer(64)
            size = self._lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, True)
            if size < 0:
                buffer = ctypes.create_string_buffer(-size)
                size = self._lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, True)
            piece = self._pieces[token] = buffer.raw[:size]
        return piece

    def ends_generation(self, token: int) -> bool:
        """Whether the model ends its turn with this token."""
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))

    def is_control(self, token: int) -> bool:
        """Whether this token steers the model and stands for no text."""
        return bool(self._attributes(token) & (self._lib.LLAMA_TOKEN_ATTR_CONTROL | self._lib.LLAMA_TOKEN_ATTR_UNKNOWN))

    def swallows_space(self, token: int) -> tuple[bool, bool]:
        """Whether white space before it, and after it, belongs to a control token (some templates rely on it)."""
        attributes = self._attributes(token)
        lib = self._lib
        return bool(attributes & lib.LLAMA_TOKEN_ATTR_LSTRIP), bool(attributes & lib.LLAMA_TOKEN_ATTR_RSTRIP)

    def _attributes(self, token: int) -> int:
        return int(self._lib.llama_vocab_get_attr(self._vocab, token))


def _holds(path: Path, words: bytes, end: int) -> bool:
    """Whether a file has these bytes among its first `end`."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(words, 0, end) >= 0


def describe(model: Model) -> dict[str, str | int]:
    """Facts of a model, for `ttc models info`."""
    return {
        "architecture": model.metadata("general.architecture") or "unknown",
        "quantization": model.description,
        "parameters": model.parameters,
        "context": model.context,
        "layers": model.layers,
        "width": model.width,
        "vocabulary": model.vocabulary,
        "chat template": "yes" if model.chat_template else "no",
        **({} if model.cannot_branch() else {"memory": model.memory.summary}),
        "policy": model.cannot_branch() or ("yes" if model.chat_template else "no: it has no chat template"),
    }
