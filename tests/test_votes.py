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


def run(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(VOTES), "--quick", "--json", *map(str, files)]
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
