"""Solutions to be verified: one with its problem per line of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from ttcli.data.dataset import BadRow, BadRowError, fields_of, question_of, read_lines, text_of
from ttcli.errors import DatasetError
from ttcli.problem import Problem

FORM = '{"problem": "What is 2 + 2?", "solution": "It is \\\\boxed{4}."}, one such object per line'


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
    where = "stdin" if source == "-" else source
    rows: list[Solution] = []
    bad: list[BadRow] = []
    for line, text in read_lines(source, stdin):
        try:
            rows.append(_solution(line, text))
        except BadRowError as error:
            if not skip_bad:
                hint = "--skip-bad goes on without such rows"
                raise DatasetError(f"{where}, line {line}: {error}", hint=hint) from error
            bad.append(BadRow(line, str(error)))
    if not rows:
        reason = f"has no usable row; line {bad[0].line}: {bad[0].reason}" if bad else "is empty"
        raise DatasetError(f"{where} {reason}", hint=FORM)
    return Solutions(tuple(rows), tuple(bad))


def _solution(line: int, text: str) -> Solution:
    fields = fields_of(text)
    solution = next((found for name in ("solution", "text") if (found := text_of(fields, name))), None)
    if solution is None:
        raise BadRowError("no solution: `solution` or `text` must hold it")
    name = text_of(fields, "id") or str(line)
    # without id and reference: what is known of a problem serves all its solutions
    return Solution(line, name, Problem(question_of(fields)), solution)
