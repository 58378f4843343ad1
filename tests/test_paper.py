"""The paper's tables come from one file: of a world in which the truth is known they say what is true."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAPER = Path(__file__).parents[1] / "benchmarks" / "paper.py"
PROBLEMS, SAMPLES, DEEP = 30, 96, 288
GENERATIONS = {"beam:m=4": (4, 16, 64), "beam:m=sqrt": (4,), "particles": (4, 16), "auto:beam:m=4": (16, 64)}
NOISY = 20  # problems with a verifier that tells nothing


def world(rng: np.random.Generator, number: int, *, search: float, deep: int, searched: int) -> dict[str, Any]:
    """A problem whose samples are right with some chance; a search is right with the chance `search`."""
    depth = DEEP if number < deep else SAMPLES
    chance = (0.95, 0.75, 0.45, 0.2, 0.05)[number % 5]
    right = rng.random(depth) < chance
    answer = np.where(right, 0, 1 + rng.integers(6, size=depth))
    score = np.clip(np.where(right, 6500, 4000) + rng.normal(0, 1500, depth), 0, 9999).astype(int)
    spent = [16, 20, 700, 800, 0, 10**9]
    results = {
        f"{method}[verifier]@{budget}": [int(rng.random() > search), *spent]
        for method, budgets in GENERATIONS.items()
        for budget in budgets
    }
    if number < searched:
        results["particles[verifier]@64"] = [int(rng.random() > search), *spent]
    scores = {name: score.tolist() for name in ("verifier", "verifier min", "verifier prod", "confidence")}
    if number < NOISY:
        scores["noise 2"] = rng.integers(9999, size=SAMPLES).tolist()
        results |= {f"beam:m=4[noise 2]@{budget}": [1, *spent] for budget in (4, 16, 64)}
    chains = [[(int(rng.random() > chance), 5000) for _ in range(8)] for _ in range(8)]
    return {
        "type": "problem",
        "id": number,
        "problem": f"{number}+0",
        "answer": "0",
        "answers": [str(value) for value in range(7)],
        "policy": {
            "results": {**results, "greedy@1": [int(rng.random() > chance), *spent]},
            "prompt": 20,
            "samples": {"answer": answer.tolist(), "tokens": [45] * depth, "cut": []},
            "scores": scores,
            "read": {"verifier": [50] * depth},
            "chains": {"revise:ratio=1[verifier]@64": chains},
        },
        "large": {"results": {"greedy@1": [0, *spent]}},
    }


def told(path: Path, *, search: float, deep: int = 10, searched: int = 0) -> dict[str, Any]:
    """What the benchmark says of such a world."""
    stages = [
        {"type": "stage", "name": name, "model": name, "parameters": parameters, "verifiers": verifiers, "ttc": "0"}
        for name, parameters, verifiers in (("pool", 1000, {"verifier": 2000, "confidence": 0}), ("large", 14_000, {}))
    ]
    rng = np.random.default_rng(0)
    rows = [*stages, *(world(rng, number, search=search, deep=deep, searched=searched) for number in range(PROBLEMS))]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    command = [sys.executable, str(PAPER), "--from-data", str(path), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(("search", "better"), [(1.0, True), (0.0, False)])
def test_a_search_that_is_always_right_is_worth_many_samples_and_one_that_never_is_none(
    tmp_path: Path, search: float, better: bool
) -> None:
    found = told(tmp_path / "paper.jsonl.gz", search=search)
    votes = found["votes"]["all"]["curves"]["weighted, verifier"]
    assert found["problems"] == PROBLEMS
    assert 0.8 < found["auc_within"] < 0.95
    assert found["votes"]["auc"]["verifier"]["n"] > 18
    assert votes["1"]["value"] < votes["16"]["value"] <= found["votes"]["all"]["curves"]["any"]["16"]["value"]
    assert found["sibling_gap"] == pytest.approx(100 * (1 - found["flops"]["greedy_small"]["value"]))
    assert found["factor_probes"]
    if better:
        assert found["gain_beam_small"] > 0
        assert found["factor_low"] > 1.5
        assert {name for row in found["optimal"]["rows"] for name in row.get("chosen", {}).get("4", {})} > {"best-of-n"}
    else:
        assert found["gain_beam_small"] < 0
        assert found["factor"] == pytest.approx(1.0, abs=0.2)  # the choice leaves a bad search alone
    always = [row for row in found["optimal"]["rows"] if row["family"] == "always" and row["way"] == "particles"]
    assert [row["value"] for row in always] == [search, search]
    plain, noisy = found["noise"]
    assert (plain["noise"], plain["n"], noisy["noise"], noisy["n"]) == (0.0, NOISY, 2.0, NOISY)
    assert noisy["auc"]["value"] < 0.65 < plain["auc"]["value"]
    assert plain["budgets"]["16"]["beam:m=4"]["value"] == search
    assert noisy["budgets"]["16"]["beam - best-of-n"]["value"] < 0
    assert found["gain_revise"] < 0  # attempts like samples, all with the same score


def test_how_far_a_factor_can_be_told_is_how_far_all_problems_have_samples(tmp_path: Path) -> None:
    found = told(tmp_path / "paper.jsonl.gz", search=1.0, deep=PROBLEMS, searched=12)
    votes = found["votes"]["all"]
    assert (votes["n"], votes["sizes"][-1], "deep" in found["votes"]) == (PROBLEMS, 256, False)
    always = {(row["way"], row["budget"]): row for row in found["optimal"]["rows"] if row["family"] == "always"}
    assert always["particles", 16]["factor"] == pytest.approx(256 / 16)
    assert always["particles", 16]["beyond"]
    assert (always["particles", 64]["n"], always["beam:m=4", 64]["n"]) == (12, 12)
    few = told(tmp_path / "few.jsonl.gz", search=1.0, deep=PROBLEMS, searched=5)  # too few to be told of
    assert {row["n"] for row in few["optimal"]["rows"] if row["budget"] == 64} == {PROBLEMS}
