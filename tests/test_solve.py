from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from ttcli.cost import Budget, Stopped, Unit
from ttcli.errors import ModelError, UsageError
from ttcli.events import Began, Drawn, Event, Outcome, Scored, Solved
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.record import record
from ttcli.settings import Sampling, Settings
from ttcli.solve import workbench

PROBLEM = Problem("What is 2 + 2?")


class Silent:
    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        raise AssertionError("nothing is to be fetched")

    def advance(self, done_bytes: int) -> None: ...
    def note(self, message: str) -> None: ...
    def finish(self, outcome: str) -> None: ...


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.json"
    lines = [
        {"text": "It is\n\n\\boxed{4}", "score": 0.75, "logprob": -0.5},
        {"text": "\\boxed{5}", "score": 0.25, "logprob": -2},
        {"text": "who knows"},
    ]
    path.write_text(json.dumps({"": lines}), encoding="utf-8")
    return f"scripted:{path}"


def solve(settings: Settings, interrupt: Interrupt | None = None) -> tuple[Began, list[Event], Outcome]:
    with workbench(settings, interrupt or Interrupt(), Silent()) as bench:
        began, *events, solved = bench.solve(PROBLEM)
    assert isinstance(began, Began)
    assert isinstance(solved, Solved)
    return began, events, solved.outcome


def test_a_run_begins_with_who_solves_what_and_ends_solved(script: str) -> None:
    began, _, outcome = solve(Settings(script, budget=Budget(8), seed=3))
    assert began == Began(PROBLEM, "adaptive", "scripted", None, Budget(8), 3)
    assert outcome.answer in {"4", "5"}
    assert outcome.cost.seconds > 0


@pytest.mark.parametrize("verifier", ["scripted", "confidence", "confidence:weakest"])
def test_a_script_goes_with_every_verifier_that_needs_no_model(script: str, verifier: str) -> None:
    began, events, _ = solve(Settings(script, verifier_name=verifier, budget=Budget(6)))
    assert (began.method, began.verifier) == ("best-of-n", verifier)
    answered = [event for event in events if isinstance(event, Drawn) and event.candidate.answer is not None]
    assert len([event for event in events if isinstance(event, Scored)]) == len(answered) > 0


def test_a_script_cannot_judge(script: str) -> None:
    with pytest.raises(UsageError, match="cannot judge"):
        solve(Settings(script, verifier_name="judge"))


def test_a_script_that_is_not_there_is_said_before_the_run() -> None:
    with pytest.raises(ModelError, match="cannot read the script"):
        solve(Settings("scripted:nowhere.json"))


def test_an_interrupt_before_the_first_token_leaves_nothing_to_vote_on(script: str) -> None:
    interrupt = Interrupt()
    interrupt.request()
    _, _, outcome = solve(Settings(script), interrupt)
    assert (outcome.answer, outcome.candidates, outcome.stopped) == (None, (), Stopped.INTERRUPT)


def test_a_deadline_is_a_budget_and_no_interrupt(script: str) -> None:
    settings = Settings(
        script, method_name="majority", budget=Budget(0.05, Unit.SECONDS), sampling=Sampling(max_tokens=4)
    )
    _, _, outcome = solve(settings)
    assert outcome.stopped is not Stopped.INTERRUPT
    assert outcome.candidates
    assert outcome.cost.seconds < 1


KEYS = [
    "version", "ttc", "problem", "answer", "support", "method", "model", "verifier", "budget", "seed", "stopped",
    "winner", "votes", "no_answer", "candidates", "cost",
]  # fmt: skip


def test_the_record_has_stable_keys_and_survives_json(script: str) -> None:
    began, _, outcome = solve(
        Settings(script, method_name="best-of-n", verifier_name="scripted", budget=Budget(9), seed=2)
    )
    told = record(began, outcome)
    assert list(told) == KEYS
    again = json.loads(json.dumps(told))
    assert again == {**told, "candidates": again["candidates"], "votes": again["votes"]}
    assert again["version"] == 1
    assert again["answer"] == again["votes"][0]["answer"] == again["candidates"][again["winner"]]["answer"]
    assert again["no_answer"] + sum(len(vote["members"]) for vote in again["votes"]) == len(again["candidates"]) == 9
    assert set(again["candidates"][0]) == {
        "index", "text", "answer", "ended", "tokens", "logprob", "score", "step_scores",
    }  # fmt: skip
    assert set(again["votes"][0]) == {"answer", "members", "weight", "best"}
    assert again["cost"]["tokens"] == sum(again["cost"][f"{who}_tokens"] for who in ("prompt", "policy", "verifier"))
    assert set(again["cost"]) == {*(field.name for field in dataclasses.fields(outcome.cost)), "tokens"}


def test_the_record_of_a_run_without_an_answer_says_null(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{"": [{"text": "who knows"}]}', encoding="utf-8")
    began, _, outcome = solve(Settings(f"scripted:{path}", budget=Budget(2)))
    told = record(began, outcome)
    assert (told["answer"], told["winner"], told["votes"], told["no_answer"], told["support"]) == (None, None, [], 2, 0)
