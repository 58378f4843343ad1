"""The file format that llama.cpp reads."""

from __future__ import annotations

from pathlib import Path

from ttcli.errors import ModelError

MAGIC = b"GGUF"


def check_gguf(path: Path) -> None:
    """Raise ModelError unless `path` can be read and begins as a GGUF does."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}", hint="ttc models list") from error
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file", hint="ttc models list shows models that can be fetched")
