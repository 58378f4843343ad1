"""Checksums of rows: a bit that a disk or a memory flips is to be seen, and not to become a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ttcli.bench.store.database import Database


def checksum(*values: object) -> str:
    """Of the values of a row; numbers that SQLite keeps as REAL are to be floats."""
    return hashlib.blake2b(repr(values).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def damaged(database: Database, run: str, source_key: str) -> Iterator[str]:
    """The rows, in words, behind the figures of a run that are not what was written; older ones: unknown."""
    if not has_column(database, "sample", "checksum"):
        return
    yield from _damaged_samples(database, run, source_key)
    rows = database.read(
        "SELECT position, task, outcome, error, checksum FROM result WHERE run = ? AND checksum IS NOT NULL "
        "ORDER BY position, task",
        (run,),
    )
    for position, task, outcome, error, written in rows:
        if written != checksum(position, task, outcome, error):
            yield f"the result of {task} on problem {position + 1}"
    if has_column(database, "event", "checksum"):
        yield from _damaged_events(database, run)


def _damaged_events(database: Database, run: str) -> Iterator[str]:
    """How methods went, and how full the batch was."""
    rows = database.read(
        "SELECT position, task, number, event, checksum FROM event WHERE run = ? AND checksum IS NOT NULL "
        "ORDER BY position, task, number",
        (run,),
    )
    for position, task, number, event, written in rows:
        if written != checksum(position, task, number, event):
            yield f"event {number + 1} of {task} on problem {position + 1}"
    loads = database.read(
        "SELECT at, seconds, decodes, rows, open, waiting, width, checksum FROM load WHERE run = ? "
        "AND checksum IS NOT NULL ORDER BY rowid",
        (run,),
    )
    for number, (*values, written) in enumerate(loads):
        if written != checksum(*values):
            yield f"row {number + 1} of how full the batch was"


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
