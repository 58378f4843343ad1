"""Files that are there when all of them is written, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ttcli.errors import TtcError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, then put it there; its folder is made. Text is UTF-8.

    Raises:
        OSError: it cannot be written; what stood there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content.encode() if isinstance(content, str) else content)
    beside.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file that a user asked for; what stood there is replaced at the end of the block, or left alone if that fails.

    Raises:
        TtcError: it cannot be written.
    """
    in_place = path.exists() and not path.is_file()  # a pipe, say
    part = path if in_place else path.with_name(f".{path.name}.part")
    try:
        try:
            with part.open("wb") as file:
                yield file
            if not in_place:
                part.replace(path.resolve())  # behind a link
        except BaseException:
            if not in_place:
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        hint = f"make the folder {path.parent} first" if not path.parent.is_dir() else "name another file"
        raise TtcError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error
