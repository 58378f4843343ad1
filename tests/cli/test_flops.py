"""`ttc flops` on scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.calls import Call, write_script
from cli.test_calibrate import complaint
from ttcli.policy.script import Script
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.runtime import runtime as solve

RIGHT, WRONG = {"text": "It is \\boxed{4}"}, {"text": "It is \\boxed{5}"}


@pytest.fixture
def arguments(clean: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Twelve problems; the large script has five times the parameters and is right more often."""
    write_script(clean / "small.json", [RIGHT, WRONG, WRONG])
    write_script(clean / "large.json", [RIGHT, RIGHT, WRONG])
    rows = ({"id": f"p{number}", "problem": f"What is 2 + 2, {number}?", "answer": "4"} for number in range(12))
    (clean / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = Script.read

    def policy_of(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(script: Any, **options: Any) -> ScriptedPolicy:
            policy: ScriptedPolicy = make(script, **options)
            policy.parameters = 5 if script == read(clean / "large.json") else 1
            return policy

        return made

    monkeypatch.setattr(solve, "ScriptedPolicy", policy_of(ScriptedPolicy))
    models = ["--small", "scripted:small.json", "--large", "scripted:large.json"]
    return ["flops", "data.jsonl", *models, "--budget", "1,8", "--store", "s.sqlite3", "-q"]


def test_two_runs_make_a_comparison_that_goes_on_where_it_stopped(here: Call, arguments: list[str]) -> None:
    result = here(*arguments, "--json", "--ratio", "1,100")
    assert (result.code, result.err) == (0, "")
    told = json.loads(result.out)
    assert (told["version"], told["type"], told["multiple"]) == (1, "flops", 5.0)
    assert {each["against"] for each in told["matches"]} == {"greedy@1", "majority@1"}
    plain = [each for each in told["matches"] if each["reckoning"] == "plain" and each["against"] == "greedy@1"]
    assert [each["allowed"] for each in plain if each["difficulty"] == "all"] == [5 + 12, 5 + 0.12]
    listed = json.loads(here("runs", "list", "--json", "--store", "s.sqlite3").out)["runs"]
    assert {each["id"] for each in listed} == set(told["runs"].values())
    assert json.loads(here(*arguments, "--json", "--ratio", "1,100").out) == told


def test_the_large_model_draws_what_it_is_told_to(here: Call, arguments: list[str]) -> None:
    told = json.loads(here(*arguments, "--json", "--ratio", "1", "--large-budget", "2,8").out)
    assert {each["against"] for each in told["matches"]} == {"greedy@1", "majority@2", "majority@8"}
    assert all(each["short"] for each in told["matches"] if each["against"] == "majority@8")


def test_the_tables_say_who_wins_and_the_figure_is_drawn(here: Call, arguments: list[str], clean: Path) -> None:
    result = here(*arguments, "--plot", "flops.svg", "--method", "majority", "--method", "best-of-n")
    assert result.code == 0, result.err
    assert "large    scripted, 5.0 times the parameters" in result.out
    assert "majority, against the large model's greedy@1; k = n M + 3 (M - 1) / R" in result.out
    assert "best-of-n[confidence], against" in result.out
    assert "larger model" in (clean / "flops.svg").read_text()


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        (["--large", "scripted:small.json"], "--small and --large are both scripted:small.json"),
        (["--small", "scripted:large.json", "--large", "scripted:small.json"], "scripted is no larger than scripted"),
        (["--ratio", "0"], "--ratio must be positive numbers, not '0'"),
        (["--ratio", "a"], "--ratio must be positive numbers"),
        (["--budget", "30s"], "reckoned in generations"),
        (["--budget", "8/problem"], "reckoned in generations"),
        (["--large-budget", "30s"], "reckoned in generations"),
        (["--large-budget", "0"], "a budget of 0 buys nothing"),
        (["--method", "greedy"], "greedy has no use for more compute"),
        (["--plot", "flops.gif"], "flops.gif must end in .png or .svg"),
    ],
)
def test_what_cannot_be_compared_is_refused(here: Call, arguments: list[str], extra: list[str], error: str) -> None:
    assert error in complaint(here(*arguments, *extra))[0]
