r"""Data sets: problems with their reference answers, in the shapes in which people have them.

`records` reads the rows of a file, `question` and `options` make a problem of a row, `reference` its answer. GSM8K
(Cobbe et al., 2021) writes `question` and `answer`, a worked solution that ends in `#### x`. MATH (Hendrycks et al.,
2021) writes `problem` and `solution`, which holds `\boxed{x}`; MATH-500 (Lightman et al., 2023) has `answer` too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ttcli.data.columns import Columns
from ttcli.data.content import FORMAT
from ttcli.data.fields import BadFileError, BadRowError, Fields, text_of
from ttcli.data.hub import HUB
from ttcli.data.options import Way
from ttcli.data.question import asked
from ttcli.data.records import Record, RowKind
from ttcli.data.reference import reference
from ttcli.data.rows import BadRow, read_rows
from ttcli.errors import UsageError
from ttcli.problem import Problem

_IDS = ("id", "unique_id", "record_id")


@dataclass(frozen=True, slots=True)
class Row:
    """A problem and what its data set says about it."""

    problem: Problem  # with an id and, where it is to be graded, a reference answer
    line: int  # from 1; the number of the row where the file is no JSON lines
    level: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """The problems of one file, no two alike."""

    name: str  # of the file, without its folder; "stdin"
    rows: tuple[Row, ...]  # in order of the file, at least one
    bad: tuple[BadRow, ...]  # rows left out
    left_out: tuple[str, ...] = ()  # columns that look like part of the questions and are none, with values that vary


def read_dataset(
    source: str,
    *,
    graded: bool = True,
    skip_bad: bool = False,
    limit: int | None = None,
    stdin: BinaryIO | None = None,
    columns: str | None = None,
) -> Dataset:
    """The data set in a file, or in stdin for "-"; of it the first `limit` rows that can be used, and no more is read.

    `id`, `unique id` or `record id` names the problem, the number of its line or row where it has none, or `line 3`
    where another row is named 3. A row is bad where it asks nothing or has no reference answer, and too where it
    repeats an id or a problem that came before: the same text would draw the same candidates again. Where they are not
    to be `graded`, rows need no reference answers, and have none. `columns` says which are what, as `--map` does.

    Raises:
        UsageError: a limit below 1.
        DatasetError: a file that cannot be read, is broken or has no usable row; a bad row, unless `skip_bad` leaves
            these out; answers that are now the index of an option and now its text.
    """
    _check("--limit", limit)
    known = _RowReader(graded=graded)
    named = Columns.parse(columns)
    rows, bad = read_rows(source, known.read, form=FORMAT, skip_bad=skip_bad, limit=limit, stdin=stdin, columns=named)
    if source.startswith(HUB):
        return Dataset(source, known.named(rows), bad, known.left_out())
    name = Path(source).name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # to be kept as text
    return Dataset("stdin" if source == "-" else name, known.named(rows), bad, known.left_out())


class _RowReader:
    """What is known of the rows of a file so far."""

    def __init__(self, *, graded: bool) -> None:
        self._graded = graded
        self._place: RowKind = "line"
        self._first: dict[tuple[str, str], int] = {}  # place of an id or a text
        self._ways: dict[Way, int] = {}  # place where an answer was first so
        self._read = 0  # rows that can be used
        self._values: dict[str, list[object]] = {}  # of columns left out: the first value, and one that differs

    def read(self, record: Record) -> Row:
        """A row, its name "" where it has none; raises BadRowError, and changes nothing, where it cannot be used."""
        fields = record.fields()
        problem = asked(fields)
        answer = reference(fields, problem) if self._graded else None
        name = next((found for each in _IDS if (found := text_of(fields, each)) is not None), None)
        claims = {("text", problem.text): "the same problem"}
        if name is not None:
            claims["id", name] = f"the id {name!r}"
        for claim, what in claims.items():
            if claim in self._first:
                raise BadRowError(f"{what} stands in {record.place} {self._first[claim]} already")
        self._check_way(answer.way if answer else None, record)
        self._first.update(dict.fromkeys(claims, record.number))
        self._place = record.place
        for column, value in problem.left_out.items():
            values = self._values.setdefault(column, [])
            if len(values) < 2 and value not in values:
                values.append(value)
        self._read += 1
        return Row(
            Problem(problem.text, name or "", answer.text if answer else None),
            record.number,
            level=_remark(fields, "level"),
            subject=_remark(fields, "subject") or _remark(fields, "type"),
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

    def named(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        """The rows, those without an id named by their number, or by more where that is the id of another."""
        named = []
        for row in rows:
            name = row.problem.id or str(row.line)
            while not row.problem.id and ("id", name) in self._first:
                name = f"{self._place} {name}"
            named.append(replace(row, problem=replace(row.problem, id=name)))
        return tuple(named)

    def left_out(self) -> tuple[str, ...]:
        """Columns that look like part of the questions and are none, where they say more than one thing."""
        return tuple(name for name, values in self._values.items() if len(values) > 1 or self._read == 1)


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
