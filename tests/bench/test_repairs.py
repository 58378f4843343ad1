"""Which samples of a run repair is tried on, and what is counted of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.builder import make_rows, make_run
from ttcli.bench.repairs import Flawed, Tried, flawed, try_repair
from ttcli.bench.store.store import Store
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.verifier.repairers import ArithmeticRepair

READER = ArithmeticRepair()
ROWS = make_rows(6)


def text(position: int, number: int, answer: str | None) -> list[str]:
    """Every other sample of all problems but the first one states a false equation."""
    last = f"So it is \\boxed{{{answer}}}." if answer is not None else "I am not sure."
    value = 5 if position and number % 2 else 4
    return [f"Here 2 + 2 = {value}.\n\n", last]


@pytest.fixture
def samples(tmp_path: Path) -> list[Flawed]:
    run = make_run(tmp_path / "s.db", ROWS, samples=8, text=text)
    with Store(tmp_path / "s.db") as store:
        assert len(flawed(store, run, READER)) == 5 * 4
        return flawed(store, run, READER, most=12)


def test_no_problem_has_more_than_its_share_of_the_samples_tried(samples: list[Flawed]) -> None:
    problems = [one.cut.solution.problem for one in samples]
    assert problems == sorted(problems, key=problems.index)  # those of a problem beside each other
    assert sorted(Counter(problems).values()) == [2, 2, 2, 3, 3]
    assert {one.cut.steps[-1].text for one in samples} == {"Here 2 + 2 = 4"}
    assert {one.number % 2 for one in samples} == {1}
    reference = {row.problem.text: row.problem.answer for row in ROWS}
    for one in samples:
        assert one.right is (f"{{{reference[one.cut.solution.problem.text]}}}" in one.cut.solution.text)


def test_what_comes_out_right_is_counted_before_and_after(samples: list[Flawed]) -> None:
    lines = {
        row.problem.text: [ScriptLine(f"Here 2 + 2 = 4.\n\nSo it is \\boxed{{{row.problem.answer if at % 2 else 1}}}.")]
        for at, row in enumerate(ROWS)
    }
    told = [*try_repair(ScriptedPolicy(Script(lines), width=3), READER, samples, seed=0)]
    assert [each.done for each in told] == [*range(1, 13)]
    last = told[-1]
    odd = {row.problem.text for at, row in enumerate(ROWS) if at % 2}
    expected = sum(one.cut.solution.problem.text in odd for one in samples)
    assert last == Tried(12, 12, sum(one.right for one in samples), expected)
    assert 0 < expected < 12


def test_a_policy_that_is_called_off_leaves_the_rest_uncounted(samples: list[Flawed]) -> None:
    asked: list[int] = []

    def called_off() -> bool:
        asked.append(0)
        return len(asked) > 6

    script = Script({"": [ScriptLine("Here 2 + 2 = 4.\n\nSo it is \\boxed{1}.")]})
    policy = ScriptedPolicy(script, width=2, interrupted=called_off)
    told = [*try_repair(policy, READER, samples, seed=0)]
    assert 0 < len(told) < 12
    assert told[-1].done == len(told)


def test_where_nothing_false_is_stated_there_is_nothing_to_try(tmp_path: Path) -> None:
    run = make_run(tmp_path / "s.db", 3, samples=4)
    with Store(tmp_path / "s.db") as store:
        assert flawed(store, run, READER) == []
