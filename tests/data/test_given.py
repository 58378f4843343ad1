from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from train.fakes import make_rows

from ttcli.data.solutions import Given, read_given
from ttcli.errors import DatasetError
from ttcli.solution import Ended

ROWS = make_rows(3)


def write(path: Path, *lines: object) -> Path:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def row(index: object = 0, **fields: Any) -> dict[str, object]:
    return {"problem_index": index, "text": "So \\boxed{4}.", "finish": "stop", **fields}


def complaint(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_given(path, ROWS)
    assert caught.value.hint
    return str(caught.value)


def test_solutions_are_read_in_order_with_what_they_say_of_themselves(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", row(2, finish="length"), "", row(0, gold="4"), row(0, text="é"))
    found = read_given(path, ROWS)
    assert found.given == (
        Given(3, "So \\boxed{4}.", Ended.LENGTH),
        Given(1, "So \\boxed{4}.", Ended.STOP),
        Given(1, "é", Ended.STOP),
    )
    assert (found.name, found.sha256) == ("s.jsonl", hashlib.sha256(path.read_bytes()).hexdigest())


def test_how_a_text_ended_has_two_names_and_its_log_probability_one(tmp_path: Path) -> None:
    other = {"problem_index": 1, "text": "4", "ended": "length", "sum_logprob": -12.5}
    found = read_given(write(tmp_path / "s.jsonl", other, row(0, sum_logprob=0)), ROWS)
    assert [(each.ended, each.logprob) for each in found.given] == [(Ended.LENGTH, -12.5), (Ended.STOP, 0)]


def test_solutions_are_counted_problem_by_problem_and_those_of_other_problems_left_out(tmp_path: Path) -> None:
    found = read_given(write(tmp_path / "s.jsonl", row(1), row(0), row(1), row(99)), ROWS)
    assert [(at, number, each.line) for at, number, each in found.of(ROWS)] == [(1, 0, 2), (0, 0, 1), (1, 1, 2)]
    assert [(at, number) for at, number, _ in found.of(ROWS[1:])] == [(0, 0), (0, 1)]


def test_what_an_export_has_of_the_same_problems_are_solutions_too(tmp_path: Path) -> None:
    sample = {"type": "sample", "id": "x", "text": "4", "ended": "stop"}
    rows = [
        {**sample, "problem": ROWS[2].problem.text},
        {"type": "result", "problem": ROWS[0].problem.text, "answer": "4"},
        {**sample, "problem": "of another data set"},
        {"problem_index": 1, "text": "4", "type": "Algebra"},
        {**sample, "problem": ROWS[0].problem.text, "ended": "length"},
    ]
    found = read_given(write(tmp_path / "s.jsonl", *rows), ROWS)
    assert [(at, number, each.ended) for at, number, each in found.of(ROWS)] == [
        (2, 0, Ended.STOP),
        (1, 0, Ended.STOP),
        (0, 0, Ended.LENGTH),
    ]
    others = read_given(write(tmp_path / "o.jsonl", rows[2]), ROWS)
    with pytest.raises(DatasetError, match="has no solution of these 3 problems"):
        others.of(ROWS)


def test_no_solution_of_these_problems_is_an_error(tmp_path: Path) -> None:
    found = read_given(write(tmp_path / "s.jsonl", row(2)), ROWS)
    with pytest.raises(DatasetError, match=r"s\.jsonl has no solution of these 2 problems") as caught:
        found.of(ROWS[:2])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: Expecting property name"),
        ("[1]", "line 2: not a JSON object"),
        ("[" * 100_000, "line 2: "),
        (row(-1), "`problem_index` must be a whole number, 0 or more"),
        (row(True), "`problem_index` must be a whole number"),
        (row("0"), "`problem_index` must be a whole number"),
        ({"text": "x"}, "`problem_index` must be a whole number"),
        (row(text=None), "`text` must be text"),
        (row(sum_logprob=0.5), "`sum_logprob` must be a number, 0 at most"),
        (row(sum_logprob="-1"), "`sum_logprob` must be a number"),
        (row(sum_logprob=True), "`sum_logprob` must be a number"),
        ('{"problem_index": 0, "text": "x", "sum_logprob": NaN}', "`sum_logprob` must be a number"),
        ('{"problem_index": 0, "text": "x", "sum_logprob": -Infinity}', "`sum_logprob` must be a number"),
        ({"problem_index": 0, "text": "x", "sum_logprob": -(10**400)}, "`sum_logprob` must be a number"),
        (row(finish=["stop"]), "`finish` must be stop or length, not ['stop']"),
        (
            {"problem_index": 0, "text": "x", "finish": None, "ended": "cut"},
            "`ended` must be stop or length, not 'cut'",
        ),
        (row(finish="cut"), "`finish` must be stop or length, not 'cut'"),
        (row(gold="5"), "the answer is 5 here and 4 in the data set: they do not go together"),
    ],
)
def test_a_line_that_is_no_solution_is_named(tmp_path: Path, line: object, said: str) -> None:
    assert said in complaint(write(tmp_path / "s.jsonl", row(), line))


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    assert "cannot read" in complaint(tmp_path / "none.jsonl")
    assert "has no solution" in complaint(write(tmp_path / "empty.jsonl", ""))
    (tmp_path / "latin.jsonl").write_bytes(b'{"problem_index": 0, "text": "\xe9"}\n')
    assert "line 1" in complaint(tmp_path / "latin.jsonl")
