"""`ttc` in a process of its own or in this one, in an empty directory and with no settings but its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from patience import HANG

from cli.calls import LINES, Call, Result, write_script
from cli.training import ROWS, write


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, where this process now is, and no setting from outside."""
    for name in list(os.environ):
        if name.startswith("TTC_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(clean: Path) -> str:
    """What to give --model for a run that takes no time; its answer is 4."""
    return write_script(clean / "script.json", [*[LINES[0]] * 6, LINES[1], LINES[2]])


@pytest.fixture
def ttc(clean: Path) -> Call:
    """Run `ttc` in a process of its own."""

    def call(*arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None, **options: Any) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "ttcli", *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**os.environ, **(env or {})},
            timeout=HANG,
            check=False,
            **options,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.err
        assert "unexpected" not in result.err
        return result

    return call


@pytest.fixture
def here(clean: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `ttc` in this process: quicker, for what needs no streams of its own."""
    from ttcli.cli.main import run

    def call(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        monkeypatch.setenv("TTC_DEBUG", "1")  # whatever is unexpected is raised
        code = run(list(arguments))
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def data(clean: Path) -> str:
    """A data set to train on."""
    return write(clean / "data.jsonl", *ROWS)


@pytest.fixture
def tiny(tiny_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> str:
    """A tiny model."""
    monkeypatch.setenv("TTC_THREADS", "1")  # more only wait for each other
    return str(tiny_path("llama"))
