"""Files that are there when all of them is written, and not before."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ttcli.errors import TtcError

_LONGEST = 40  # characters of a name that the name of its part repeats


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, then put it there; its folder is made. Text is UTF-8.

    Raises:
        OSError: it cannot be written; what stood there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file that a user asked for; what stood there is replaced at the end of the block, or left alone if that fails.

    Raises:
        TtcError: it cannot be written.
    """
    in_place = path.exists() and not path.is_file()  # a pipe, say
    try:
        with path.open("wb") if in_place else _replacing(path.resolve()) as file:  # behind a link
            yield file
    except OSError as error:
        hint = f"make the folder {path.parent} first" if not path.parent.is_dir() else "name another file"
        raise TtcError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, under a name that nobody could foresee and place a link at; it takes the other's place at the end."""
    part = path.with_name(f".{path.name[:_LONGEST]}.{secrets.token_hex(8)}.part")
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        with open(number, "wb") as file:  # noqa: PTH123 - a descriptor
            if mode is not None:
                os.fchmod(number, mode)
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
