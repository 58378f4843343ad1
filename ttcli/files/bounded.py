"""Files read no further than makes sense: a device has no end, and a compressed file may hold any amount."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


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
        raise OSError(errno.EFBIG, f"it holds more than {size(most)}")
    return content


def size(count: int) -> str:
    """So many bytes, in a round unit."""
    unit, name = next(each for each in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")) if count >= each[0])
    return f"{count / unit:,.4g} {name}"
