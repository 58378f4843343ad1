"""`ttc` in this process, in a folder with copies of the old files, which are also its home."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.calls import Result, Ttc

_FILES = Path(__file__).parent / "files"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copies of the old files, in the folder where this process now is; the clocks show UTC."""
    shutil.copytree(_FILES, tmp_path / "old")
    for name in list(os.environ):
        if name.startswith("TTC_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path / "old")
    with monkeypatch.context() as outside:
        outside.setenv("TTC_HOME", str(tmp_path / "old"))
        outside.setenv("TTC_DEBUG", "1")  # whatever is unexpected is raised
        outside.setenv("COLUMNS", "80")
        outside.setenv("TZ", "UTC")
        time.tzset()
        yield tmp_path / "old"
    time.tzset()


@pytest.fixture
def ttc(old: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ttc:
    """Run `ttc` on the old files."""
    from ttcli.cli.main import run

    def call(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["ttc", *arguments])
        return Result(run([*arguments]), *capsys.readouterr())

    return call


@pytest.fixture
def with_model(small_model_path: Path, old: Path) -> None:
    """The small model is at home too."""
    (old / "models").mkdir()
    (old / "models" / small_model_path.name).symlink_to(small_model_path)
