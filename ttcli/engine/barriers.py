"""How llama.cpp's threads wait for each other: spinning on a quiet machine, asleep beside a busy neighbour.

Its OpenMP threads wait at a barrier after every operation. If they spin there, a neighbour on the cores makes each wait
for the other's time slice; asleep, they cost a wake-up per barrier, which is much in a narrow batch. libgomp reads its
policy when it loads, but it spins next to not at all while it manages more threads than there are processors
(`gomp_throttled_spin_count_var`, config/linux/wait.h): so a few idle threads put the others to sleep, and let them spin
again when they go. Whoever has set one of libgomp's own variables keeps the choice.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ttcli.engine.neighbours import Neighbours

_INTERVAL = 0.25  # seconds between two looks at the machine
_CROWDED, _QUIET = 0.2, 0.1  # cores missing for our threads: from here on they sleep, up to here they spin
_CPU, _RUNTIME = "libggml-cpu.so", b"libgomp"


def leave_to_runtime(directory: Path) -> bool:
    """Set how threads wait where that cannot be changed later; whether it can, with the libraries in `directory`.

    To be called before they are loaded.
    """
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        return False
    try:
        switchable = _RUNTIME in (directory / _CPU).read_bytes()
    except OSError:
        switchable = False
    if not (switchable and Neighbours().known):
        os.environ["OMP_WAIT_POLICY"] = "passive"
        return False
    return True


def library_directory() -> Path:
    """Where the package has its shared libraries; found without loading it."""
    found = importlib.util.find_spec("llama_cpp")
    return Path(found.origin or "").parent / "lib" if found else Path()


class Crowd:
    """Idle threads of libgomp: while it manages more than there are processors, all of them sleep at barriers.

    Args:
        parallel: libgomp's GOMP_parallel.
        threads: how many, at least 2.
    """

    def __init__(self, parallel: Callable[..., Any], threads: int) -> None:
        self._over = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(parallel, threads), name="ttc-barriers", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _hold(self, parallel: Callable[..., Any], threads: int) -> None:
        try:
            free = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)  # of NULL: does nothing
            parallel(free, None, threads, 0)  # a thread that has had a team keeps it as long as it lives
        finally:
            self._ready.set()
        self._over.wait()

    def leave(self) -> None:
        """Let the threads end."""
        self._over.set()
        self._thread.join()


class Barriers:
    """Has the threads of all sessions spin or sleep, as the machine is just now.

    Args:
        parallel: libgomp's GOMP_parallel; None: how threads wait is not ours to choose.
        processors: that libgomp counts.
        neighbours: what others take of the cores.
        clock: seconds.
    """

    def __init__(
        self,
        parallel: Callable[..., Any] | None,
        processors: int,
        neighbours: Neighbours,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parallel = parallel
        self._processors = processors
        self._neighbours = neighbours
        self._clock = clock
        self._next = clock() + _INTERVAL
        self._crowd: Crowd | None = None
        self._lock = threading.Lock()

    @property
    def asleep(self) -> bool:
        """Whether threads sleep at barriers."""
        return self._crowd is not None

    def look(self, threads: int) -> None:
        """Look at the machine, now and then, before a decode on so many threads."""
        if self._parallel is None or threads == 1 or self._clock() < self._next:
            return
        with self._lock:  # sessions may run in several threads
            if self._clock() < self._next:
                return
            self._next = self._clock() + _INTERVAL
            taken = self._neighbours.taken()
            if taken is None:
                return
            missing = threads + taken - self._neighbours.cores
            if self._crowd is None and missing > _CROWDED:
                self._crowd = Crowd(self._parallel, max(2, self._processors - threads + 2))
            elif self._crowd is not None and missing < _QUIET:
                self._crowd.leave()
                self._crowd = None


def barriers(directory: Path, *, switchable: bool) -> Barriers:
    """Those of the libraries in `directory`, which have been loaded."""
    if not switchable:
        return Barriers(None, 0, Neighbours())
    cpu = ctypes.CDLL(str(directory / _CPU))
    return Barriers(cpu.GOMP_parallel, int(cpu.omp_get_num_procs()), Neighbours())
