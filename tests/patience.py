"""How long tests wait for other processes, on a host that may give them little of its time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import psutil

HANG = 300.0  # seconds: what takes longer hangs. A slow host makes some waits ten times as long as usual
SOON = 30.0  # seconds in which what was interrupted must have ended, even there


def quickest(attempt: Callable[[], float], *, within: float) -> float:
    """Seconds of an attempt, up to five times until it is quick: a slow host slows some, a slow program all."""
    best = float("inf")
    for _ in range(5):
        best = min(best, attempt())
        if best < within:
            break
    return best


def assert_all_end(pids: Iterable[int]) -> None:
    """None of these processes lives on: a zombie does not, and killed ones may need a moment."""
    left: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            left.append(psutil.Process(pid))
    for _ in range(int(SOON * 20)):
        left = [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        if not left:
            return
        time.sleep(0.05)
    raise AssertionError(f"still there: {left}")


class Ended(NamedTuple):
    code: int
    out: str
    err: str
    seconds: float  # of the processor, from the signal to the end: a host that gives it to others does not count


def ctrl_c(process: subprocess.Popen[str], *, group: bool = False) -> Ended:
    """Interrupt a process, or its group as a terminal does, and wait for its end.

    Raises:
        subprocess.TimeoutExpired: it goes on.
    """
    until_now = _of_the_dead() + sum(psutil.Process(process.pid).cpu_times()[:4])  # its own, its children's
    if group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SOON)
    return Ended(process.returncode, out, err, _of_the_dead() - until_now)


def _of_the_dead() -> float:
    """Processor seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
