"""One odd thing among many is named and passed over: a row of the store, a head, a profile, a TOML beside a model."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from cli.calls import LINES, Call, write_script

METHODS = [
    *("--method", "majority", "--method", "best-of-n", "--method", "beam"),
    *("--verifier", "scripted", "--budget", "4"),
]
RUNS = "home/runs.sqlite3"


@pytest.fixture
def two(here: Call, clean: Path) -> str:
    """A store with two runs of two methods, one of them no vote over samples; its model."""
    model = write_script(clean / "script.json", [*[LINES[0]] * 6, LINES[1]])
    for number in (1, 2):
        row = {"problem": f"What is {number} + {number}?", "answer": "4"}
        (clean / f"d{number}.jsonl").write_text(json.dumps(row), encoding="utf-8")
        assert here("bench", f"d{number}.jsonl", "-m", model, "-q", *METHODS).code == 0
    return model


def change(clean: Path, command: str, *values: object) -> None:
    connection = sqlite3.connect(clean / RUNS)
    with connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(command, values).rowcount >= 1
    connection.close()


FIRST = "(SELECT id FROM run ORDER BY created LIMIT 1)"
ODD_RUNS = {
    "no JSON": f"UPDATE run SET config = '[' WHERE id = {FIRST}",
    "no object": f"UPDATE run SET config = '[]' WHERE id = {FIRST}",
    "a key of a newer ttc": f"UPDATE run SET config = json_set(config, '$.newer', 1) WHERE id = {FIRST}",
    "a key is missing": f"UPDATE run SET config = json_remove(config, '$.seed') WHERE id = {FIRST}",
    "another budget": f"UPDATE run SET config = json_set(config, '$.tasks[0][2]', 'x') WHERE id = {FIRST}",
}
ODD_ROWS = {
    "an outcome is no JSON": "UPDATE result SET outcome = '{' WHERE outcome IS NOT NULL",
    "an outcome is no object": "UPDATE result SET outcome = '3' WHERE outcome IS NOT NULL",
    "an outcome lacks a key": "UPDATE result SET outcome = json_remove(outcome, '$.cost') WHERE outcome IS NOT NULL",
    "steps are no JSON": "UPDATE sample SET steps = 'x' WHERE number = 0",
    "steps are no steps": "UPDATE sample SET steps = '[3]' WHERE number = 0",
    "an end is unknown": "UPDATE sample SET ended = 'bored' WHERE number = 0",
    "a rating is no JSON": "UPDATE rating SET steps = '{{'",
    "an event is no JSON": "UPDATE event SET event = '{' WHERE number = 0",
}
COMMANDS = [
    *(["runs", "list"], ["runs", "list", "--json"], ["runs", "show", "last"], ["runs", "show", "last", "--json"]),
    *(["runs", "export", "last"], ["report", "last"], ["compare", "last", "last"]),
]


@pytest.mark.parametrize("command", ODD_RUNS.values(), ids=ODD_RUNS)
def test_an_odd_run_is_named_and_the_others_are_as_ever(here: Call, clean: Path, two: str, command: str) -> None:
    change(clean, command)
    for arguments in COMMANDS:
        result = here(*arguments)
        assert result.code == 0, result.err
        assert [line.split(" in ")[0][:13] for line in result.err.splitlines()] == ["warning: run "], arguments
    assert len(json.loads(here("runs", "list", "--json").out)["runs"]) == 1
    for data in ("d1.jsonl", "d2.jsonl"):
        assert here("bench", data, "-m", two, "-q", *METHODS).code == 0
    assert here("runs", "list").err == ""  # the same command has mended it


@pytest.mark.parametrize("command", ODD_ROWS.values(), ids=ODD_ROWS)
def test_an_odd_row_is_named_and_the_others_are_as_ever(here: Call, clean: Path, two: str, command: str) -> None:
    change(clean, command)
    for arguments in COMMANDS:
        result = here(*arguments)
        told = [line for line in result.err.splitlines() if not line.startswith("warning: ")]
        assert all("is passed over" in line for line in result.err.splitlines() if line not in told)
        damaged = len(told) == 2 and "cannot be what was written" in told[0] and told[1].startswith("hint: ")
        assert (result.code, told) == (0, []) or (result.code == 1 and damaged), (arguments, result.err)
        assert result.out
    assert here("bench", "d1.jsonl", "-m", two, "-q", *METHODS).code == 0


def test_a_run_leaves_no_lock_behind(clean: Path, two: str) -> None:
    assert not list((clean / "home").glob("*.lock"))


def test_a_junk_profile_is_named_and_passed_over(here: Call, clean: Path, script: str) -> None:
    (clean / "home" / "profiles").mkdir(parents=True)
    (clean / "home" / "profiles" / "junk.toml").write_text("[[[", encoding="utf-8")
    (clean / "home" / "profiles" / "other.toml").write_text("version = 1\nname = 3", encoding="utf-8")
    (clean / "home" / "profiles" / "bytes.toml").write_bytes(b"\xff\xfe")
    result = here("solve", "2 + 2?", "-m", script)
    assert (result.code, result.out) == (0, "4\n")
    assert result.err.count("is passed over") == 3
    listed = here("profile", "list")
    assert listed.code == 0
    assert listed.err.count("is passed over") == 3


def test_a_junk_head_is_named_and_passed_over(clean: Path) -> None:
    from ttcli.runtime.heads import heads_for

    (clean / "home" / "heads").mkdir(parents=True)
    (clean / "home" / "heads" / "junk.safetensors").write_bytes(b"junk")
    told: list[str] = []
    assert heads_for("no such hash", told.append) == []
    assert [line.split(":")[0] for line in told] == ["warning"]
    assert "junk.safetensors" in told[0]


def test_a_toml_of_somebody_else_beside_a_model_says_nothing_of_it(clean: Path) -> None:
    from ttcli.catalog.stored import LocalModel, form_of

    local = LocalModel(clean / "m.gguf", None, "m")
    (clean / "m.toml").write_text("[tool.other]\nx = 1", encoding="utf-8")
    assert form_of(local) is None
