from __future__ import annotations

from collections.abc import Callable

import pytest

from ttcli.engine import machine
from ttcli.engine.model import Model
from ttcli.engine.session import Aborted
from ttcli.engine.tune import Speed, best, in_streams, speeds


def test_the_narrowest_width_that_is_about_as_fast_is_best() -> None:
    measured = [Speed(48, 50.0), Speed(32, 60.0), Speed(16, 58.5), Speed(8, 40.0)]
    assert best(measured) == 16
    assert best([Speed(48, 50.0), Speed(32, 60.0), Speed(16, 57.0)]) == 32
    assert best([Speed(4, 1.0)]) == 4


def test_every_width_is_timed_from_the_widest_to_the_narrowest(lab_model: Model) -> None:
    measured = list(speeds(lab_model, widths=(1, 4, 2), context=8))
    assert [speed.width for speed in measured] == [4, 2, 1]
    assert all(speed.tokens_per_second > 0 for speed in measured)


def test_both_ways_can_be_timed_and_the_faster_is_taken(lab_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    for streams in (True, False):
        [speed] = speeds(lab_model, widths=(2,), context=8, streams=streams, threads=1)
        assert speed.tokens_per_second > 0
    for usual in (True, False):
        monkeypatch.setattr(machine, "streams", lambda _parameters, usual=usual: usual)
        assert in_streams(lab_model, Speed(2, 100.0), Speed(2, 102.0)) is usual
        assert in_streams(lab_model, Speed(2, 100.0), Speed(2, 110.0)) is not usual


def test_a_measurement_can_be_called_off(lab_model: Model) -> None:
    with pytest.raises(Aborted):
        list(speeds(lab_model, widths=(2,), context=8, halted=lambda: True))


def test_a_width_whose_states_do_not_fit_the_memory_is_not_tried(
    tiny_model: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("qwen35")
    for fitting, expected in ((9, [8, 4]), (1, [2])):
        room = 2 * fitting * model.memory.state_bytes
        monkeypatch.setattr(machine, "available_memory", lambda room=room: room)
        found = [speed.width for speed in speeds(model, widths=[2, 4, 8, 16], context=16, threads=1)]
        assert found[: len(expected)] == expected
