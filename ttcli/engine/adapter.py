"""A LoRA adapter: a small change to a model's weights, from a file of its own."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from ttcli.engine.library import forget_log, last_words, library
from ttcli.engine.model import Model
from ttcli.errors import BackendError, ModelError
from ttcli.files.gguf import read_header

_HINT = "it takes a LoRA adapter of this very model as GGUF, as llama.cpp's convert_lora_to_gguf.py makes them"


class Adapter:
    """Loaded beside the weights of a model, which frees it with itself; each context has it or has it not.

    Raises:
        ModelError: no such file, no GGUF, no LoRA adapter, or one for another model.
    """

    def __init__(self, model: Model, path: Path) -> None:
        read_header(path)  # raises where llama.cpp would not survive it
        self.path = path
        self._lib = library()
        self._handle = self._load(model)

    def _load(self, model: Model) -> Any:
        forget_log()
        handle = self._lib.llama_adapter_lora_init(model.handle, str(self.path).encode())
        if not handle:
            reason = last_words() or "it gave no reason"
            raise ModelError(f"{self.path} is no LoRA adapter for {model.path.name}: {reason}", hint=_HINT)
        if self._lib.llama_adapter_get_alora_n_invocation_tokens(handle):
            raise ModelError(f"{self.path} is to be switched on in the middle of a text, which ttc cannot", hint=_HINT)
        return handle

    def put_on(self, context: Any) -> None:
        """Have a llama.cpp context compute with it.

        Raises:
            BackendError: llama.cpp does not.
        """
        handles = (self._lib.llama_adapter_lora_p_ctypes * 1)(self._handle)
        if self._lib.llama_set_adapters_lora(context, handles, 1, (ctypes.c_float * 1)(1.0)):
            raise BackendError(
                f"llama.cpp cannot work with the adapter {self.path}: {last_words() or 'no reason given'}"
            )
