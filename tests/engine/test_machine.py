from __future__ import annotations

import os
from pathlib import Path

import pytest

from ttcli.engine import machine


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files of the system that may be read, by path."""
    content: dict[str, str] = {}

    def read(path: Path) -> str:
        if str(path) not in content:
            raise FileNotFoundError(path)
        return content[str(path)]

    monkeypatch.setattr(Path, "read_text", read)
    return content


def allow(monkeypatch: pytest.MonkeyPatch, *cpus: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(cpus), raising=False)


def test_one_thread_for_each_core_and_none_for_its_hyper_threads(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for cpu in range(8):
        files[f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu % 4},{cpu % 4 + 4}\n"
    allow(monkeypatch, *range(8))
    assert machine.threads() == 4
    allow(monkeypatch, 0, 4)
    assert machine.threads() == 1
    allow(monkeypatch, 0, 1, 5)
    assert machine.threads() == 2


@pytest.mark.parametrize(
    ("quota", "threads"),
    [
        ("max 100000\n", 6),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("9900000 100000\n", 6),
        ("", 6),
        ("nonsense", 6),
    ],
)
def test_no_more_threads_than_the_cgroup_grants(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch, quota: str, threads: int
) -> None:
    files["/sys/fs/cgroup/cpu.max"] = quota
    allow(monkeypatch, *range(6))
    assert machine.threads() == threads


def test_a_system_without_these_files_has_a_thread_per_cpu(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, 0, 1, 2)
    assert machine.threads() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert machine.threads() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.threads() == 1


def test_the_available_memory_is_read_in_bytes(files: dict[str, str]) -> None:
    assert machine.available_memory() is None
    files["/proc/meminfo"] = "MemTotal:  2000 kB\nMemAvailable:   1500 kB\nHugePages_Total: 0\n"
    assert machine.available_memory() == 1500 * 1024
    files["/proc/meminfo"] = "MemTotal:  2000 kB\n"
    assert machine.available_memory() is None


def test_texts_of_a_tiny_model_share_one_buffer_and_on_a_gpu_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    assert [machine.streams(count) for count in (400_000, 135_000_000)] == [False, True]
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    assert not machine.streams(135_000_000)
