"""Backend sampling is tried once with a model, on a GPU only, and what was found is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.notes import Notes
from ttcli.catalog.stored import LocalModel
from ttcli.engine import backend_sampling, backend_trial, machine
from ttcli.engine.backend_trial import Finding
from ttcli.engine.model import Model
from ttcli.runtime.backend import backend_fact, learn_backend_sampling
from ttcli.runtime.settings import Machine

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: True)


class Trials:
    """What a trial finds, and how many there were."""

    finding: Finding | BaseException = Finding(agrees=True, on_cpu=False)

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _model: Model, *, threads: int | None = None) -> Finding:
        self.count += 1
        if isinstance(self.finding, BaseException):
            raise self.finding
        return self.finding


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Trials:
    trials = Trials()
    monkeypatch.setattr(backend_trial, "try_backend_sampling", trials)
    return trials


@pytest.fixture
def local(tiny_path: Callable[[str], Path]) -> LocalModel:
    path = tiny_path("llama")
    return LocalModel(path, None, str(path))


def learn(local: LocalModel, gpu_layers: int | None = None) -> tuple[bool, list[str]]:
    notes, model = Notes(), Model(local.path)
    try:
        learn_backend_sampling(model, local, Machine(threads=1, gpu_layers=gpu_layers), notes)
        return model.backend_sampling, notes.notes
    finally:
        model.close()


def test_what_agreed_is_chosen_and_not_tried_again(local: LocalModel, trials: Trials) -> None:
    assert backend_fact(local) == {"top-k on the GPU": "not tried yet"}
    for _ in range(2):
        assert learn(local) == (True, [])
    assert trials.count == 1
    assert backend_fact(local) == {"top-k on the GPU": "yes"}
    learn(local, gpu_layers=2)  # another device may compute the rows
    assert trials.count == 2


def test_what_did_not_agree_is_told_once_and_passed_over(local: LocalModel, trials: Trials) -> None:
    trials.finding = Finding(agrees=False, on_cpu=False, reason="the sums are wrong")
    works, notes = learn(local)
    assert not works
    assert notes == ["whole rows of logits are read from the GPU, which takes longer: the sums are wrong"]
    assert learn(local) == (False, [])
    assert trials.count == 1
    assert backend_fact(local) == {"top-k on the GPU": "no: the sums are wrong"}


def test_where_the_cpu_computes_the_last_layer_whole_rows_are_read(local: LocalModel) -> None:
    assert learn(local) == (False, [])  # as it is found here: there is no GPU
    assert backend_fact(local) == {"top-k on the GPU": "no: its last layer is on the CPU"}


def test_what_ends_the_process_is_not_tried_again(
    local: LocalModel, trials: Trials, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(BaseException):
        pass

    def end(_model: Model, *, threads: int | None = None) -> Finding:
        kept.append((home / "memories.json").read_text())
        raise Ended

    kept: list[str] = []
    monkeypatch.setattr(backend_trial, "try_backend_sampling", end)
    with pytest.raises(Ended):
        learn(local)
    monkeypatch.setattr(backend_trial, "try_backend_sampling", trials)
    learn(local)
    assert trials.count == 1  # Ctrl-C says nothing of it
    (home / "memories.json").write_text(kept[0])  # a process that has ended leaves this
    assert learn(local) == (False, [])
    assert trials.count == 1
    assert backend_fact(local) == {"top-k on the GPU": "no: the process ended while it was tried"}
    assert "backend sampling" in next(iter(json.loads(kept[0])["models"]))


@pytest.mark.parametrize("reason", ["no GPU", "no layers on it", "a version that was not looked into"])
def test_it_is_not_tried_where_it_is_not_offered(
    local: LocalModel, trials: Trials, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "no GPU":
        monkeypatch.setattr(machine, "has_gpu", lambda: False)
    elif reason == "a version that was not looked into":
        monkeypatch.setattr(backend_sampling, "READ", ())
    assert learn(local, gpu_layers=0 if reason == "no layers on it" else None) == (False, [])
    assert trials.count == 0
    assert backend_fact(local) == ({} if reason != "no layers on it" else {"top-k on the GPU": "not tried yet"})
