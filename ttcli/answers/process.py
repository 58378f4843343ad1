"""A worker in a process of its own, see `worker`: what takes too long there can be stopped."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

SILENCE = 300.0  # seconds of the clock without a reply, on however busy a machine
START_LIMIT = 60.0  # seconds for the worker to import what it needs, on a slow and busy machine
_FAREWELL = 5.0  # seconds for a worker to end that has closed its stdout


class WorkerProcess:
    """One process and the pipes to it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            process_group=0,  # Ctrl-C on the terminal is not for it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._replies = self._process.stdin, self._process.stdout
        self._read = b""
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def over_limit(self) -> bool:
        """Whether the question took more processor time than it may."""
        return self._process.returncode == -signal.SIGPROF

    def ask(self, question: Mapping[str, str], limit: float) -> Mapping[str, Any]:
        """The worker's reply; empty where it ended first, or gave none within the limit in seconds of the clock."""
        try:
            self._questions.write(json.dumps(question).encode() + b"\n")
            reply = json.loads(self.line(limit) or b"null")
        except (BrokenPipeError, ValueError):
            return {}
        return reply if isinstance(reply, dict) else {}

    def line(self, limit: float) -> bytes | None:
        """The next line it writes; None at its end or where the limit in seconds has passed."""
        end = time.monotonic() + limit
        while b"\n" not in self._read:
            left = end - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                return None
            piece = os.read(self._replies.fileno(), 65536)
            if not piece:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_FAREWELL)  # how it ended is to be known
                return None
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._questions.close()
        self._replies.close()
        self._process.wait()


def worker_command(limit: float) -> tuple[str, ...]:
    """This very package, whatever else is installed; with -P, no file in the current directory passes for a library."""
    root = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.insert(0, {root!r}); import ttcli; del sys.path[0]"
    return sys.executable, "-P", "-c", f"{start}; from ttcli.answers.worker import main; main()", str(limit)
