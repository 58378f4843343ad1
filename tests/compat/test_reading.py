"""What was printed of the old files is printed of them still."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.calls import Ttc, expected, same, told
from compat.cases import CASES, REPORTS


@pytest.mark.parametrize("name", CASES)
def test_the_old_files_are_told_as_they_were(ttc: Ttc, name: str) -> None:
    found, wanted = ttc(*CASES[name]).text, expected(name)
    assert found == wanted or same(found, wanted), found


@pytest.mark.parametrize("run", REPORTS)
def test_a_report_tells_of_every_problem_and_step_what_it_told(ttc: Ttc, old: Path, run: str) -> None:
    assert (
        ttc("report", run, "-o", "report.html", "--store", "runs.sqlite3").text == "exit 0\n--- stdout\n"
        "report.html\n--- stderr\n"
    )
    assert same(told((old / "report.html").read_text("utf-8")), expected(f"report-{run}"))


def test_an_export_into_a_file_is_the_one_on_stdout(ttc: Ttc, old: Path) -> None:
    case = CASES["export-03c55981"]
    assert ttc(*case, "-o", "rows.jsonl").code == 0
    assert (old / "rows.jsonl").read_text("utf-8") == ttc(*case).out
