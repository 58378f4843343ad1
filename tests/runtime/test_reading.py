"""Weights that are read while the caller does something else."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from patience import SOON

from ttcli.catalog.entry import catalog
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.progress import NoProgress
from ttcli.catalog.stored import LocalModel
from ttcli.cost import Budget
from ttcli.engine.model import Model
from ttcli.errors import BackendError, ModelError
from ttcli.interrupt import Interrupt
from ttcli.runtime import loader
from ttcli.runtime.reading import Reading, open_model, read_early, under_way
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Settings
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

    def __init__(self, _path: Path, *, wanted: Callable[[], bool], **_: Any) -> None:
        while wanted():
            threading.Event().wait(0.001)
        raise ModelError("no longer wanted")


def assert_nothing_is_read() -> None:
    for _ in range(int(SOON * 1000)):
        if not under_way():
            return
        threading.Event().wait(0.001)
    raise AssertionError


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
    assert_nothing_is_read()
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
        assert under_way()
    assert_nothing_is_read()


def test_ctrl_c_is_heard_while_they_are_waited_for(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Awaited(threading.Event):
        """Ctrl-C is pressed once somebody waits."""

        def wait(self, timeout: float | None = None) -> bool:
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
            return super().wait(timeout)

    monkeypatch.setattr("ttcli.engine.model.Model", Endless)
    reading = Reading(tiny)
    monkeypatch.setattr(reading, "_ended", Awaited())
    with pytest.raises(KeyboardInterrupt), reading:
        reading.take()
    assert_nothing_is_read()


def test_ctrl_c_is_heard_while_the_thread_begins(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(self: threading.Thread) -> None:
        start(self)
        raise KeyboardInterrupt

    monkeypatch.setattr("ttcli.engine.model.Model", Endless)
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_model(tiny)
    assert_nothing_is_read()


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
    fingerprint(LocalModel(untried, None, str(untried)))
    assert read_early(str(untried), gpu_layers=None) is None


def test_to_begin_early_no_file_is_hashed(tiny: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_path: Path) -> str:
        raise AssertionError

    monkeypatch.setattr("ttcli.catalog.fingerprint.sha256_of", refused)
    other = tmp_path / "other.gguf"
    other.write_bytes(tiny.path.read_bytes())
    assert read_early(str(other), gpu_layers=None) is None


def test_a_damaged_model_of_the_laboratory_never_gets_to_llama_cpp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = catalog()["lab-policy"]
    assert entry.shipped is not None
    damaged = tmp_path / entry.file
    content = bytearray(entry.shipped.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    monkeypatch.setattr(type(entry), "shipped", damaged)
    assert read_early("lab-policy", gpu_layers=None) is None


class Counted(Model):
    """A model that is counted."""

    made: ClassVar[list[Path]] = []

    def __init__(self, path: Path, **more: Any) -> None:
        self.made.append(path)
        super().__init__(path, **more)


@pytest.mark.parametrize("other", [False, True])
def test_a_run_takes_what_is_read_already_if_it_is_its_own(
    tiny: LocalModel, tiny_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    monkeypatch.setattr("ttcli.engine.model.Model", Counted)
    monkeypatch.setattr(Counted, "made", [])
    path = tiny_path("qwen35") if other else tiny.path
    try_once(LocalModel(path, None, str(path)))
    early = read_early(str(tiny.path), gpu_layers=None)
    settings = Settings(str(path), method_name="majority", budget=Budget(1), max_tokens=4)
    with load_runtime(settings, Interrupt(), NoProgress(), early=early) as runtime:
        assert runtime.policy.name == path.name
    assert Counted.made == ([tiny.path, path] if other else [path])
    assert_nothing_is_read()


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
