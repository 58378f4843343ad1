"""What was put right in a sample is kept with it, and so is what that took."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.builder import Made, make_rows
from bench.store.test_thoughts import kept
from ttcli.bench.figures.candidates import first_candidates
from ttcli.bench.report.export import rows
from ttcli.bench.store import schema
from ttcli.bench.store.sample import Sample, SampleKey
from ttcli.bench.store.store import Store
from ttcli.seams import Extension
from ttcli.solution import Ended, Prefix, Repair, Step

ROWS = make_rows(1)
CONFIG = Made(ROWS).config
PROBLEM = ROWS[0].problem
REPAIRS = (Repair(9, "70", "60", ". So it"), Repair(20, "5", "4", ""))


def mended(number: int, *repairs: Repair) -> Sample:
    steps = (Step("12 x 5 = 60.\n\n", 7, -0.5), Step("It is \\boxed{4}.", 3, -0.25))
    prefix = Prefix(PROBLEM, 1, 60, steps, Ended.STOP, repairs=repairs)
    return Sample.of(SampleKey(0.8, 0, number), Extension(0, prefix, 10 + 4 * len(repairs), 0, 0.5))


def test_repairs_come_back_with_the_tokens_that_they_took(tmp_path: Path) -> None:
    told = [mended(0, *REPAIRS), mended(1), mended(2, REPAIRS[0])]
    found = kept(tmp_path / "runs.sqlite3", *told)
    assert found == told
    assert [(each.repairs, each.tokens) for each in found] == [(REPAIRS, 18), ((), 10), (REPAIRS[:1], 14)]
    assert found[0].on(Prefix(PROBLEM, 0)).repairs == REPAIRS


def test_candidates_and_rows_of_a_run_say_where_they_were_mended(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    kept(path, mended(0, *REPAIRS), mended(1))
    with Store(path, readonly=True) as store:
        first, second = first_candidates(store, CONFIG, PROBLEM.text, "", 2)
        (run,) = store.runs()
        exported = [row for row in rows(store, run) if row["type"] == "sample"]
    assert (first.repairs, second.repairs) == (REPAIRS, ())
    assert exported[0]["repaired"] == 2
    assert exported[0]["repairs"][0] == {"at": 9, "wrote": "70", "mended": "60", "dropped": ". So it"}
    assert exported[0]["tokens"] == 18
    assert "repaired" not in exported[1]


def test_a_store_of_an_earlier_ttc_has_no_repairs(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    kept(path, mended(0))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE repair")
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) - 1}")
    with Store(path, readonly=True) as store:
        (found,), _ = store.samples(CONFIG).of(PROBLEM.text, {})
    assert found.repairs == ()
