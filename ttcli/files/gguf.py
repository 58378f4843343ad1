"""The file format that llama.cpp reads."""

from __future__ import annotations

import re
from pathlib import Path

from ttcli.errors import ModelError

MAGIC = b"GGUF"

_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")


def check_gguf(path: Path) -> None:
    """Raise ModelError unless `path` can be read and begins as a GGUF does."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}", hint="ttc models list") from error
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file", hint="ttc models list shows models that can be fetched")


def parts(path: Path) -> list[Path]:
    """The files of a model that is called by its first: more than one if that is NAME-00001-of-00003.gguf or the like.

    Raises:
        ModelError: it is not the first, or others are missing.
    """
    split = _PART.fullmatch(path.name)
    if split is None:
        return [path]
    name, number, count = split[1], int(split[2]), int(split[3])
    files = [path.with_name(f"{name}-{part:05}-of-{count:05}.gguf") for part in range(1, count + 1)]
    if number != 1:
        raise ModelError(f"{path.name} is part {number} of {count} of a model", hint=f"name the first: {files[0]}")
    missing = [file.name for file in files[1:] if not file.is_file()]
    if missing:
        raise ModelError(
            f"{path.name} is the first of {count} files of a model, of which {len(missing)} are missing: {missing[0]}"
            + (", ..." if missing[1:] else ""),
            hint=f"put all of them into {path.parent}",
        )
    return files
