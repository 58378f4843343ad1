"""How fast a bench will go, before a model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.builder import Made, make_rows, make_run
from ttcli.bench.pace import Pace, pace, planned_width
from ttcli.bench.store.store import LoadRow, Store
from ttcli.catalog.speeds import remember
from ttcli.runtime.settings import Machine, Settings
from ttcli.runtime.width import threads_of


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_path: Callable[[str], Path]) -> Path:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    return tiny_path("llama")


def settings(model: Path, width: int | None = None) -> Settings:
    return Settings(model=str(model), machine=Machine(width=width))


def test_runs_at_the_width_go_before_what_was_tuned_and_that_before_other_widths(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    run = make_run(path, 2, loads=0)
    with Store(path) as store:
        store.write_load(run, LoadRow(0.0, 2.0, 10, 160, 2, 0, 16))
        store.write_load(run, LoadRow(0.0, 2.0, 10, 200, 2, 0, 16))
        remember(model, threads_of(settings(model)), 16, {16: 70.0, 8: 60.0})
        found = {width: pace(store, [run.config], settings(model, width), ray=False) for width in (16, 8, 4)}
        assert found[16] == Pace(90.0, 16)
        assert found[8] == Pace(60.0, 8, tuned=True)
        assert found[4] is not None
        assert (found[4].width, found[4].tuned) == (None, False)
        assert pace(store, [run.config], settings(model), ray=False) == Pace(90.0, 16)  # the width that was found best
        elsewhere = pace(store, [run.config], settings(model, 16), ray=True)
        assert elsewhere is not None
        assert elsewhere.width is None


def test_a_later_run_refines_it_and_another_model_does_not(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    first, second = make_run(path, 2, loads=0), make_run(path, 3, loads=0)
    other = make_run(path, 2, loads=0, model="other")
    with Store(path) as store:
        for run, rows in ((first, 100), (second, 300), (other, 900)):
            store.write_load(run, LoadRow(0.0, 2.0, 10, rows, 2, 0, 8))
        assert pace(store, [first.config], settings(model, 8), ray=False) == Pace(100.0, 8)


def test_nothing_is_told_where_nothing_was_seen(tmp_path: Path, model: Path) -> None:
    with Store(tmp_path / "runs.sqlite3") as store:
        config = Made(make_rows(1)).config
        assert pace(store, [config], settings(model), ray=False) is None
        assert planned_width(Settings(model="qwen2.5-coder-1.5b")) is None  # not fetched yet
