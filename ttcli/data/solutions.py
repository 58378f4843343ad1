"""Solutions in files: with their problems, to be verified, or beside the data set they belong to, to learn from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ttcli.answers import is_correct
from ttcli.data.dataset import Row
from ttcli.data.fields import BadRowError, text_of
from ttcli.data.question import question_of
from ttcli.data.records import Record
from ttcli.data.rows import BadRow, read_rows
from ttcli.errors import DatasetError
from ttcli.files.bounded import read_file
from ttcli.problem import Problem
from ttcli.solution import Ended

FORM = '{"problem": "What is 2 + 2?", "solution": "It is \\\\boxed{4}."}, one such object per line'
_GIVEN_FORM = (
    '{"problem_index": 0, "text": "...", "finish": "stop"}, where problem_index counts the data set\'s lines from 0; '
    "or what `ttc runs export` writes of the same problems"
)
_ELSEWHERE = 0  # the line of a problem that is not among those asked for
_FINISH = ("finish", "ended")  # either says how a text ended
_LEAST = 1e9  # no text is less probable than e to the minus this
_ENDS = {"stop": Ended.STOP, "length": Ended.LENGTH}


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution as its file has it."""

    line: int  # from 1
    id: str  # the line number where the file gives none
    problem: Problem
    text: str


@dataclass(frozen=True, slots=True)
class Solutions:
    """The solutions of one file."""

    rows: tuple[Solution, ...]  # in order of the file, at least one
    bad: tuple[BadRow, ...]  # rows left out


def read_solutions(source: str, *, skip_bad: bool = False, stdin: BinaryIO | None = None) -> Solutions:
    """The solutions in a file, or in stdin for "-".

    A row has `problem` or `question`, and `solution` or `text`; `id` names it. Whatever else it has is left alone.

    Raises:
        DatasetError: a file that cannot be read or has no usable row; a bad row, unless `skip_bad` leaves these out.
    """
    return Solutions(*read_rows(source, _solution, form=FORM, skip_bad=skip_bad, stdin=stdin))


def _solution(record: Record) -> Solution:
    fields = record.fields()
    solution = next((found for name in ("solution", "text") if (found := text_of(fields, name))), None)
    if solution is None:
        raise BadRowError("no solution: `solution` or `text` must hold it")
    name = text_of(fields, "id") or str(record.number)
    # without id and reference: what is known of a problem serves all its solutions
    return Solution(record.number, name, Problem(question_of(fields)), solution)


@dataclass(frozen=True, slots=True)
class Given:
    """A solution as its file has it."""

    line: int  # of its problem in the data set, from 1; 0: that is not among those asked for
    text: str
    ended: Ended  # STOP or LENGTH
    logprob: float | None = None  # sum over its tokens at temperature 1, full vocabulary; None: the file does not say


@dataclass(frozen=True, slots=True)
class GivenSolutions:
    """A file of solutions."""

    name: str  # of the file, without its folder
    sha256: str
    given: tuple[Given, ...]  # in order of the file, at least one

    def of(self, rows: Sequence[Row]) -> list[tuple[int, int, Given]]:
        """Those of some problems, each with the position of its problem and its number there, both from 0.

        Raises:
            DatasetError: there are none.
        """
        position = {row.line: at for at, row in enumerate(rows)}
        counts = [0] * len(rows)
        found = []
        for each in self.given:
            if each.line in position:
                at = position[each.line]
                found.append((at, counts[at], each))
                counts[at] += 1
        if not found:
            raise DatasetError(f"{self.name} has no solution of these {len(rows)} problems", hint="a larger --limit")
        return found


def read_given(path: Path, rows: Sequence[Row]) -> GivenSolutions:
    """The solutions in a file, as `_GIVEN_FORM` shows: their problem is told by its line, counted from 0, or its text.

    Besides, `gold` must be what the data set has as the answer; `sum_logprob` is that of the text over its tokens,
    `ended` another word for `finish`.

    Raises:
        DatasetError: a file that cannot be read, is empty or has a line that is no solution of this data set.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}", hint=_GIVEN_FORM) from error
    known = {row.line: row for row in rows}
    lines = {row.problem.text: row.line for row in rows}
    given = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                given += _given(line, known, lines)
            except (ValueError, RecursionError) as error:
                raise DatasetError(f"{path}, line {number}: {error}", hint=_GIVEN_FORM) from error
    if not given:
        raise DatasetError(f"{path} has no solution", hint=_GIVEN_FORM)
    return GivenSolutions(path.name, hashlib.sha256(content).hexdigest(), tuple(given))


def _given(line: bytes, known: dict[int, Row], lines: dict[str, int]) -> list[Given]:
    """The solution of a row; none: an export has rows of other kinds too."""
    fields = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    if fields.get("type") == "result" and "problem_index" not in fields:
        return []
    index, text, logprob = fields.get("problem_index"), fields.get("text"), fields.get("sum_logprob")
    if index is None and isinstance(problem := fields.get("problem"), str):
        index = lines.get(problem, _ELSEWHERE) - 1
    elif type(index) is not int or index < 0:
        raise ValueError("`problem_index` must be a whole number, 0 or more")
    name, finish = next(((name, fields[name]) for name in _FINISH if fields.get(name) is not None), ("finish", "stop"))
    if not isinstance(text, str):
        raise ValueError("`text` must be text")
    if not isinstance(finish, str) or finish not in _ENDS:
        raise ValueError(f"`{name}` must be stop or length, not {finish!r}")
    if logprob is not None and not (type(logprob) in (int, float) and -_LEAST <= logprob <= 0):
        raise ValueError("`sum_logprob` must be a number, 0 at most")
    row = known.get(index + 1)
    gold = fields.get("gold")
    if row is not None and gold is not None and not is_correct(str(gold), row.problem.answer or ""):
        raise ValueError(f"the answer is {gold} here and {row.problem.answer} in the data set: they do not go together")
    return [Given(index + 1, text, _ENDS[finish], None if logprob is None else float(logprob))]
