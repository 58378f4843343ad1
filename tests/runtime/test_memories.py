"""A model with recurrent layers is tried once, and not again until its weights or llama.cpp change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.notes import Notes
from ttcli.catalog.stored import LocalModel
from ttcli.engine import self_test
from ttcli.engine.memory import Memory
from ttcli.engine.model import Model
from ttcli.runtime.memories import learn_memory

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """The models that were tried; each is found to have its texts mixed up."""
    tried: list[Model] = []

    def find(model: Model, *, threads: int | None = None) -> Memory:
        tried.append(model)
        return replace(model.memory, together=False)

    monkeypatch.setattr(self_test, "try_memory", find)
    return tried


def learn(path: Path) -> tuple[Memory, list[str]]:
    notes, model = Notes(), Model(path)
    learn_memory(model, LocalModel(path, None, str(path)), notes)
    memory = model.memory
    model.close()
    return memory, notes.notes


def test_what_was_found_is_remembered_and_told_each_time(
    tiny_path: Callable[[str], Path], trials: list[Model], home: Path
) -> None:
    path = tiny_path("lfm2")
    for _ in range(2):
        memory, notes = learn(path)
        assert (memory.kind, memory.together) == ("hybrid", False)
        assert "each is decoded by itself" in notes[0]
        assert len(trials) == 1
    (home / "memories.json").write_text("[]")
    learn(path)
    assert len(trials) == 2
    kept = json.loads((home / "memories.json").read_text())
    [key] = kept["models"]
    kept["models"] = {key.replace("llama-cpp-python ", "llama-cpp-python 0"): kept["models"][key]}
    (home / "memories.json").write_text(json.dumps(kept))
    learn(path)
    assert len(trials) == 3


def test_plain_attention_and_what_cannot_be_used_is_not_tried(
    tiny_path: Callable[[str], Path], trials: list[Model], home: Path
) -> None:
    assert learn(tiny_path("llama")) == (Memory("attention", 512), [])
    assert not trials
    assert not home.exists()


def test_a_faithful_model_is_tried_and_trusted(tiny_path: Callable[[str], Path], home: Path) -> None:
    memory, notes = learn(tiny_path("qwen35"))
    assert memory.together
    assert not notes
    assert (home / "memories.json").exists()
    assert learn(tiny_path("qwen35")) == (memory, [])
