"""One SQLite file that several processes may write at once, with its failures in words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ttcli.bench.store.schema import check, migrate
from ttcli.errors import StoreError, TtcError

_PATIENCE = 60.0  # seconds to wait for another process that writes
ODD = (AttributeError, KeyError, RecursionError, TypeError, ValueError, TtcError)  # what reading an odd row may raise
_HINT = "--store FILE keeps it elsewhere"


class Database:
    """An open file; `notice` is told of what it holds that cannot be read.

    Raises:
        StoreError: it cannot be used; every method raises it where the disk or the file fails.
    """

    def __init__(self, path: Path, *, readonly: bool = False, notice: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._notice = notice
        self._noticed: set[str] = set()
        if readonly and not path.is_file():
            raise StoreError(f"there is no store {path}", hint="ttc bench makes one")
        with self.errors():
            self._connection = self._open(readonly=readonly)

    def pass_over(self, what: str, reason: object) -> None:
        """Tell, once, of something in the file that this ttc cannot read and goes on without."""
        if what not in self._noticed:
            self._noticed.add(what)
            self._notice(f"warning: {what} in {self.path} is passed over: {reason}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of the block is kept, or nothing."""
        with self.errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what goes wrong with the file in the block as a StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
            message = {
                sqlite3.SQLITE_FULL: f"the disk is full: {self.path} cannot grow; what it holds is kept",
                sqlite3.SQLITE_READONLY: f"{self.path} cannot be written",
                sqlite3.SQLITE_CANTOPEN: f"{self.path} cannot be opened",
                sqlite3.SQLITE_NOTADB: f"{self.path} is no store of ttc",
                sqlite3.SQLITE_BUSY: f"{self.path} has been kept busy by another process for {_PATIENCE:.0f} s",
            }.get(code, f"{self.path}: {error}")
            hint = "free some space" if code == sqlite3.SQLITE_FULL else _HINT
            raise StoreError(message, hint=hint) from error
        except OSError as error:
            raise StoreError(f"{self.path} cannot be used: {error.strerror or error}", hint=_HINT) from error

    def _open(self, *, readonly: bool) -> sqlite3.Connection:
        if readonly:
            return self._open_to_read()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(str(self.path)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection, str(self.path))
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")  # in WAL a killed process loses nothing it committed
        return connection

    def _open_to_read(self) -> sqlite3.Connection:
        uri = self.path.absolute().as_uri() + "?mode=ro"
        try:
            with _opened(uri, uri=True) as connection:
                check(connection, str(self.path))
        except sqlite3.OperationalError:  # where WAL's companion files cannot be made, on a read-only disk
            with _opened(f"{uri}&immutable=1", uri=True) as connection:
                check(connection, str(self.path))
        return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a store to WAL; SQLite itself does not wait for another process that is about to write to a new one."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _opened(name: str, *, uri: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that stays open unless the block fails."""
    connection = sqlite3.connect(name, uri=uri, timeout=_PATIENCE, isolation_level=None)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
