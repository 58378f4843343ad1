"""`--verifier head` on the small real model."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from pathlib import Path

import pytest
from verifier.heads import random_head

from cli.calls import Call
from ttcli.catalog.entry import find
from ttcli.engine.model import Model
from ttcli.files.paths import heads_dir, models_dir
from ttcli.verifier.head_file import write_head

PROBLEM = "What is 2 + 2?"
SHORT = ("-b", "4", "--max-tokens", "40", "--json", "-q")
BOXED = ("--answer", "boxed", "--no-ask-again", *SHORT)  # no text is read once more to be chosen for itself


@pytest.fixture
def catalog_model(clean: Path, small_model_path: Path) -> str:
    """The small model by its name, in a home of its own."""
    entry = find("smollm2-135m")
    models_dir().mkdir(parents=True)
    (models_dir() / entry.file).symlink_to(small_model_path)
    return entry.name


def put(model: Model, name: str, *, weights: str = find("smollm2-135m").sha256 or "", seed: int = 1) -> None:
    write_head(heads_dir() / f"{name}.safetensors", random_head(model.width, layer=12, weights=weights, seed=seed))


def test_a_head_of_the_policy_takes_no_tokens(here: Call, catalog_model: str, small_model: Model) -> None:
    put(small_model, "own")
    result = here("solve", PROBLEM, "-m", catalog_model, "--verifier", "head:own", *BOXED)
    told = json.loads(result.out)
    assert told["verifier"] == "head:own"
    assert told["cost"]["verifier_tokens"] == 0
    scored = [each for each in told["candidates"] if each["score"] is not None]
    assert all(0 <= score <= 1 for each in scored for score in (each["score"], *each["step_scores"]))
    assert all(each["step_scores"] for each in scored)


def test_a_search_by_a_head_takes_no_tokens_either(here: Call, catalog_model: str, small_model: Model) -> None:
    put(small_model, "own")
    result = here("solve", PROBLEM, "-m", catalog_model, "--method", "beam", "--verifier", "head:own", *BOXED)
    told = json.loads(result.out)
    assert told["cost"]["verifier_tokens"] == 0
    assert any(node["score"] is not None for node in told["tree"])


def test_a_bench_scores_stored_samples_by_the_states_that_were_kept_with_them(
    here: Call, clean: Path, catalog_model: str, small_model: Model
) -> None:
    rows = [{"question": f"What is {n} + 2?", "answer": f"#### {n + 2}"} for n in (1, 2)]
    (clean / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    for seed, name in enumerate(("first", "second", "third")):
        put(small_model, name, seed=seed)

    def tokens(head: str) -> float:
        verifier = ("--method", "best-of-n", "--verifier", f"head:{head}")
        asked = ("-m", catalog_model, *verifier, "--store", "s.sqlite3", *SHORT)
        summary = json.loads(here("bench", "data.jsonl", *asked).out.splitlines()[-1])
        assert summary["no_answer"] < summary["samples"] == 8
        return math.fsum(line["verifier_tokens"] for line in summary["lines"] if head in line["method"])

    assert tokens("first") == 0  # drawn with their states
    assert tokens("second") == 0  # found with them
    connection = sqlite3.connect(clean / "s.sqlite3")
    connection.execute("DELETE FROM state")
    connection.commit()
    connection.close()
    assert tokens("third") > 0


def test_a_head_of_another_model_of_the_catalog_reads_with_that(
    here: Call, clean: Path, catalog_model: str, small_model: Model, small_model_path: Path
) -> None:
    """A byte behind the weights makes another model of it."""
    put(small_model, "own")
    twin = clean / "twin.gguf"
    shutil.copyfile(small_model_path, twin)
    with twin.open("ab") as file:
        file.write(b"\0")
    result = here("solve", PROBLEM, "-m", str(twin), "--method", "beam", "--verifier", "head:own", "--offline", *SHORT)
    told = json.loads(result.out)
    assert told["cost"]["verifier_tokens"] > 0
    assert any(node["score"] is not None for node in told["tree"])


def test_a_head_for_another_model_is_refused(here: Call, catalog_model: str, small_model: Model) -> None:
    put(small_model, "other", weights="0" * 64)
    result = here("solve", PROBLEM, "-m", catalog_model, "--verifier", "head:other", *SHORT)
    assert result.code == 1
    assert "head:other is a head for small, not for smollm2-135m" in result.err
    assert "hint:" in result.err


def test_where_there_is_no_head_how_to_get_one_is_said(here: Call, catalog_model: str) -> None:
    result = here("solve", PROBLEM, "-m", catalog_model, "--verifier", "head", *SHORT)
    assert result.code == 1
    assert "there is no verifier head for this model" in result.err
    assert "ttc train verifier" in result.err


def test_info_names_the_heads_of_a_model(here: Call, catalog_model: str, small_model: Model) -> None:
    assert json.loads(here("models", "info", catalog_model, "--json").out)["heads"] is None
    put(small_model, "own")
    put(small_model, "other", weights="0" * 64)
    assert json.loads(here("models", "info", catalog_model, "--json").out)["heads"] == "head:own"
    assert "heads             head:own" in here("models", "info", catalog_model).out


def test_a_script_has_no_hidden_states(here: Call, script: str) -> None:
    result = here("solve", PROBLEM, "-m", script, "--verifier", "head")
    assert result.code == 2
    assert "no hidden states" in result.err
