"""The files of a model that is split into several."""

from __future__ import annotations

import re
from pathlib import Path

from ttcli.errors import ModelError

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")


def parts(path: Path) -> list[Path]:
    """The files of a model that is called by its first: more than one if that is NAME-00001-of-00003.gguf or the like.

    Raises:
        ModelError: it is not the first, or others are missing.
    """
    files = part_paths(path)
    if path != files[0]:
        number = files.index(path) + 1
        raise ModelError(f"{path.name} is part {number} of {len(files)} of a model", hint=f"name the first: {files[0]}")
    missing = [file.name for file in files[1:] if not file.is_file()]
    if missing:
        raise ModelError(
            f"{path.name} is the first of {len(files)} files of a model, of which {len(missing)} are missing: "
            + missing[0]
            + (", ..." if missing[1:] else ""),
            hint=f"put all of them into {path.parent}",
        )
    return files


def part_paths(path: Path) -> list[Path]:
    """Where the files of a model are, by the name of one of them: NAME-00001-of-00003.gguf; or that file alone."""
    form = _PART.fullmatch(path.name)
    if form is None or not 1 <= int(form[2]) <= int(form[3]) > 1:
        return [path]
    return [path.with_name(f"{form[1]}-{number:05}-of-{form[3]}.gguf") for number in range(1, int(form[3]) + 1)]
