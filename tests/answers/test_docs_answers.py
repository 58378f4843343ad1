"""docs/answers.md says what is so: each row of its tables is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ttcli.answers import equivalent, extract_answer

PAGE = (Path(__file__).parents[2] / "docs" / "answers.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| ")]
PAIRS = [
    (answers[0], answers[1], verdict)
    for row in ROWS
    for verdict in row
    if verdict in {"same", "different"} and (answers := [cell for cell in row if cell.startswith("`")])
]
SOLUTIONS = [row for row in ROWS if len(row) == 2 and row[0].startswith("`")]


def code(cell: str) -> str:
    found = re.fullmatch("`([^`]+)`", cell)
    assert found is not None, cell
    return found[1].replace("⏎", "\n")


@pytest.mark.parametrize(("one", "other", "verdict"), PAIRS)
def test_answers_are_the_same_where_the_page_says_so(one: str, other: str, verdict: str) -> None:
    assert equivalent(code(one), code(other)) == (verdict == "same")
    assert equivalent(code(other), code(one)) == (verdict == "same")


@pytest.mark.parametrize(("solution", "answer"), SOLUTIONS)
def test_solutions_give_the_answers_that_the_page_says(solution: str, answer: str) -> None:
    assert extract_answer(code(solution)) == (None if answer == "nothing" else code(answer))


def test_every_table_of_the_page_is_read() -> None:
    verdicts = sum(line.count("| same |") + line.count("| different |") for line in PAGE.splitlines())
    assert len(PAIRS) == verdicts > 100
    assert len(SOLUTIONS) > 20
