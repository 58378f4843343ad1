"""The tables of `benchmarks/votes.py`, of pools in which the truth is known."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

VOTES = Path(__file__).parents[1] / "benchmarks" / "votes.py"
PROBLEMS, SAMPLES, MOST = 36, 4, 16


def sample(problem: int, number: int, right: bool, **more: Any) -> dict[str, Any]:
    return {
        "id": str(problem),
        "number": number,
        "reference": str(problem),
        "text": "",
        "answer": str(problem if right else -1 - number),  # wrong ones differ
        "correct": right,
        "ended": "stop",
        "tokens": 10,
        "scores": {"head": 0.5, "arithmetic": 0.5},
        **more,
    }


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def run(*words: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(VOTES), "--quick", "--json", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=VOTES.parent)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A quarter of the samples is right, and half of those that are mended are."""
    rng = np.random.default_rng(0)
    rows = []
    for problem in range(PROBLEMS):
        for number in range(SAMPLES):
            right = rng.random() < 0.25
            rows.append(sample(problem, number, right))
            if not right:
                rows.append(sample(problem, number, rng.random() < 0.5, mended=True, repairs=[]))
    return write(tmp_path / "pool.jsonl.gz", rows)


def test_more_samples_tell_how_the_majority_goes_on_and_change_nothing_else(pool: Path, tmp_path: Path) -> None:
    before = json.loads(run(pool).stdout)
    rows = [sample(at, number, number % 3 == 0, more=True) for at in range(33) for number in range(SAMPLES, MOST)]
    after = json.loads(run(pool, write(tmp_path / "more.jsonl.gz", rows)).stdout)
    assert before["more"] == {}
    assert before["factor_most"] == 1
    assert after["factor_most"] == MOST / SAMPLES
    assert {size: each["problems"] for size, each in after["more"].items()} == {"8": 33, "16": 33}
    assert after["more"]["16"]["added"] > 0.1
    assert after["over_most"] < before["over_most"]
    for way, by_size in before["votes"].items():
        for size, row in by_size.items():
            other = after["votes"][way][size]
            assert {key: row[key] for key in ("accuracy", "over", "p")} == {
                key: other[key] for key in ("accuracy", "over", "p")
            }
    assert before["tokens"] == after["tokens"]
    assert before["repair_gain"] > 15


def test_few_problems_with_more_samples_tell_nothing(pool: Path, tmp_path: Path) -> None:
    rows = [sample(problem, number, True, more=True) for problem in range(5) for number in range(SAMPLES, MOST)]
    assert json.loads(run(pool, write(tmp_path / "more.jsonl.gz", rows)).stdout)["more"] == {}


def test_pools_of_other_problems_stand_side_by_side(pool: Path, tmp_path: Path) -> None:
    other = write(
        tmp_path / "other.jsonl.gz", [sample(at, number, True) for at in range(9) for number in range(SAMPLES)]
    )
    told = json.loads(run(pool, other, other).stdout)  # a file that is named twice counts once
    assert (told["problems"], told["samples"]) == (PROBLEMS + 9, SAMPLES)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (sample(99, SAMPLES, True, more=True), "0 pools have problem 99"),
        (sample(0, 1, True, more=True), "a sample of problem 0 is there twice"),
    ],
)
def test_samples_that_belong_nowhere_or_are_known_are_refused(pool: Path, tmp_path: Path, row: Any, said: str) -> None:
    done = run(pool, write(tmp_path / "more.jsonl.gz", [row]))
    assert done.returncode == 1
    assert said in done.stderr


def test_some_problems_of_the_pools_may_be_asked_for(pool: Path) -> None:
    told = json.loads(run("--problems", "3-12", pool).stdout)
    assert told["problems"] == 10
    for which in ("0-3", "5-4", f"1-{PROBLEMS + 1}", "7", "a-b"):
        done = run("--problems", which, pool)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"--problems {which} is not within 1-{PROBLEMS}" in done.stderr


def test_a_verifier_that_one_of_the_problems_lacks_is_told_of_none(tmp_path: Path) -> None:
    both = {"arithmetic": 0.35, "head": 0.5}
    rows = [sample(at, number, True, scores=both if at else {"arithmetic": 0.35}) for at in (0, 1) for number in (0, 1)]
    told = json.loads(run(write(tmp_path / "pool.jsonl.gz", rows)).stdout)
    assert [*told["auc"]] == ["arithmetic", "repaired, arithmetic"]


def test_the_check_may_be_told_to_say_nothing_but_what_is_false(tmp_path: Path) -> None:
    """Of each problem one right solution states true equations, two wrong ones that agree state none or a false one."""
    said = {0: (False, 0.06), 1: (False, 0.06), 2: (False, 0.04), 3: (True, 0.35)}
    rows = [
        sample(at, number, right, scores={"arithmetic": score}) | ({} if right else {"answer": "-1"})
        for at in range(PROBLEMS)
        for number, (right, score) in said.items()
    ]
    pool = write(tmp_path / "pool.jsonl.gz", rows)
    whole, alone = (json.loads(run(*words, pool).stdout)["votes"] for words in ((), ("--only-false",)))
    assert whole["weighted, arithmetic"]["4"]["accuracy"] == 1
    assert alone["weighted, arithmetic"]["4"]["accuracy"] == 0  # two that count fully against one
    assert alone["majority"]["2"]["accuracy"] == 0
    assert alone["weighted, arithmetic"]["2"]["accuracy"] == pytest.approx(1 / 6)  # over the false one alone
    other = write(tmp_path / "other.jsonl.gz", [sample(0, 0, True, scores={})])
    assert "no scores of the arithmetic check" in run("--only-false", other).stderr


def test_solutions_that_are_there_make_a_pool(tmp_path: Path) -> None:
    data, rollouts, pool = (tmp_path / name for name in ("data.jsonl", "rollouts.jsonl", "pool.jsonl.gz"))
    data.write_text("".join(json.dumps({"question": f"{at} + 1?", "answer": str(at + 1)}) + "\n" for at in range(3)))
    rows = [
        {"problem_index": at, "sample": k, "text": f"{at} + 1 = {k}, so \\boxed{{{k}}}", "gold": str(at + 1)}
        | {"tokens": 9, "sum_logprob": -1.0, "finish": "stop"}
        for at, number in ((0, 2), (1, 2), (2, 1))
        for k in range(1, number + 1)
    ]
    rollouts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "2 of 3 problems, 2 solutions of each" in run("--given", data, rollouts, "--out", pool).stdout
    told = [json.loads(line) for line in gzip.decompress(pool.read_bytes()).splitlines()]
    assert [(each["id"], each["number"], each["correct"]) for each in told] == [
        ("1", 0, True),
        ("1", 1, False),
        ("2", 0, False),
        ("2", 1, True),
    ]
    assert [each["scores"]["arithmetic"] for each in told] == [0.35, 0.04, 0.04, 0.35]
    assert json.loads(run(pool).stdout)["problems"] == 2
