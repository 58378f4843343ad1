"""An old head, old states and an old speed serve the real model still."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compat.calls import Ttc, expected
from compat.cases import REAL, REAL_VOTES

pytestmark = pytest.mark.usefixtures("with_model")

_CLOSE = 0.02  # another processor rounds otherwise
_HEAD = "head:./head.safetensors"


def _asked(store: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as db:
        rows = db.execute(query).fetchall()
        db.commit()
        return rows


def test_votes_over_the_samples_of_the_model_draw_nothing_new(ttc: Ttc, old: Path) -> None:
    counts = "SELECT (SELECT count(*) FROM sample), (SELECT count(*) FROM rating)"
    before = _asked(old / "trained.sqlite3", counts)
    found = ttc(*REAL_VOTES, "--json", "-q")
    assert found.code == 0
    lines = [line for line in expected(f"resumed-{REAL}").splitlines() if line.startswith('{"version"')]
    wanted = {each["id"]: each["correct"] for each in map(json.loads, lines) if each["type"] == "problem"}
    told = [each for each in map(json.loads, found.out.splitlines()) if each["type"] == "problem"]
    assert {each["id"]: each["correct"] for each in told} == wanted
    assert _asked(old / "trained.sqlite3", counts) == before


def test_old_states_are_rated_by_the_old_head_as_they_were(ttc: Ttc, old: Path) -> None:
    store = old / "trained.sqlite3"
    ratings = "SELECT sample, verifier, score FROM rating ORDER BY sample, verifier"
    before = _asked(store, ratings)
    _asked(store, "DELETE FROM rating")
    assert ttc(*REAL_VOTES, "--json", "-q").code == 0
    after = _asked(store, ratings)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert [score for *_, score in after] == pytest.approx([score for *_, score in before], abs=_CLOSE)


def test_an_old_head_scores_given_solutions_as_it_did(ttc: Ttc) -> None:
    result = ttc("verify", "verify.jsonl", "-m", "smollm2-135m", "--verifier", _HEAD, "--threads", "1", "-q")
    assert (result.code, result.err) == (0, "")
    found, wanted = ([json.loads(line) for line in text.splitlines()] for text in (result.out, expected("verified")))
    for one, other in zip(found, wanted, strict=True):
        scores = [[each["score"], *(step.pop("score") for step in each["steps"])] for each in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=_CLOSE)
        assert one | {"score": None} == other | {"score": None}


def test_a_problem_is_solved_with_an_old_head(ttc: Ttc) -> None:
    few = ("-b", "2", "--max-tokens", "16", "--threads", "1")
    result = ttc("solve", "What is 2 + 3?", "-m", "smollm2-135m", "--verifier", _HEAD, *few, "--json", "-q")
    told = json.loads(result.out)
    assert result.code in (0, 1)
    assert (told["method"], told["verifier"], len(told["candidates"])) == ("best-of-n", _HEAD, 2)
    assert all(0 <= each["score"] <= 1 for each in told["candidates"] if each["answer"] is not None)


def test_an_old_speed_decides_how_many_texts_grow_at_once(ttc: Ttc, old: Path) -> None:
    few = ("--limit", "1", "--method", "majority", "-b", "1", "--max-tokens", "4", "--threads", "1")
    assert ttc("bench", "sums.jsonl", "-m", "smollm2-135m", *few, "--store", "new.sqlite3", "-q").code == 0
    assert {*_asked(old / "new.sqlite3", "SELECT width FROM load")} == {(24,)}
