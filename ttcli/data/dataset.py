r"""Data sets: one problem with its reference answer per line of JSON, as GSM8K and MATH come.

GSM8K (Cobbe et al., 2021) writes `question` and `answer`, a worked solution that ends in `#### x`. MATH (Hendrycks et
al., 2021) writes `problem` and `solution`, which holds `\boxed{x}`; MATH-500 (Lightman et al., 2023) has `answer` too.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import json
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from ttcli.answers.extract import extract_answer
from ttcli.errors import DatasetError, UsageError
from ttcli.files.bounded import decompressed, read_file, read_stream
from ttcli.problem import Problem

T = TypeVar("T")

_GZIP = b"\x1f\x8b"
_MARKED = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])|####")  # a solution that says where its answer stands
_PLAIN = 1e16  # Python writes whole floats below it with a needless .0
_FORMAT = "a data set holds one JSON object per line, in UTF-8, gzipped or not"


@dataclass(frozen=True, slots=True)
class Row:
    """A problem and what its data set says about it."""

    problem: Problem  # with an id and a reference answer
    line: int  # from 1
    level: str | None
    subject: str | None


class BadRow(NamedTuple):
    """A row that cannot be used."""

    line: int  # from 1
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """The problems of one file, no two alike."""

    name: str  # of the file, without its folder; "stdin"
    rows: tuple[Row, ...]  # in order of the file, at least one
    bad: tuple[BadRow, ...]  # rows left out


def read_dataset(source: str, *, skip_bad: bool = False, stdin: BinaryIO | None = None) -> Dataset:
    r"""The data set in a file, or in stdin for "-"; gzip is recognised by its first bytes.

    A row has `problem` or `question`, and `answer` or `solution`. An answer with `\boxed{x}` or `#### x` in it is a
    worked solution and stands for x; any other is the reference as it is written. A solution counts only with such a
    mark. `id` or `unique_id` names the problem, the line number where it has neither. A row is bad too where it repeats
    an id or a problem that came before: the same text would draw the same candidates again.

    Raises:
        DatasetError: a file that cannot be read, is broken or has no usable row; a bad row, unless `skip_bad` leaves
            these out.
    """
    first_line: dict[tuple[str, str], int] = {}  # of an id or a text

    def read(line: int, text: str) -> Row:
        row = _row(line, text)
        _claim(row, first_line)
        return row

    rows, bad = read_rows(source, read, form=_FORMAT, skip_bad=skip_bad, stdin=stdin)
    name = Path(source).name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # to be kept as text
    return Dataset("stdin" if source == "-" else name, rows, bad)


def read_rows(
    source: str, read: Callable[[int, str], T], *, form: str, skip_bad: bool = False, stdin: BinaryIO | None = None
) -> tuple[tuple[T, ...], tuple[BadRow, ...]]:
    """What `read` makes of each line and its number, at least one, and the rows for which it raises BadRowError.

    Raises:
        DatasetError: as `read_dataset`; `form` says what rows should be like.
    """
    where = "stdin" if source == "-" else source
    rows: list[T] = []
    bad: list[BadRow] = []
    for line, text in read_lines(source, stdin):
        try:
            rows.append(read(line, text))
        except BadRowError as error:
            if not skip_bad:
                hint = "--skip-bad goes on without such rows"
                raise DatasetError(f"{where}, line {line}: {error}", hint=hint) from error
            bad.append(BadRow(line, str(error)))
    if not rows:
        reason = f"has no usable row; line {bad[0].line}: {bad[0].reason}" if bad else "is empty"
        raise DatasetError(f"{where} {reason}", hint=form)
    return tuple(rows), tuple(bad)


def read_lines(source: str, stdin: BinaryIO | None = None) -> Iterator[tuple[int, str]]:
    """Lines of a file, or of stdin for "-", that are not blank, with their numbers; gzip is recognised.

    Only a line feed ends a line, as in JSON lines.

    Raises:
        DatasetError: a file that cannot be read, or is no text.
    """
    where = "stdin" if source == "-" else source
    for number, line in enumerate(_content(source, stdin).removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise DatasetError(f"{where}, line {number}: not UTF-8 text", hint=_FORMAT) from error
        if text.strip():
            yield number, text


def select(
    rows: Sequence[Row], *, limit: int | None = None, sample: int | None = None, seed: int = 0
) -> tuple[Row, ...]:
    """The first `limit` rows, and of these `sample` drawn at random without replacement; in their order all the same.

    Which rows are drawn depends on the seed and the texts alone, and a larger sample contains the smaller one: problems
    that were solved for it need not be solved again.

    Raises:
        UsageError: a limit or sample below 1.
    """
    for option, number in (("--limit", limit), ("--sample", sample)):
        if number is not None and number < 1:
            raise UsageError(f"{option} must be at least 1, not {number}", hint=f"{option} 20")
    chosen = tuple(rows[:limit])
    if sample is None:
        return chosen
    lots = sorted(range(len(chosen)), key=lambda i: _lot(chosen[i].problem, seed))
    return tuple(chosen[i] for i in sorted(lots[:sample]))


def _lot(problem: Problem, seed: int) -> bytes:
    """A random number for the problem, the same anywhere."""
    return hashlib.blake2b(f"{seed} {problem.key}".encode(), digest_size=16).digest()


class BadRowError(Exception):
    """Why a row cannot be used; for a reader of rows to catch."""


def _content(source: str, stdin: BinaryIO | None) -> bytes:
    """All bytes, decompressed."""
    where = "stdin" if source == "-" else source
    try:
        content = read_stream(stdin or sys.stdin.buffer) if source == "-" else read_file(Path(source))
    except OSError as error:
        raise DatasetError(
            f"cannot read {where}: {error.strerror}", hint="name a .jsonl file, or - for stdin"
        ) from error
    if not content.startswith(_GZIP):
        return content
    try:
        return decompressed(content)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            raise DatasetError(f"cannot read {where}: {error.strerror}", hint="split it") from error
        raise DatasetError(f"{where} is broken gzip: {error}", hint="fetch the file again") from error


def _row(line: int, text: str) -> Row:
    fields = fields_of(text)
    names = (text_of(fields, name) for name in ("id", "unique_id", "unique-id"))
    name = next((name for name in names if name is not None), str(line))
    return Row(
        Problem(question_of(fields), name, reference_of(fields)),
        line,
        level=_remark(fields, "level"),
        subject=_remark(fields, "subject") or _remark(fields, "type"),
    )


def _claim(row: Row, first_line: dict[tuple[str, str], int]) -> None:
    """Note the row's id and text as taken, unless they are already."""
    claims = {("id", row.problem.id): f"the id {row.problem.id!r}", ("text", row.problem.text): "the same problem"}
    for claim, what in claims.items():
        if claim in first_line:
            raise BadRowError(f"{what} stands in line {first_line[claim]} already")
    first_line.update(dict.fromkeys(claims, row.line))


