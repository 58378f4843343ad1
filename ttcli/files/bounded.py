"""Files read no further than makes sense: a device has no end, and a compressed file may hold any amount."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

DATA = 1 << 30  # bytes of a data set, decompressed or not
PROBLEM = 8 << 20  # bytes of one problem
_DEVICE = 64 << 20  # bytes of what is neither a file nor a pipe, as /dev/zero, which has no end
_CHUNK = 1 << 20


def read_bounded(path: Path, most: int) -> bytes:
    """All of a regular file of so many bytes at most.

    Raises:
        OSError: it cannot be read, holds more, or is no regular file.
    """
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise _too_large(most)
    return content


def read_file(path: Path, most: int = DATA) -> bytes:
    """All of a file, a pipe or a device.

    Raises:
        OSError: it cannot be read, or holds more.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        return read_stream(file, most if stat.S_ISREG(mode) or stat.S_ISFIFO(mode) else min(most, _DEVICE))


def read_stream(stream: BinaryIO, most: int = DATA) -> bytes:
    """All of a stream; raises OSError where it holds more."""
    content = io.BytesIO()
    while chunk := stream.read(_CHUNK):
        content.write(chunk)
        if content.tell() > most:
            raise _too_large(most)
    return content.getvalue()


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it holds more than {size(most)}")


def size(count: int) -> str:
    """So many bytes, in a round unit."""
    unit, name = next(each for each in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")) if count >= each[0])
    return f"{count / unit:,.4g} {name}"
