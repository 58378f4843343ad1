"""Which processors are ours to use, and what others take of them."""

from __future__ import annotations

import os
import time
from pathlib import Path


def allowed() -> set[int]:
    """The processors that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


class Neighbours:
    """What other processes take of the cores that this one may use.

    Told by the processors' times in /proc/stat, less our own. What a hypervisor takes ("steal") is not counted: threads
    that sleep get no more of the cores for it.
    """

    def __init__(self) -> None:
        self._cpus = {f"cpu{number}" for number in allowed()}
        self.cores = len(self._cpus)
        self._last = (time.monotonic(), self._busy(), time.process_time())

    @property
    def known(self) -> bool:
        """Whether the system says."""
        return self._busy() > 0

    def taken(self) -> float | None:
        """Cores in use by others, on average since this was last asked; None where the times do not add up."""
        before, self._last = self._last, (time.monotonic(), self._busy(), time.process_time())
        elapsed, busy, own = (now - then for now, then in zip(self._last, before, strict=True))
        if elapsed <= 0 or busy < own / 2:
            return None
        return max(0.0, busy - own) / elapsed

    def _busy(self) -> float:
        """Seconds that our processors have computed for anybody."""
        try:
            lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
            # user, nice, system, idle, iowait, irq, softirq
            times = [[int(word) for word in words[1:8]] for words in lines if words and words[0] in self._cpus]
        except (OSError, ValueError):
            return 0.0
        return sum(sum(each) - sum(each[3:5]) for each in times) / os.sysconf("SC_CLK_TCK")
