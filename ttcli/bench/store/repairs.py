"""What was put right in samples while they were drawn, by the id that a sample has in the store."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from ttcli.bench.store.database import Database
from ttcli.solution import Repair


def read_repairs(database: Database, samples: Collection[int]) -> Mapping[int, tuple[Repair, ...]]:
    """By the id of the sample, those that have some; none in a store of an earlier ttc that is only read."""
    if not database.read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'repair'"):
        return {}
    found = database.read(
        "SELECT sample, at, wrote, mended, dropped FROM repair "
        "WHERE sample IN (SELECT value FROM json_each(?)) ORDER BY sample, number",
        (json.dumps([*samples]),),
    )
    repairs: dict[int, tuple[Repair, ...]] = defaultdict(tuple)
    for sample, *told in found:
        repairs[sample] += (Repair(*told),)
    return repairs


def insert_repairs(db: sqlite3.Connection, sample: int, repairs: Sequence[Repair]) -> None:
    """Write them in a transaction that is open."""
    rows = [(sample, number, one.at, one.wrote, one.mended, one.dropped) for number, one in enumerate(repairs)]
    db.executemany("INSERT OR IGNORE INTO repair VALUES (?, ?, ?, ?, ?, ?)", rows)
