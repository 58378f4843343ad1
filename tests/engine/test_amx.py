from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from ttcli.engine import amx


@pytest.mark.parametrize(("flags", "expected"), [("fpu amx_int8 avx2", True), ("fpu avx2 amx", False), ("", False)])
def test_amx_is_advertised_where_the_cpu_flags_say_so(
    monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: f"flags\t\t: {flags}\n")
    assert amx.advertised() is expected


def test_amx_is_not_advertised_by_a_system_without_cpuinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert amx.advertised() is False


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", True),
        ("raise SystemExit(1)", False),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", False),
    ],
)
def test_amx_works_if_the_process_that_tries_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, expected: bool
) -> None:
    path = tmp_path / "attempt.py"
    path.write_text(script)
    monkeypatch.setattr(amx, "__file__", str(path))
    assert amx.works(tmp_path) is expected


def test_amx_does_not_work_where_there_is_no_library(tmp_path: Path) -> None:
    assert amx.works(tmp_path) is False


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ([b"CPU_REPACK", b"AMX", b"HBM"], [b"CPU_REPACK", b"HBM"]),
        ([b"AMX"], []),
        ([b"CPU_REPACK"], [b"CPU_REPACK"]),
        ([], []),
    ],
)
def test_dropping_amx_keeps_the_other_buffer_types(
    monkeypatch: pytest.MonkeyPatch, names: list[bytes], kept: list[bytes]
) -> None:
    types = (ctypes.c_void_p * (len(names) + 1))(*range(1, len(names) + 1), None)

    class Ggml:
        def __init__(self, _: Path) -> None: ...

        def extra_buffer_types(self) -> object:
            return types

        def amx(self, _: object) -> int | None:
            return names.index(b"AMX") + 1 if b"AMX" in names else None

    monkeypatch.setattr(amx, "_Ggml", Ggml)
    amx.drop(Path())
    left = list(types)[: list(types).index(None)]
    assert [names[pointer - 1] for pointer in left] == kept
