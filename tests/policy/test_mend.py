"""Solutions that are drawn already, cut at what is false in them, put right and gone on with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ttcli.policy.mend import cut, go_on
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.problem import Problem
from ttcli.solution import Ended, Prefix, Repair, Step
from ttcli.verifier.repairers import ArithmeticRepair

PROBLEM, OTHER = Problem("What is 12 x 5 + 10 ?"), Problem("What is 2 + 2 ?")
READER = ArithmeticRepair()
MENDED = "First 12 x 5 = 60.\n\nThen 60 + 10 = 70.\n\n\\boxed{70}"
STEPS = (
    Step("To begin.\n\n", 4, -2.0),
    Step("Now 12 x 5 = 70. So we go on.\n\n", 20, -10.0),
    Step("Then 70 + 10 = 80.\n\n", 11, -3.0),
    Step("\\boxed{80}", 5, -1.0),
)
WRONG = Prefix(PROBLEM, 0, steps=STEPS, ended=Ended.STOP)


def test_a_solution_is_cut_at_its_first_false_result_and_the_right_one_is_put_there() -> None:
    found = cut(WRONG, READER)
    assert found is not None
    assert [step.text for step in found.steps] == ["To begin.\n\n", "Now 12 x 5 = 60"]
    assert found.repair == Repair(24, "70", "60", ". So we go on.\n\nThen 70 + 10 = 80.\n\n\\boxed{80}")
    assert found.steps[0] == STEPS[0]
    assert 0 < found.steps[1].tokens < 20
    assert (found.steps[1].logprob or 0.0) / found.steps[1].tokens == pytest.approx(-0.5)


def test_a_solution_that_states_nothing_false_is_not_cut() -> None:
    assert cut(replace(WRONG, steps=(Step("12 x 5 = 60, \\boxed{70}", 9, -1.0),)), READER) is None
    assert cut(replace(WRONG, steps=()), READER) is None


def test_what_is_cut_goes_on_from_there_and_what_follows_is_mended_too() -> None:
    script = Script({PROBLEM.text: [ScriptLine(MENDED), ScriptLine("First 12 x 5 = 60.\n\nThen 60 + 10 = 80.\n\nso")]})
    policy = ScriptedPolicy(script, width=2)
    begun = replace(WRONG, steps=(Step("First 12 x 5 = 70.\n\n", 9, -1.0),))
    one = cut(begun, READER)
    assert one is not None
    ends = dict(go_on(policy, READER, [one] * 6, [(0, n) for n in range(6)]))
    assert sorted(ends) == [*range(6)]
    assert {each.prefix.text for each in ends.values()} == {MENDED}
    assert {len(each.prefix.repairs) for each in ends.values()} == {1, 2}
    for each in ends.values():
        assert each.prefix.repairs[0] == one.repair
        assert (each.prefix.ended, each.prefix.partial) == (Ended.STOP, False)
        assert each.tokens > 0
    assert not policy.live


def test_problems_are_told_beforehand_and_let_go_one_by_one() -> None:
    script = Script({PROBLEM.text: [ScriptLine(MENDED)], OTHER.text: [ScriptLine("2 + 2 = 4. \\boxed{4}")]})
    policy = ScriptedPolicy(script, width=1)
    cuts = [
        cut(replace(WRONG, problem=problem, steps=(Step(text, 9, -1.0),)), READER)
        for problem, text in ((PROBLEM, "First 12 x 5 = 70."), (OTHER, "2 + 2 = 5."), (OTHER, "2 + 2 = 3."))
    ]
    found, live = [], []
    for number, extension in go_on(policy, READER, [each for each in cuts if each], [(0, n) for n in range(3)]):
        found.append((number, extension.prefix.text))
        live.append(len(policy.live))
    assert found == [(0, MENDED), (1, "2 + 2 = 4. \\boxed{4}"), (2, "2 + 2 = 4. \\boxed{4}")]
    assert live[-1] == 0
