"""Threads sleep at barriers beside a busy neighbour, and spin where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ttcli.engine import barriers as module
from ttcli.engine.barriers import Barriers, Crowd, leave_to_runtime
from ttcli.engine.neighbours import Neighbours


class FakeNeighbours(Neighbours):
    def __init__(self, cores: int, *taken: float | None) -> None:
        self.cores = cores
        self._script = iter(taken)

    def taken(self) -> float | None:
        return next(self._script)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def teams() -> list[int]:
    """Sizes of the teams that were asked for."""
    return []


def watch(neighbours: FakeNeighbours, teams: list[int], processors: int, threads: int, looks: int) -> list[bool]:
    """Whether threads slept after each look, a second apart."""
    clock = Clock()

    def parallel(_function: object, _data: object, count: int, _flags: int) -> None:
        teams.append(count)

    barriers = Barriers(parallel, processors, neighbours, clock)
    asleep = []
    for _ in range(looks):
        clock.now += 1
        barriers.look(threads)
        asleep.append(barriers.asleep)
    return asleep


def test_threads_sleep_while_a_neighbour_computes_and_spin_when_it_has_gone(teams: list[int]) -> None:
    neighbours = FakeNeighbours(2, 0.0, 0.9, 0.9, 0.02, 0.0, 0.5)
    assert watch(neighbours, teams, 2, 2, 6) == [False, True, True, False, False, True]
    assert teams == [2, 2]


def test_a_little_load_changes_nothing_and_what_is_not_known_neither(teams: list[int]) -> None:
    neighbours = FakeNeighbours(2, 0.15, None, 0.3, 0.15, None, 0.05)
    assert watch(neighbours, teams, 2, 2, 6) == [False, False, True, True, True, False]


def test_neighbours_on_cores_that_are_not_needed_do_not_matter(teams: list[int]) -> None:
    neighbours = FakeNeighbours(8, 3.0, 4.1, 4.3)
    assert watch(neighbours, teams, 8, 4, 3) == [False, False, True]
    assert teams == [6]  # with the four that work, more than libgomp has processors for


def test_a_lone_thread_waits_for_nobody(teams: list[int]) -> None:
    assert watch(FakeNeighbours(2), teams, 2, 1, 3) == [False] * 3


def test_the_machine_is_looked_at_now_and_then() -> None:
    clock, neighbours = Clock(), FakeNeighbours(2, 0.0, 0.0)
    barriers = Barriers(lambda *_: None, 2, neighbours, clock)
    for _ in range(100):
        clock.now += 0.005
        barriers.look(2)
    assert next(neighbours._script, "all asked for") == "all asked for"


def test_a_crowd_is_threads_that_go_when_it_leaves() -> None:
    if sys.platform != "linux":
        pytest.skip("threads are counted in /proc")
    code = (
        "import os; from ttcli.engine import library; library.library()\n"
        "from ttcli.engine.barriers import Crowd\n"
        "parallel = library._barriers._parallel\n"
        "if parallel is None: print('not ours'); raise SystemExit\n"
        "count = lambda: len(os.listdir('/proc/self/task'))\n"
        "before = count(); crowd = Crowd(parallel, 3); during = count() - before; crowd.leave()\n"
        "print(during)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    if said.stdout.strip() == "not ours":
        pytest.skip("this llama.cpp does not run on libgomp")
    assert said.stdout.strip() == "3"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crowd_that_cannot_come_is_no_hang() -> None:
    def parallel(*_: Any) -> None:
        raise RuntimeError

    Crowd(parallel, 2).leave()


@pytest.mark.parametrize(
    ("runtime", "stat", "set_by_user", "switchable", "policy"),
    [
        (b"libgomp.so.1", True, {}, True, None),
        (b"libomp.so.5", True, {}, False, "passive"),
        (None, True, {}, False, "passive"),
        (b"libgomp.so.1", False, {}, False, "passive"),
        (b"libgomp.so.1", True, {"OMP_WAIT_POLICY": "active"}, False, "active"),
        (b"libgomp.so.1", True, {"GOMP_SPINCOUNT": "7"}, False, None),
    ],
)
def test_what_cannot_be_changed_later_is_set_before_unless_the_user_has(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runtime: bytes | None,
    stat: bool,
    set_by_user: dict[str, str],
    switchable: bool,
    policy: str | None,
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in set_by_user.items():
        monkeypatch.setenv(name, value)
    if runtime:
        (tmp_path / "libggml-cpu.so").write_bytes(b"ELF" + runtime)
    monkeypatch.setattr(module, "Neighbours", lambda: type("Told", (), {"known": stat}))
    assert leave_to_runtime(tmp_path) is switchable
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def stat(*cpus: tuple[int, ...]) -> str:
    lines = [f"cpu{number} {' '.join(map(str, times))}" for number, times in enumerate(cpus)]
    return "\n".join([f"cpu  {' '.join(['1'] * 10)}", *lines, "intr 5 0 0"])


def test_neighbours_take_what_our_cores_compute_and_we_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"wall": 0.0, "own": 0.0}
    content = [stat((0,) * 10, (0,) * 10, (0,) * 10)]
    answer: Callable[[Path], str] = lambda _path: content[0]  # noqa: E731
    monkeypatch.setattr(Path, "read_text", answer)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr("ttcli.engine.neighbours.time.monotonic", lambda: times["wall"])
    monkeypatch.setattr("ttcli.engine.neighbours.time.process_time", lambda: times["own"])
    neighbours = Neighbours()
    assert neighbours.cores == 2
    times.update(wall=2.0, own=3.0)
    # user, nice, system, idle, iowait, irq, softirq, steal, guest: of a third core, too, which is not ours
    content[0] = stat((150, 10, 20, 9, 9, 10, 10, 77, 5), (170, 20, 10, 9, 9, 0, 0, 0, 0), (200,) * 10)
    assert neighbours.taken() == pytest.approx((4.0 - 3.0) / 2)
    times.update(wall=4.0, own=5.0)
    assert neighbours.taken() is None  # a file that stands still while we compute says nothing
    content[0] = "nothing"
    assert not neighbours.known
