"""The rows of a file, whatever its format: JSON lines, a JSON array, CSV or TSV, Parquet or Arrow."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

from ttcli.data.content import ARROW, ARROW_STREAM, FORMAT, PARQUET, Content, open_content
from ttcli.data.fields import QUESTIONS, BadRowError, Fields, plain
from ttcli.data.hub import HUB, hub_rows
from ttcli.errors import DatasetError

RowKind = Literal["line", "row"]

_MAX_CELL = 2**31 - 1  # characters; Python's csv stops at 131,072 if not told otherwise
_DELIMITERS = ",\t;"
_KNOWN = {plain(name) for name in QUESTIONS}
_BEGIN = re.compile(r"\S")
_DECODER = json.JSONDecoder()
_HEADER = "the first line must name the columns: question,answer or question,A,B,C,D,answer"


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a file as it stands there."""

    place: RowKind  # a line of JSON lines, a row of all else
    number: int  # from 1; the header of a table does not count
    content: Fields | BadRowError  # why it has no fields

    def fields(self) -> Fields:
        """Its fields; raises BadRowError where it has none."""
        if isinstance(self.content, BadRowError):
            raise self.content
        return self.content


def read_records(
    source: str, stdin: BinaryIO | None = None, columns: Collection[str] = ()
) -> Generator[Record, None, None]:
    """The rows of a file, or of stdin for "-", read as they are asked for where the format allows.

    What a file is its first bytes tell, and for CSV its first line too: JSON lines and tables come as a stream; a JSON
    array, an object with one list of objects in it, and objects that go over several lines are read whole. `hf:NAME` is
    a data set of the hub. A first line with one of these `columns` in it is the header of a table.

    Raises:
        DatasetError: a file that cannot be read, is no text, or is of another kind.
    """
    if source.startswith(HUB):
        for number, row in enumerate(hub_rows(source), 1):
            yield Record("row", number, row)
        return
    with open_content(source, stdin) as content:
        if content.head.startswith((PARQUET, ARROW, ARROW_STREAM)):
            yield from _columnar(content)
            return
        lines = content.lines()
        first = next(((number, line) for number, line in lines if line.strip()), None)
        if first is None:
            return
        if first[1].lstrip().startswith(("[", "{")):
            yield from _json(content, first, lines)
        elif (delimiter := _delimiter(source, first[1], columns)) is not None:
            yield from _table(content, chain([first], lines), delimiter, columns)
        else:
            yield from _json_lines(chain([first], lines))