def fields_of(text: str) -> Mapping[str, object]:
    """A row's fields; raises BadRowError where the line holds none."""
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRowError(f"not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in thousands of brackets
        raise BadRowError(f"not JSON that can be read: {error}") from error
    if not isinstance(fields, dict):
        raise BadRowError("not a JSON object")
    return fields


def question_of(fields: Mapping[str, object]) -> str:
    """The problem of a row; raises BadRowError where it has none."""
    if (question := question_in(fields)) is None:
        raise BadRowError("no problem: `problem` or `question` must hold text")
    return question


def question_in(fields: Mapping[str, object]) -> str | None:
    """The problem of a row, where it has one."""
    texts = (text_of(fields, name) for name in ("problem", "question") if isinstance(fields.get(name), str))
    return next(filter(None, texts), None)


def reference_of(fields: Mapping[str, object]) -> str:
    """The reference answer of a row, as `read_dataset` has it; raises BadRowError where there is none."""
    for name in ("answer", "solution"):
        if (found := reference_in(fields, name, worked=name == "solution")) is not None:
            return found
    raise BadRowError(r"no answer: `answer` must hold it, or `solution` with \boxed{...} or ####")


def reference_in(fields: Mapping[str, object], name: str, *, worked: bool = False) -> str | None:
    r"""The answer that a field holds, as it is or in a worked solution with `\boxed{x}` or `#### x`; None for none.

    `worked`: the field holds nothing else than worked solutions.
    """
    text = text_of(fields, name)
    if text is None or (worked and not _MARKED.search(text)):
        return None
    return extract_answer(text) if _MARKED.search(text) else text


def text_of(fields: Mapping[str, object], name: str) -> str | None:
    """A field as text without white space around it; None where it is missing, null or blank."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
    elif type(value) is int or (isinstance(value, float) and math.isfinite(value)):
        text = str(int(value)) if abs(value) < _PLAIN and value == int(value) else repr(value)
    else:
        raise BadRowError(f"`{name}` is neither text nor a number")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRowError(f"`{name}` holds half of a surrogate pair, which is no text") from error
    return text or None


def _remark(fields: Mapping[str, object], name: str) -> str | None:
    """A field that no run depends on: what is no text is left out."""
    try:
        return text_of(fields, name)
    except BadRowError:
        return None
