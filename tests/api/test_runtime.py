"""What programs call: as light as the help, and the same as the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

import ttcli
from ttcli import answers, bench
from ttcli.data.dataset import Row
from ttcli.errors import UsageError
from ttcli.events import RunFinished
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix

SUM = "What is 2 + 2?"
LINES = [{"text": "Two and two.\n\nIt is \\boxed{4}.", "score": 0.9}, {"text": "I guess \\boxed{5}", "score": 0.2}]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"": LINES}), encoding="utf-8")
    return f"scripted:{path}"


class Longest:
    name, parameters, partial = "longest", 0, True

    def price(self, prefixes: Sequence[Prefix]) -> int:
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        return [StepScores(min(len(prefix.text), 100) / 100, (), 0) for prefix in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        pass

    def close(self) -> None:
        pass


def test_import_ttcli_loads_nothing_that_the_help_does_without() -> None:
    code = (
        "import sys, ttcli; print(sorted(name for name in sys.modules if name.startswith('ttcli') or name == 'numpy'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ttcli']"


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        ttcli.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="nothing"):
        bench.nothing  # noqa: B018


def test_solving_gives_the_same_as_the_command(script: str) -> None:
    with ttcli.load(script, seed=3) as runtime:
        result = runtime.solve(SUM, method="majority", budget=8)
        again = runtime.solve(Problem(SUM), method="majority", budget="8", seed=3)
        assert runtime.model == "scripted"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ttcli",
            "solve",
            SUM,
            "-m",
            script,
            "--method",
            "majority",
            "-b",
            "8",
            "--seed",
            "3",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    told, own = json.loads(done.stdout), json.loads(json.dumps(result.to_json()))
    for one in (told, own):
        one["cost"].pop("seconds")
    assert own == told
    assert (again.answer, again.votes) == (result.answer, result.votes)
    assert result.text == next(each.text for each in result.candidates if each.answer == result.answer)
    assert 0 < result.support <= 1
    assert result.cost.generations == 8


def test_a_stream_that_is_left_frees_what_it_held() -> None:
    policy = ScriptedPolicy(Script({"": [ScriptLine(**line) for line in LINES]}))  # type: ignore[arg-type]
    runtime = ttcli.load(policy=policy)
    stream = runtime.stream(SUM, method="majority", budget=8)
    for _ in range(4):
        next(stream)
    assert policy.live
    stream.close()  # type: ignore[attr-defined]
    assert not policy.live
    assert isinstance(list(runtime.stream(SUM, budget=2))[-1], RunFinished)


def test_an_object_of_ones_own_scores(script: str) -> None:
    with ttcli.load(script) as runtime:
        result = runtime.solve(SUM, method="best-of-n-plain", budget=8, verifier=Longest(), seed=1)
        assert (result.answer, result.began.verifier) == ("4", "longest")
        scores = runtime.score(SUM, ["short", "somewhat longer"], verifier=Longest())
        assert scores[0].score is not None
        assert scores[1].score is not None
        assert scores[0].score < scores[1].score


def test_a_system_prompt_and_the_chat_before_are_in_the_problem(script: str) -> None:
    with ttcli.load(script) as runtime:
        result = runtime.solve(SUM, budget=2, system="Be brief.")
    assert result.began.problem.before == (("system", "Be brief."),)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"method": "magic"}, "no method"),
        ({"budget": 0}, "buys nothing"),
        ({"budget": "many"}, "is not a budget"),
        ({"verifier": "judge"}, "has not been loaded"),
        ({"method": "majority", "verifier": Longest()}, "no use for a verifier"),
        ({"method": "auto", "verifier": Longest()}, "no use for longest"),
        ({"method": "auto", "verifier": "confidence"}, "no use for confidence"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_makes_no_sense_is_an_error_at_once(script: str, how: dict[str, object], says: str) -> None:
    with ttcli.load(script) as runtime, pytest.raises(UsageError, match=says):
        runtime.solve(SUM, **how)


def test_an_empty_problem_is_an_error(script: str) -> None:
    with ttcli.load(script) as runtime, pytest.raises(UsageError, match="empty"):
        runtime.solve("  ")


def test_confidence_reads_no_texts(script: str) -> None:
    with ttcli.load(script) as runtime, pytest.raises(UsageError, match="probabilities"):
        runtime.score(SUM, ["It is 4."], verifier="confidence")


def test_answers_are_extracted_and_compared() -> None:
    assert answers.extract("So \\boxed{4}") == "4"
    assert answers.equal("1/2", "0.5")
    assert not answers.equal("1/2", "0.6")


def test_a_bench_in_one_call_goes_on_from_its_store(script: str, tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    pairs = [(SUM, "4"), ("And 2 + 3?", "5")]
    summary = bench.run(pairs, script, methods=["majority"], budget="1,4", store=store)
    assert (summary.done, summary.samples) == (2, 8)
    assert summary.headline is not None
    rows = [
        Row(Problem(text, str(number), answer), number, None, None) for number, (text, answer) in enumerate(pairs, 1)
    ]
    again = bench.run(rows, script, methods=["majority"], budget="1,4", store=store)
    assert (again.run.id, again.samples) == (summary.run.id, 8)
    with pytest.raises(UsageError, match="no problems"):
        bench.run([], script)