def fields_of(text: str) -> Fields:
    """A row's fields; raises BadRowError where the line holds none."""
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRowError(f"not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in thousands of brackets
        raise BadRowError(f"not JSON that can be read: {error}") from error
    return _object(fields)


def _object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise BadRowError("not a JSON object")
    return value


def _json_lines(lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    for number, line in lines:
        if line.strip():
            content: Fields | BadRowError
            try:
                content = fields_of(line.rstrip("\n"))
            except BadRowError as error:
                content = error
            yield Record("line", number, content)


def _json(content: Content, first: tuple[int, str], lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    """Rows of JSON in whatever way they are put: see `read_records`."""
    if not _opens_a_whole(first[1]):
        yield from _json_lines(chain([first], lines))
        return
    rest = list(lines)
    values = _whole(content.where, first, rest)
    if values is None:
        yield from _json_lines(chain([first], rest))
        return
    for number, row in enumerate(values, 1):
        try:
            yield Record("row", number, _object(row))
        except BadRowError as error:
            yield Record("row", number, error)


def _opens_a_whole(line: str) -> bool:
    """Whether what begins with this line, the first, may be more than a row: an array, or an object that goes on."""
    try:
        values = _values(line)
    except json.JSONDecodeError as error:
        return line.lstrip().startswith("[") or error.pos >= len(line.rstrip())
    except (ValueError, RecursionError):
        return False
    return len(values) == 1 and (isinstance(values[0], list) or bool(_lists(values[0])))


def _whole(where: str, first: tuple[int, str], rest: Sequence[tuple[int, str]]) -> list[object] | None:
    """The rows of an array, of an object with one list of them, or objects over several lines; None: it is none."""
    number, line = first
    try:
        values = _values("".join(text for _, text in chain([first], rest)))
    except (ValueError, RecursionError) as error:
        if not line.lstrip().startswith("["):
            return None
        reason = str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} in line {number - 1 + error.lineno}"
        raise DatasetError(f"{where} begins as a JSON array and is none: {reason}", hint=FORMAT) from error
    if len(values) > 1:
        return values if all(isinstance(value, dict) for value in values) and not _lists(values[0]) else None
    if isinstance(values[0], list):
        return values[0]
    lists = _lists(values[0])
    if len(lists) > 1:
        hint = f"jq -c '.{next(iter(lists))}[]' FILE > FILE.jsonl takes one of them"
        raise DatasetError(f"{where} holds several lists: {', '.join(lists)}", hint=hint)
    return next(iter(lists.values()), values)


def _lists(value: object) -> dict[str, list[object]]:
    """The lists of objects in an object that is no row by itself."""
    if not isinstance(value, dict) or any(plain(name) in _KNOWN for name in value):
        return {}
    return {
        name: found for name, found in value.items() if isinstance(found, list) and found and isinstance(found[0], dict)
    }


def _values(text: str) -> list[object]:
    """The JSON values of a text, one behind the other; raises ValueError or RecursionError where it is no JSON."""
    values: list[object] = []
    end = 0
    while begin := _BEGIN.search(text, end):
        value, end = _DECODER.raw_decode(text, begin.start())
        values.append(value)
    return values


def _delimiter(source: str, line: str, columns: Collection[str]) -> str | None:
    """What separates the columns of a table with this first line; None where it is none.

    A table is what is called so, or has a header with a problem's column among others.
    """
    suffixes = [suffix.lower() for suffix in Path(source).suffixes if suffix.lower() != ".gz"]
    called = suffixes[-1] if source != "-" and suffixes else ""
    for delimiter in _DELIMITERS:
        names = _cells(line, delimiter)
        if len(names) > 1 and any(plain(name) in _KNOWN or name in columns for name in names):
            return delimiter
    return {".csv": ",", ".tsv": "\t"}.get(called)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _table(
    content: Content, lines: Iterator[tuple[int, str]], delimiter: str, columns: Collection[str]
) -> Iterator[Record]:
    """Rows of CSV or TSV, as Python's csv reads it (RFC 4180): a header, quotes doubled, line feeds within quotes."""
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, strict=True)
    try:
        names = next(reader)
        if not columns and not any(plain(name) in _KNOWN for name in names):
            raise DatasetError(f"{content.where} has no column of problems but {', '.join(names)}", hint=_HEADER)
        for name in names:
            if name and names.count(name) > 1:
                raise DatasetError(f"{content.where} has two columns `{name}`", hint="rename one in the first line")
        for number, cells in enumerate(filter(None, reader), 1):
            yield Record("row", number, _row(names, cells))
    except csv.Error as error:
        message = f"{content.where}, line {reader.line_num}: {error}"
        raise DatasetError(message, hint='a cell with " in it stands in quotes, with each " doubled') from error


def _row(names: Sequence[str], cells: Sequence[str]) -> Fields | BadRowError:
    if len(cells) != len(names):
        return BadRowError(f"{len(cells)} cells under {len(names)} names of columns")
    return {name: cell for name, cell in zip(names, cells, strict=True) if name}


def _columnar(content: Content) -> Iterator[Record]:
    """Rows of Parquet or Arrow, batch by batch.

    Raises:
        DatasetError: pyarrow is not installed, or cannot read the file.
    """
    kind = "Parquet" if content.head.startswith(PARQUET) else "Arrow"
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError(f"{kind} needs the package pyarrow", hint="pip install 'ttcli[parquet]'") from error
    source = pyarrow.BufferReader(content.read())
    try:
        if kind == "Parquet":
            batches = pyarrow.parquet.ParquetFile(source).iter_batches(batch_size=1024)
        elif content.head.startswith(ARROW):
            file = pyarrow.ipc.open_file(source)
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
        else:
            batches = iter(pyarrow.ipc.open_stream(source))
        for number, row in enumerate(chain.from_iterable(batch.to_pylist() for batch in batches), 1):
            yield Record("row", number, row)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DatasetError(f"{content.where} is broken {kind}: {error}", hint="fetch the file again") from error
