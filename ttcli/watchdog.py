"""A process that kills the programs which this one has started, once this one has ended, however that came about.

Signals that end ttc at once, SIGKILL above all, leave it no time to end what it started. So a small program of its own
(this file) holds the reading end of a pipe and is told of each process group. When the pipe ends, or its parent is
another one, it kills those groups and, where the system has /proc, everybody whose environment carries the mark: a
program may have left its group.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import sys
from contextlib import suppress

_MARK = "TTC_STARTED_BY"
_POLL = 0.5  # seconds between two looks at who the parent is: a forked child may hold the pipe open
_PASSES = 50  # over all processes, as long as one of them is found: it may fork meanwhile


class Watchdog:
    """What is to end with this process."""

    def __init__(self) -> None:
        self.mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._owner = os.getpid()
        self._pipe: int | None = None
        self._groups: set[int] = set()

    @property
    def environment(self) -> dict[str, str]:
        """To be in the environment of every program that is watched."""
        return {_MARK: self.mark}

    def watch(self, group: int) -> None:
        """Kill this process group at the end."""
        self._groups.add(group)
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """It has ended."""
        self._groups.discard(group)
        self._tell(f"-{group}")

    def _tell(self, line: str) -> None:
        if self._pipe is None or self._owner != os.getpid():  # not begun, or begun by the parent of a fork
            self._owner = os.getpid()
            self._start()
        assert self._pipe is not None
        try:
            os.write(self._pipe, f"{line}\n".encode())
        except BrokenPipeError:  # somebody killed it
            os.close(self._pipe)
            self._start()

    def _start(self) -> None:
        reading, self._pipe = os.pipe()
        # no Popen, which would complain of a child that runs on; a group of its own: no Ctrl-C is meant for it
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", __file__, self.mark, str(os.getpid())],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )
        os.close(reading)
        for group in self._groups:
            os.write(self._pipe, f"+{group}\n".encode())


WATCHDOG = Watchdog()  # of this process


def _main(mark: str, parent: int) -> None:
    """Listen until the parent has ended; then kill."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    told = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], _POLL)[0]:
            continue
        if not (read := os.read(0, 65536)):
            break
        *lines, told = (told + read).split(b"\n")
        for line in lines:
            (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(_PASSES):
        if not (left := _marked(f"{_MARK}={mark}".encode())):
            break
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _marked(mark: bytes) -> list[int]:
    """The processes whose environment carries the mark; none where the system does not say."""
    found = []
    with suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes longer to import than all of this takes
            if name.isdigit():
                with suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                    if mark in file.read().split(b"\0"):
                        found.append(int(name))
    return found


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
