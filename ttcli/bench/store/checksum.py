"""Checksums of rows: a bit that a disk or a memory flips is to be seen, and not to become a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from ttcli.bench.store.database import Database


class Damage(NamedTuple):
    """A row that is not what was written."""

    row: str  # what it is, in words


def checksum(*values: object) -> str:
    """Of the values of a row; numbers that SQLite keeps as REAL are to be floats."""
    return hashlib.blake2b(repr(values).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def damaged(database: Database, run: str, source_key: str) -> Iterator[Damage]:
    """The rows that the figures of a run come from and that are not what was written; older rows are not known."""
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
            yield Damage(f"the result of {task} on problem {position + 1}")


def _damaged_samples(database: Database, run: str, source_key: str) -> Iterator[Damage]:
    where = (
        "FROM item JOIN problem ON problem.id = item.problem JOIN sample ON sample.problem = problem.id "
        "JOIN source ON source.id = sample.source AND source.key = ? {} WHERE item.run = ? AND {}.checksum IS NOT NULL"
    )
    columns = (
        "position, name, hash, temperature, seed, number, sample.steps, sample.answer, ended, sample.tokens, "
        "prompt_tokens, sample.seconds, sample.checksum"
    )
    query = f"SELECT {columns} {where.format('', 'sample')} ORDER BY position, number"
    for position, name, *values, written in database.read(query, (source_key, run)):
        if written != checksum(source_key, *values):
            yield Damage(f"sample {values[3] + 1} of {name} (problem {position + 1})")
    columns = (
        "position, name, hash, temperature, seed, number, verifier, score, rating.steps, rating.tokens, "
        "rating.seconds, rating.checksum"
    )
    query = f"SELECT {columns} {where.format('JOIN rating ON rating.sample = sample.id', 'rating')} ORDER BY position"
    for position, name, *values, written in database.read(query, (source_key, run)):
        if written != checksum(source_key, *values):
            yield Damage(f"the score of sample {values[3] + 1} of {name} (problem {position + 1})")


def has_column(database: Database, table: str, column: str) -> bool:
    """Whether a table of a store, which may be an older one that is only read, has a column."""
    return bool(database.read("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)))
