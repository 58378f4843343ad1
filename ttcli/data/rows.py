"""The rows of a file that can be used, and those that cannot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO, NamedTuple, TypeVar

from ttcli.data.columns import Columns
from ttcli.data.fields import BadFileError, BadRowError
from ttcli.data.records import Record, RowKind, read_records
from ttcli.errors import DatasetError

T = TypeVar("T")
_AS_THEY_ARE = Columns()


class BadRow(NamedTuple):
    """A row that cannot be used."""

    line: int  # from 1
    reason: str
    place: RowKind = "line"  # what the number counts


def read_rows(
    source: str,
    read: Callable[[Record], T],
    *,
    form: str,
    skip_bad: bool = False,
    limit: int | None = None,
    stdin: BinaryIO | None = None,
    columns: Columns = _AS_THEY_ARE,
) -> tuple[tuple[T, ...], tuple[BadRow, ...]]:
    """What `read` makes of each record, at least one and the first `limit`, and those for which it raises BadRowError.

    Raises:
        DatasetError: a file that cannot be read, is broken or has no usable row (`form` says what rows should be like);
            a bad row, unless `skip_bad` leaves these out; a BadFileError in any case.
    """
    where = "stdin" if source == "-" else source
    rows: list[T] = []
    bad: list[BadRow] = []
    with closing(read_records(source, stdin, columns.names.values())) as records:
        for record in records:
            try:
                rows.append(read(record if not columns.names else replace(record, content=columns.of(record.fields()))))
            except BadRowError as error:
                message = f"{where}, {record.place} {record.number}: {error}"
                if isinstance(error, BadFileError):
                    raise DatasetError(message, hint=error.hint) from error
                if not skip_bad:
                    raise DatasetError(message, hint="--skip-bad goes on without such rows") from error
                bad.append(BadRow(record.number, str(error), record.place))
            if limit is not None and len(rows) >= limit:
                break
    if not rows:
        reason = f"has no usable row; {bad[0].place} {bad[0].line}: {bad[0].reason}" if bad else "is empty"
        raise DatasetError(f"{where} {reason}", hint=form)
    return tuple(rows), tuple(bad)
