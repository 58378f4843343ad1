"""Weights that are read while the caller does something else."""

from __future__ import annotations

import _thread
import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ttcli.catalog.stored import LocalModel
from ttcli.engine.model import Model
from ttcli.errors import BackendError, ModelError
from ttcli.runtime import loader
from ttcli.runtime.reading import Reading, open_model, read_early
from ttcli.runtime.tried import try_once


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))


@pytest.fixture
def tiny(tiny_path: Callable[[str], Path]) -> LocalModel:
    """A model that has been tried out."""
    path = tiny_path("llama")
    local = LocalModel(path, None, str(path))
    try_once(local)
    return local


class Endless:
    """Weights that are read for as long as they are wanted."""

    begun = threading.Event()

    def __init__(self, _path: Path, *, wanted: Callable[[], bool], **_: Any) -> None:
        self.begun.set()
        while wanted():
            threading.Event().wait(0.001)
        raise ModelError("no longer wanted")


def test_they_are_there_when_they_are_taken(tiny: LocalModel) -> None:
    with Reading(tiny) as reading:
        model = reading.take()
    assert model.vocabulary == 262
    assert model.handle  # what has been taken is not let go of
    model.close()


def test_they_are_taken_once(tiny: LocalModel) -> None:
    with Reading(tiny) as reading:
        reading.take().close()
        with pytest.raises(RuntimeError):
            reading.take()


def test_what_nobody_takes_is_freed(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    freed = []

    class Read(Model):
        def __init__(self, path: Path, **_: Any) -> None:
            super().__init__(path)  # whether it is wanted or not

        def close(self) -> None:
            freed.append(self)
            super().close()

    monkeypatch.setattr("ttcli.engine.model.Model", Read)
    with Reading(tiny):
        pass
    assert len(freed) == 1


def test_an_error_waits_until_they_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no GGUF any more")
    monkeypatch.setattr("ttcli.runtime.reading.try_once", lambda _local: None)
    with Reading(LocalModel(broken, None, str(broken))) as reading, pytest.raises(ModelError):
        reading.take()


def test_nothing_is_read_to_its_end_that_nobody_wants(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttcli.engine.model.Model", Endless)
    with Reading(tiny):
        assert Endless.begun.wait(60)


def test_ctrl_c_is_heard_while_they_are_waited_for(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting(Endless):
        def __init__(self, path: Path, *, wanted: Callable[[], bool], **more: Any) -> None:
            _thread.interrupt_main()
            super().__init__(path, wanted=wanted, **more)

    monkeypatch.setattr("ttcli.engine.model.Model", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        open_model(tiny)


def test_llama_cpp_stops_reading_when_asked(tiny: LocalModel) -> None:
    with pytest.raises(ModelError):
        Model(tiny.path, wanted=lambda: False)
    model = Model(tiny.path, wanted=lambda: True)
    model.close()


def test_where_no_thread_is_to_be_had_the_caller_reads(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    open_model(tiny).close()


def test_a_model_on_this_machine_is_read_early_once_it_has_been_tried(tiny: LocalModel, tmp_path: Path) -> None:
    early = read_early(str(tiny.path), gpu_layers=None)
    assert early is not None
    early.take().close()
    untried = tmp_path / "untried.gguf"
    untried.write_bytes(tiny.path.read_bytes() + b"\0" * 32)
    assert read_early(str(untried), gpu_layers=None) is None


@pytest.mark.parametrize("name", ["no-such-model", "scripted:file.json", "hf:owner/repo", "hf:", "", "qwen2.5-1.5b"])
def test_what_is_not_here_is_left_for_the_run_to_say(name: str) -> None:
    assert read_early(name, gpu_layers=None) is None


def test_without_llama_cpp_nothing_begins(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise BackendError("there is none", hint="pip install it")

    monkeypatch.setattr("ttcli.engine.library.library", missing)
    assert read_early(str(tiny.path), gpu_layers=None) is None
    with pytest.raises(BackendError):
        open_model(tiny)


@pytest.mark.parametrize("module", loader._BEHIND_WEIGHTS)
def test_what_is_imported_behind_them_exists(module: str) -> None:
    assert importlib.import_module(module)
