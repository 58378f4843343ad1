r"""Data sets: problems with their reference answers, in the shapes in which people have them.

`records` reads the rows of a file, `question` and `options` make a problem of a row, `reference` its answer. GSM8K
(Cobbe et al., 2021) writes `question` and `answer`, a worked solution that ends in `#### x`. MATH (Hendrycks et al.,
2021) writes `problem` and `solution`, which holds `\boxed{x}`; MATH-500 (Lightman et al., 2023) has `answer` too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ttcli.data.content import FORMAT
from ttcli.data.fields import BadFileError, BadRowError, Fields, text_of
from ttcli.data.options import Way
from ttcli.data.question import asked
from ttcli.data.records import Place, Record, read_records
from ttcli.data.reference import reference
from ttcli.errors import DatasetError, UsageError
from ttcli.problem import Problem

_IDS = ("id", "unique_id", "record_id")


@dataclass(frozen=True, slots=True)
class Row:
    """A problem and what its data set says about it."""

    problem: Problem  # with an id and a reference answer
    line: int  # from 1; the number of the row where the file is no JSON lines
    level: str | None
    subject: str | None


class BadRow(NamedTuple):
    """A row that cannot be used."""

    line: int  # from 1
    reason: str
    place: Place = "line"  # what the number counts


@dataclass(frozen=True, slots=True)
class Dataset:
    """The problems of one file, no two alike."""

    name: str  # of the file, without its folder; "stdin"
    rows: tuple[Row, ...]  # in order of the file, at least one
    bad: tuple[BadRow, ...]  # rows left out
    left_out: tuple[str, ...] = ()  # columns that look like part of the questions and are none, with values that vary


def read_dataset(
    source: str, *, skip_bad: bool = False, limit: int | None = None, stdin: BinaryIO | None = None
) -> Dataset:
    """The data set in a file, or in stdin for "-"; of it the first `limit` rows that can be used, and no more is read.

    `id`, `unique id` or `record id` names the problem, the number of its line or row where it has none, or `line 3`
    where another row is named 3. A row is bad where it asks nothing or has no reference answer, and too where it
    repeats an id or a problem that came before: the same text would draw the same candidates again.

    Raises:
        UsageError: a limit below 1.
        DatasetError: a file that cannot be read, is broken or has no usable row; a bad row, unless `skip_bad` leaves
            these out; answers that are now the index of an option and now its text.
    """
    _check("--limit", limit)
    where = "stdin" if source == "-" else source
    rows = _Rows()
    with closing(read_records(source, stdin)) as records:
        for record in records:
            try:
                rows.add(record)
            except BadRowError as error:
                message = f"{where}, {record.place} {record.number}: {error}"
                if isinstance(error, BadFileError):
                    raise DatasetError(message, hint=error.hint) from error
                if not skip_bad:
                    raise DatasetError(message, hint="--skip-bad goes on without such rows") from error
                rows.bad.append(BadRow(record.number, str(error), record.place))
            if limit is not None and len(rows.rows) >= limit:
                break
    if not rows.rows:
        first = rows.bad[0] if rows.bad else None
        reason = f"has no usable row; {first.place} {first.line}: {first.reason}" if first else "is empty"
        raise DatasetError(f"{where} {reason}", hint=FORMAT)
    return Dataset("stdin" if source == "-" else Path(source).name, rows.named(), tuple(rows.bad), rows.left_out())


class _Rows:
    """What is known of the rows of a file so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.bad: list[BadRow] = []
        self._place: Place = "line"
        self._first: dict[tuple[str, str], int] = {}  # place of an id or a text
        self._ways: dict[Way, int] = {}  # place where an answer was first so
        self._values: dict[str, list[object]] = {}  # of columns left out: the first value, and one that differs

    def add(self, record: Record) -> None:
        """Take a row in; raises BadRowError, and changes nothing, where it cannot be used."""
        fields = record.fields()
        problem = asked(fields)
        answer = reference(fields, problem)
        name = next((found for each in _IDS if (found := text_of(fields, each)) is not None), None)
        claims = {("text", problem.text): "the same problem"}
        if name is not None:
            claims["id", name] = f"the id {name!r}"
        for claim, what in claims.items():
            if claim in self._first:
                raise BadRowError(f"{what} stands in {record.place} {self._first[claim]} already")
        self._check_way(answer.way, record)
        self._first.update(dict.fromkeys(claims, record.number))
        self._place = record.place
        for column, value in problem.left_out.items():
            values = self._values.setdefault(column, [])
            if len(values) < 2 and value not in values:
                values.append(value)
        self.rows.append(
            Row(
                Problem(problem.text, name or "", answer.text),
                record.number,
                level=_remark(fields, "level"),
                subject=_remark(fields, "subject") or _remark(fields, "type"),
            )
        )

    def _check_way(self, way: Way | None, record: Record) -> None:
        """Numbers that are the text of an option here and its index there are one of them everywhere, and which?"""
        if way is None:
            return
        self._ways.setdefault(way, record.number)
        if len(self._ways) > 1:
            index, text = self._ways["index"], self._ways["text"]
            reason = f"the answer is an option's text in {record.place} {text} and may be its index in {index}"
            raise BadFileError(reason, "write the letters of the options")

    def named(self) -> tuple[Row, ...]:
        """The rows, those without an id named by their number, or by more where that is the id of another."""
        named = []
        for row in self.rows:
            name = row.problem.id or str(row.line)
            while not row.problem.id and ("id", name) in self._first:
                name = f"{self._place} {name}"
            named.append(replace(row, problem=replace(row.problem, id=name)))
        return tuple(named)

    def left_out(self) -> tuple[str, ...]:
        """Columns that look like part of the questions and are none, where they say more than one thing."""
        return tuple(name for name, values in self._values.items() if len(values) > 1 or len(self.rows) == 1)


def select(
    rows: Sequence[Row], *, limit: int | None = None, sample: int | None = None, seed: int = 0
) -> tuple[Row, ...]:
    """The first `limit` rows, and of these `sample` drawn at random without replacement; in their order all the same.

    Which rows are drawn depends on the seed and the texts alone, and a larger sample contains the smaller one: problems
    that were solved for it need not be solved again.

    Raises:
        UsageError: a limit or sample below 1.
    """
    _check("--limit", limit)
    _check("--sample", sample)
    chosen = tuple(rows[:limit])
    if sample is None:
        return chosen
    lots = sorted(range(len(chosen)), key=lambda i: _lot(chosen[i].problem, seed))
    return tuple(chosen[i] for i in sorted(lots[:sample]))


def _lot(problem: Problem, seed: int) -> bytes:
    """A random number for the problem, the same anywhere."""
    return hashlib.blake2b(f"{seed} {problem.key}".encode(), digest_size=16).digest()


def _check(option: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise UsageError(f"{option} must be at least 1, not {number}", hint=f"{option} 20")


def _remark(fields: Fields, name: str) -> str | None:
    """A field that no run depends on: what is no text is left out."""
    try:
        return text_of(fields, name)
    except BadRowError:
        return None
