"""What samples thought before they spoke, and how sure the model was of each token, where that was asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from ttcli.bench.store.database import Database
from ttcli.solution import Step
from ttcli.thought import Thought

_DIGITS = 3  # of a certainty, behind the point


class StoredThought(NamedTuple):
    """What is kept beside the steps of a sample."""

    thought: Thought | None
    certainty: tuple[tuple[float, ...], ...] = ()  # of each step

    def onto(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The steps with how sure the model was of their tokens."""
        if len(self.certainty) != len(steps):
            return tuple(steps)
        return tuple(replace(step, certainty=own) for step, own in zip(steps, self.certainty, strict=True))


NO_THOUGHT = StoredThought(None)


def read_thoughts(database: Database, samples: Collection[int]) -> dict[int, StoredThought]:
    """By the id of the sample; none in a store of an earlier ttc that is only read."""
    if not database.read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'thought'"):
        return {}
    found = database.read(
        "SELECT sample, text, tokens, logprob, closed, forced, certainty FROM thought "
        "WHERE sample IN (SELECT value FROM json_each(?))",
        (json.dumps([*samples]),),
    )
    return {row: _thought(*values) for row, *values in found}


def insert_thought(db: sqlite3.Connection, sample: int, thought: Thought | None, steps: Sequence[Step]) -> None:
    """Write them in a transaction that is open; nothing where there is neither."""
    own = thought.certainty if thought else ()
    certainty = [_rounded(part) for part in (own, *(step.certainty for step in steps))]
    if thought is None and not any(certainty):
        return
    told = (thought.text, thought.tokens, thought.logprob, thought.closed, thought.forced) if thought else [None] * 5
    kept = json.dumps(certainty) if any(certainty) else None
    db.execute("INSERT OR IGNORE INTO thought VALUES (?, ?, ?, ?, ?, ?, ?)", (sample, *told, kept))


def _thought(
    text: str | None, tokens: int, logprob: float | None, closed: int, forced: int, certainty: str | None
) -> StoredThought:
    own, *steps = (tuple(part) for part in json.loads(certainty)) if certainty else [()]
    if text is None:
        return StoredThought(None, tuple(steps))
    return StoredThought(Thought(text, tokens, logprob, bool(closed), forced, own), tuple(steps))


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]
