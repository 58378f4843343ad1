"""Checksums of rows: a bit that a disk or a memory flips is to be seen, and not to become a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ttcli.bench.store.database import Database

# table, columns that are summed, order, and a row in words, by its number and values
_OF_RUNS: tuple[tuple[str, str, str, Callable[[int, Sequence[Any]], str]], ...] = (
    (
        *("result", "position, task, outcome, error", "position, task"),
        lambda _, values: f"the result of {values[1]} on problem {values[0] + 1}",
    ),
    (
        *("event", "position, task, number, event", "position, task, number"),
        lambda _, values: f"event {values[2] + 1} of {values[1]} on problem {values[0] + 1}",
    ),
    (
        *("load", "at, seconds, decodes, rows, open, waiting, width", "rowid"),
        lambda number, _: f"row {number + 1} of how full the batch was",
    ),
)


def checksum(*values: object) -> str:
    """Of the values of a row; numbers that SQLite keeps as REAL are to be floats."""
    return hashlib.blake2b(repr(values).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def damaged(database: Database, run: str, source_key: str) -> Iterator[str]:
    """The rows, in words, behind the figures of a run that are not what was written; older ones: unknown."""
    if not has_column(database, "sample", "checksum"):
        return
    yield from _damaged_samples(database, run, source_key)
    for table, columns, order, told in _OF_RUNS:
        if not has_column(database, table, "checksum"):
            continue
        rows = database.read(
            f"SELECT {columns}, checksum FROM {table} WHERE run = ? AND checksum IS NOT NULL ORDER BY {order}", (run,)
        )
        for number, (*values, written) in enumerate(rows):
            if written != checksum(*values):
                yield told(number, values)


def _damaged_samples(database: Database, run: str, source_key: str) -> Iterator[str]:
    """Samples, and what verifiers say of them."""
    tables = (
        ("sample", "", "sample.steps, sample.answer, ended, sample.tokens, prompt_tokens, sample.seconds", "sample"),
        (
            "rating",
            "JOIN rating ON rating.sample = sample.id",
            "verifier, score, rating.steps, rating.tokens, rating.seconds",
            "the score of sample",
        ),
    )
    for table, join, columns, what in tables:
        rows = database.read(
            f"SELECT position, name, hash, temperature, seed, number, {columns}, {table}.checksum "
            "FROM item JOIN problem ON problem.id = item.problem JOIN sample ON sample.problem = problem.id "
            f"JOIN source ON source.id = sample.source AND source.key = ? {join} "
            f"WHERE item.run = ? AND {table}.checksum IS NOT NULL ORDER BY position, number",
            (source_key, run),
        )
        for position, name, *values, written in rows:
            if written != checksum(source_key, *values):
                yield f"{what} {values[3] + 1} of {name} (problem {position + 1})"


def has_column(database: Database, table: str, column: str) -> bool:
    """Whether a table of a store, which may be an older one that is only read, has a column."""
    return bool(database.read("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)))
