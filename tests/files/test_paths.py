from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from ttcli.files.paths import home, models_dir


def test_ttc_home_moves_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "else"))
    assert home() == tmp_path / "else"
    assert models_dir() == tmp_path / "else" / "models"


def test_without_ttc_home_models_live_in_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_HOME", "")
    assert models_dir() == Path(platformdirs.user_data_dir("ttc", appauthor=False)) / "models"


def test_a_relative_ttc_home_does_not_depend_on_later_changes_of_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_HOME", "here")
    assert home() == Path.cwd() / "here"
