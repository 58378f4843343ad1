from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from train.fakes import Class, make_spec

from ttcli.terminal import train as module
from ttcli.terminal.lora import LoraDisplay
from ttcli.train.lora.checkpoint import Progress
from ttcli.train.lora.learning import Forecast, Learning

SPEC = make_spec()
TO_COME = Forecast(24, 3, 6, 0, 512, 90.0, 1_200_000, "cpu")


def step(number: int, *looks: tuple[int, float]) -> Learning:
    return Learning(Progress(number, loss=0.5, looks=[*looks], done=number == 6), 6, 10.0)


def show(stream: io.StringIO | None, *progress: object, every: float = 0.0) -> list[str]:
    times = iter(range(1000))
    with LoraDisplay(stream, SPEC.task, 4, clock=lambda: next(times) * every) as screen:
        for each in progress:
            screen.show(each)  # type: ignore[arg-type]
    return stream.getvalue().splitlines() if stream else []


def test_what_is_to_come_is_told_before_it_begins() -> None:
    (line,) = show(io.StringIO(), TO_COME)
    assert line.startswith("training 1.2 M parameters on cpu: at most 6 steps of about 512 tokens, from 24 examples; ")


def test_a_step_is_told_at_the_beginning_after_a_look_and_at_the_end() -> None:
    lines = show(io.StringIO(), step(1), step(2), step(3, (3, 0.25)), step(4, (3, 0.25)), step(6, (3, 0.25)))
    assert [line.partition(" of ")[0] for line in lines] == ["step 1", "step 3", "step 6"]
    assert "on other problems 0.2500 (best 0.2500 at step 3)" in lines[1]


def test_a_long_training_is_told_now_and_then() -> None:
    told = show(io.StringIO(), *(step(1) for _ in range(9)), every=4.0)
    assert 2 <= len(told) <= 5


def test_nothing_is_told_where_nobody_looks() -> None:
    assert show(None, TO_COME, step(1)) == []


def test_a_panel_is_gone_before_a_line_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Panel:
        def show(self, progress: object) -> None:
            told.append("panel")

    @contextmanager
    def panel(*_: object) -> Iterator[Panel]:
        yield Panel()
        told.append("closed")

    class Lines(io.StringIO):
        def write(self, text: str) -> int:
            told.append("line")
            return super().write(text)

    monkeypatch.setattr(module, "bench_display", panel)
    with Class(tmp_path / "s.db", SPEC).collection() as (_, collection):
        show(Lines(), next(collection.go()), TO_COME, step(1))
    assert told == ["panel", "closed", "line", "line"]
