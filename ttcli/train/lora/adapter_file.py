"""An adapter as llama.cpp loads it: a GGUF of pairs of low-rank factors, with the card and what it was trained on."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ttcli.errors import TtcError
from ttcli.files.trained import CARD, KIND, MODEL, WEIGHTS

if TYPE_CHECKING:
    import gguf  # an extra


def write_adapter(
    path: Path, arrays: Mapping[str, NDArray[np.floating[Any]]], card: Mapping[str, Any], *, alpha: float, family: str
) -> None:
    """Write an adapter, whole or not at all; its folder is made.

    Args:
        arrays: `blk.N.NAME.weight.lora_a`, [rank, inputs], and `..._b`, [outputs, rank], as llama.cpp lays them out.
        card: its keys `kind`, `model` and `weights` (the SHA-256 of the model's file) stand for themselves besides.
        alpha: the change counts alpha / rank times.

    Raises:
        TtcError: it cannot be written; what stood there stays.
    """
    import gguf

    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(part, family)
        with _closing(writer):
            writer.add_type("adapter")
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", alpha)
            writer.add_name(f"{card['kind']} of {card['model']}")
            for key, name in ((KIND, "kind"), (MODEL, "model"), (WEIGHTS, "weights")):
                writer.add_string(key, str(card[name]))
            writer.add_string(CARD, json.dumps(dict(card), ensure_ascii=False))
            for name, values in arrays.items():
                writer.add_tensor(name, np.ascontiguousarray(values, np.float32))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        hint = "make room, and give the same command again: what was trained is kept"
        raise TtcError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _closing(writer: gguf.GGUFWriter) -> Iterator[None]:
    """Close it; where that fails after something else has, that is what is told."""
    try:
        yield
    except OSError:
        with suppress(OSError):
            writer.close()
        raise
    writer.close()
