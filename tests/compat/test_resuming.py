"""Old runs go on where they stopped, and new ones are written as the old ones were."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compat.calls import TIMES, Ttc, alike, expected, same
from compat.cases import AS_EVER, BENCHES, SEARCHES, SOLVES, VOTES

ADDED = ("answer_kind", "confidence")  # keys of a record that the old ones lack
# columns that no clock decides; verdicts on answers are a cache, and of a process that has judged others too
_TABLES = {
    "source": "id, key, recipe",
    "problem": "id, hash, text",
    "sample": "id, source, problem, temperature, seed, number, steps, answer, ended, tokens, prompt_tokens",
    "rating": "sample, verifier, score, steps, tokens",
    "run": "id, source, config",
    "item": "run, position, problem, name, line, reference, level, subject",
    "result": "run, position, task, outcome, error",
    "event": "run, position, task, number, event",
}


def _rows(store: Path, table: str) -> list[list[Any]]:
    columns = _TABLES[table]
    with closing(sqlite3.connect(store)) as db:
        return [[*row] for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}")]


def _counts(store: Path) -> dict[str, int]:
    return {table: len(_rows(store, table)) for table in _TABLES}


def _kept(row: list[Any]) -> Iterator[object]:
    """A row of a store with its JSON read, and with the text of that as far as no clock decides it."""
    for value in row:
        if isinstance(value, str) and value.startswith(("{", "[")):
            content = json.loads(value)
            yield content
            yield json.dumps(_timeless(content))  # the order of keys is that of old
        else:
            yield value


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: None if key in TIMES else _timeless(value) for key, value in content.items()}
    return [*map(_timeless, content)] if isinstance(content, list) else content


@pytest.mark.parametrize("run", AS_EVER)
def test_a_run_that_is_done_draws_nothing_new_and_tells_the_same(ttc: Ttc, old: Path, run: str) -> None:
    store = old / "runs.sqlite3"
    before = _counts(store)
    found = ttc(*BENCHES[run], "--store", "runs.sqlite3", "--json", "-q").text
    assert same(found, expected(f"resumed-{run}")), found
    assert _counts(store) == before


def test_a_run_of_searches_is_one_of_its_own_since_they_select_otherwise(ttc: Ttc, old: Path) -> None:
    store = old / "runs.sqlite3"
    before = {table: _rows(store, table) for table in ("run", "result", "event")}
    assert ttc(*BENCHES[SEARCHES], "--store", "runs.sqlite3", "--json", "-q").code == 0
    after = {table: _rows(store, table) for table in before}
    (new,) = [row for row in after["run"] if row not in before["run"]]
    for table in ("result", "event"):
        assert [row for row in after[table] if row[0] != new[0]] == before[table]
        assert [row for row in after[table] if row[0] == new[0]]


def test_a_new_store_holds_what_the_old_one_does_word_for_word(ttc: Ttc, old: Path) -> None:
    for run in AS_EVER:
        assert ttc(*BENCHES[run], "--store", "new.sqlite3", "--json", "-q").code == 0
    for table in ("run", "item", "result"):
        found, wanted = (
            [[*_kept(row)] for row in _rows(old / name, table) if row[0] in AS_EVER]
            for name in ("new.sqlite3", "runs.sqlite3")
        )
        assert found
        assert alike(found, wanted, but=TIMES), table


@pytest.mark.parametrize("cut", ["result", "sample"])
def test_a_run_that_was_broken_off_is_made_up_for(ttc: Ttc, old: Path, cut: str) -> None:
    store = old / "runs.sqlite3"
    before = _rows(store, "result")
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        # with all samples at hand, votes over them are read off, and kept no more
        db.execute("DELETE FROM result WHERE run = ?" + (" AND task = 'greedy@1'" if cut == "result" else ""), (VOTES,))
        if cut == "sample":
            db.execute("DELETE FROM sample")
        db.commit()
    assert ttc(*BENCHES[VOTES], "--store", "runs.sqlite3", "--json", "-q").code == 0
    found = [[*_kept(row)] for row in _rows(store, "result")]
    assert alike(found, [[*_kept(row)] for row in before], but=TIMES)


def test_a_profile_is_made_of_old_samples_and_they_suffice(ttc: Ttc, old: Path) -> None:
    before = _counts(old / "runs.sqlite3")["sample"]
    arguments = ("calibrate", *BENCHES[VOTES][1:4], "--verifier", "scripted", "--method", "majority")
    again = ("--method", "best-of-n", "-b", "4,8", "-o", "again", "--store", "runs.sqlite3", "-q")
    assert ttc(*arguments, *again).code == 0
    assert _counts(old / "runs.sqlite3")["sample"] == before
    found = tomllib.loads((old / "profiles" / "again.toml").read_text("utf-8"))
    assert alike(found, tomllib.loads(expected("again")), but=TIMES)


@pytest.mark.parametrize("name", ["vote", "revised"])
def test_a_problem_is_solved_and_recorded_as_it_was(ttc: Ttc, old: Path, name: str) -> None:
    found, wanted = ttc(*SOLVES[name]), (old / f"{name}.json").read_text("utf-8")
    assert found.code == 0
    again, before = (json.loads(text) for text in (found.out, wanted))
    since = [again.pop(key) for key in ADDED]
    assert alike(again, before, but=TIMES), found.out
    assert [*again] == [*before]
    assert len(since) == len(ADDED)
