"""What the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for models, settings and memories, which is not there yet."""
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
