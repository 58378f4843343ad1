"""Whether the texts of a run are mended, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ttcli.catalog.entry import RepairFigure, catalog
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.policy.repair import RepairingPolicy
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.runtime.repair import mending
from ttcli.runtime.settings import Settings

POLICY = ScriptedPolicy(Script({"": [ScriptLine("a")]}))
DEFAULT = catalog()["qwen2.5-coder-0.5b"]
OTHER = catalog()["smollm2-135m"]


def test_auto_mends_where_a_figure_of_the_model_says_that_it_helps_and_tells_it() -> None:
    found = mending(POLICY, Settings(repair="auto"), DEFAULT, Interrupt())
    assert isinstance(found.policy, RepairingPolicy)
    assert found.told == "arithmetic (of 41 solutions with a false equation 4 were right before, 16 after)"
    for entry in (OTHER, None, replace(DEFAULT, repair=RepairFigure(74, 4, 5, "", 0))):
        assert mending(POLICY, Settings(repair="auto"), entry, Interrupt()) == (POLICY, None)


def test_what_is_asked_for_is_done_whatever_is_known() -> None:
    assert mending(POLICY, Settings(repair="off"), DEFAULT, Interrupt()) == (POLICY, None)
    assert mending(POLICY, Settings(), DEFAULT, Interrupt()) == (POLICY, None)
    assert mending(POLICY, Settings(repair="arithmetic"), None, Interrupt()).told == "arithmetic"
    assert mending(POLICY, Settings(repair="command:true"), None, Interrupt()).told == "command:true"


def test_nonsense_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UsageError, match="there is no repair 'on'"):
        Settings(repair="on")


@pytest.mark.parametrize(
    ("before", "after", "helps"), [(4, 23, True), (0, 5, True), (4, 4, False), (23, 4, False), (10, 16, False)]
)
def test_a_figure_helps_where_more_are_right_by_more_than_chance(before: int, after: int, helps: bool) -> None:
    assert RepairFigure(74, before, after, "", 0).helps is helps
