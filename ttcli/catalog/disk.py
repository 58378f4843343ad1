"""What can go wrong with the disk under a download, said so that a user can mend it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ttcli.catalog.progress import Progress, size_text
from ttcli.errors import DownloadError

MARGIN = 64_000_000  # bytes of disk left to others
ELSEWHERE = "set TTC_HOME to a directory you can write, on a disk with room"


def check_disk(folder: Path, needed: int) -> None:
    """Raise DownloadError when `needed` bytes and a margin are not free in `folder`."""
    with disk_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed + MARGIN:
        raise DownloadError(
            f"not enough disk in {folder}: {size_text(needed + MARGIN)} needed, {size_text(free)} free",
            hint=f"free some space, or {ELSEWHERE}",
        )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise the block's OSErrors as DownloadError that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"the disk is full: {path} could not be written to its end; what came so far is kept"
            raise DownloadError(message, hint="free some space and run the same command again") from error
        raise DownloadError(f"cannot write {path}: {error.strerror or error}", hint=ELSEWHERE) from error


@contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold `FILE.lock`: one process at a time works on `path`; the others wait, and Ctrl-C ends their wait.

    The lock file stays behind: deleting it would let two processes hold two locks of the same name.
    """
    from filelock import FileLock, Timeout  # whoever only reads waits for nobody

    lock = FileLock(path.with_name(f"{path.name}.lock"), poll_interval=0.2)
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.note(f"another ttc is at work on {path.name}, waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
