"""How the laboratory's process reward model reads a solution: as it was trained to, token by token."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ttcli.catalog.entry import catalog
from ttcli.catalog.forms import PrmForm, verifier_form
from ttcli.engine.model import Model
from ttcli.files.toml import Table, parse_toml
from ttcli.policy.local.voice import Voice
from ttcli.problem import Problem
from ttcli.runtime.forms import prm_form
from ttcli.runtime.loader import prompt_of
from ttcli.solution import Attempt

LAB = Path(__file__).parents[2] / "benchmarks" / "lab"
STEPS = ("6+12=18", "18*3=54", "#### 54")


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(LAB))
    return importlib.import_module("words")


@pytest.fixture
def judge() -> Iterator[Model]:
    """The reward model that comes with ttc."""
    path = catalog()["lab-prm"].shipped
    assert path is not None
    model = Model(path)
    yield model
    model.close()


def test_it_is_read_as_it_was_trained(words: ModuleType, judge: Model) -> None:
    entries = importlib.import_module("entries")
    told = verifier_form(Table("x", "", parse_toml(entries.TAGGED.encode(), "x")).table("verifier"))
    assert isinstance(told, PrmForm)
    assert catalog()["lab-prm"].verifier == told
    form = prm_form(judge, told)
    assert form.labels == (words.GOOD, words.BAD)
    tokens = form.head("(6+12)*3")
    ends = []
    for number, step in enumerate(STEPS):
        tokens += form.step(f"{step}\n\n", first=number == 0)
        ends.append(len(tokens) - 1)
    assert (tokens, ends) == words.tagged("(6+12)*3", STEPS)


def test_a_policy_is_asked_as_it_was_trained(words: ModuleType, lab_model: Model) -> None:
    from ttcli.catalog.progress import NoProgress
    from ttcli.catalog.pull import resolve
    from ttcli.engine.params import ThinkParams

    local = resolve("lab-policy", offline=True, progress=NoProgress())
    voice = Voice(lab_model, prompt_of(local), None, params=ThinkParams(), max_tokens=64)
    attempts = ["6+12=17\n\n#### 17", "6+12=18\n\n#### 18"]
    assert voice.encode(Problem("(6+12)*3")) == words.ask("(6+12)*3")
    assert voice.encode(Problem("(6+12)*3"), [*map(Attempt, attempts)]) == words.ask("(6+12)*3", attempts)
