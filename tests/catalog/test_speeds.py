from __future__ import annotations

from pathlib import Path

import pytest

from ttcli.catalog.speeds import known_speeds, known_streams, known_width, remember, speeds_file
from ttcli.errors import ConfigError


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    return path


def test_a_model_that_was_never_tuned_has_no_width(model: Path) -> None:
    assert known_width(model, 2) is None


def test_what_was_found_is_known_later_for_the_same_file_and_threads(model: Path) -> None:
    remember(model, 2, 16, {16: 50.0, 8: 40.0})
    remember(model, 4, 32, {32: 90.0})
    assert known_width(model, 2) == 16
    assert known_width(model, 4) == 32
    assert known_width(model, 8) is None
    model.write_bytes(b"GGUF and more")
    assert known_width(model, 2) is None


def test_a_new_finding_replaces_the_old(model: Path) -> None:
    remember(model, 2, 16, {16: 50.0})
    remember(model, 2, 8, {8: 60.0})
    assert known_width(model, 2) == 8


def test_whether_streams_are_faster_is_known_where_it_was_measured(model: Path) -> None:
    remember(model, 2, 16, {16: 50.0})
    assert known_streams(model, 2) is None
    for found in (True, False):
        remember(model, 2, 16, {16: 50.0}, streams=found)
        assert known_streams(model, 2) is found
    assert known_streams(model, 4) is None


def test_speeds_are_known_by_width(model: Path) -> None:
    assert known_speeds(model, 2) == {}
    remember(model, 2, 16, {16: 50.0, 8: 40.0})
    assert known_speeds(model, 2) == {16: 50.0, 8: 40.0}
    assert known_speeds(model, 4) == {}


@pytest.mark.parametrize("content", ["not json", "[]", '{"models": {"x": 3}}', '{"version": 1}', "\xff"])
def test_a_broken_file_is_an_error_that_names_it(model: Path, content: str) -> None:
    remember(model, 2, 16, {16: 50.0})
    speeds_file().write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"speeds\.json") as caught:
        known_width(model, 2)
    assert "ttc models tune" in (caught.value.hint or "")
