"""Whether the texts of a run are mended, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ttcli.catalog.entry import RepairFigure, catalog
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.policy.repair import RepairingPolicy
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.runtime.repair import keep, measured, mending
from ttcli.runtime.settings import Settings

THIS = "a" * 64
POLICY = ScriptedPolicy(Script({"": [ScriptLine("a")]}))
DEFAULT = catalog()["qwen2.5-coder-0.5b"]
OTHER = catalog()["smollm2-135m"]


def weights() -> str:
    return THIS


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_HOME", str(tmp_path))


def test_auto_mends_where_a_figure_of_the_model_says_that_it_helps_and_tells_it() -> None:
    found = mending(POLICY, Settings(repair="auto"), DEFAULT, Interrupt(), weights)
    assert isinstance(found.policy, RepairingPolicy)
    assert found.told == "arithmetic (of 161 solutions with a false equation 6 were right before, 44 after)"
    for entry in (OTHER, None, replace(DEFAULT, repair=RepairFigure(74, 4, 5, "", 0))):
        assert mending(POLICY, Settings(repair="auto"), entry, Interrupt(), weights) == (POLICY, None)


def test_auto_goes_by_what_was_found_here_before_what_is_shipped() -> None:
    keep(THIS, RepairFigure(20, 3, 4, "ttc calibrate d.jsonl", 0))
    assert mending(POLICY, Settings(repair="auto"), DEFAULT, Interrupt(), weights) == (POLICY, None)
    keep("b" * 64, RepairFigure(30, 0, 1, "", 0))
    keep(THIS, RepairFigure(30, 2, 19, "ttc calibrate d.jsonl", 0))
    told = mending(POLICY, Settings(repair="auto"), None, Interrupt(), weights).told
    assert told == "arithmetic (of 30 solutions with a false equation 2 were right before, 19 after)"
    assert measured("b" * 64) == RepairFigure(30, 0, 1, "", 0)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"%s": 3}', '{"%s": {"solutions": true, "before": 1}}'])
def test_figures_that_cannot_be_read_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "repairs.json").write_text(content.replace("%s", THIS))
    assert measured(THIS) is None


def test_what_is_asked_for_is_done_whatever_is_known() -> None:
    assert mending(POLICY, Settings(repair="off"), DEFAULT, Interrupt(), weights) == (POLICY, None)
    assert mending(POLICY, Settings(), DEFAULT, Interrupt(), weights) == (POLICY, None)
    assert mending(POLICY, Settings(repair="arithmetic"), None, Interrupt(), weights).told == "arithmetic"
    assert mending(POLICY, Settings(repair="command:true"), None, Interrupt(), weights).told == "command:true"


def test_nonsense_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UsageError, match="there is no repair 'on'"):
        Settings(repair="on")


@pytest.mark.parametrize(
    ("before", "after", "helps"), [(4, 23, True), (0, 5, True), (4, 4, False), (23, 4, False), (10, 16, False)]
)
def test_a_figure_helps_where_more_are_right_by_more_than_chance(before: int, after: int, helps: bool) -> None:
    assert RepairFigure(74, before, after, "", 0).helps is helps
