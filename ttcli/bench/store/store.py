"""Where runs live: one file, written as results come, so that whatever ends a bench loses only what was in flight."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from ttcli.bench.store.checksum import checksum, damaged
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.database import ODD, Database
from ttcli.bench.store.sample import Rating, Sample
from ttcli.bench.store.samples import Samples, Verdicts, problem_id
from ttcli.bench.store.states import States
from ttcli.bench.store.task import Failed, Finished, Happened, News, Record, Task
from ttcli.data.dataset import Row
from ttcli.errors import StoreError
from ttcli.events import TokenEvent
from ttcli.problem import Problem
from ttcli.record.encode import event_record, outcome_record


class Run(NamedTuple):
    """A run as the store has it."""

    id: str
    created: float  # seconds since 1970
    config: RunConfig


class LoadRow(NamedTuple):
    """How full the batch was over a stretch of time."""

    at: float  # seconds since 1970, at its end
    seconds: float
    decodes: int
    rows: int  # texts that grew, summed over the decodes
    open: int  # problems in work
    waiting: int  # problems not begun
    width: int  # texts that could have grown in each decode


class RunProgress(NamedTuple):
    """How far a run has come, at a glance."""

    problems: int
    begun: int  # problems with a sample or a result
    failed: int  # problems with a task that failed


class Result(NamedTuple):
    """What a task came to."""

    position: int
    task: str  # its key
    outcome: str | None  # JSON; None where it failed, or can be read off the samples
    error: str | None


class Store:
    """An open store; a context that closes it. `notice` is told, once each, of rows that are odd and passed over.

    Raises:
        StoreError: the file cannot be used; every method raises it where the disk or the file fails.
    """

    def __init__(self, path: Path, *, readonly: bool = False, notice: Callable[[str], None] = lambda _: None) -> None:
        self._database = Database(path, readonly=readonly, notice=notice)
        self.pass_over = self._database.pass_over
        self.path = path
        self.readonly = readonly
        self.verdicts = Verdicts(self._database)
        self.states = States(self._database)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def samples(self, config: RunConfig) -> Samples:
        """The samples that a run of this configuration can use."""
        return Samples(self._database, config.source_key)

    # -- runs

    def begin(self, config: RunConfig, rows: Sequence[Row]) -> Run:
        """The run of a configuration over problems: a new one, or the one begun before, with the baseline of now."""
        run_id = config.run_id(rows)
        with self._database.write() as db:
            recipe = json.dumps(config.source_recipe)
            db.execute("INSERT OR IGNORE INTO source (key, recipe) VALUES (?, ?)", (config.source_key, recipe))
            found = db.execute("SELECT config FROM run WHERE id = ?", (run_id,)).fetchone()
            if found is not None:
                try:
                    kept = replace(RunConfig.from_json(found[0]), baseline=config.baseline)
                except ODD:  # the same run all the same, as its id says
                    kept = config
                db.execute("UPDATE run SET config = ? WHERE id = ?", (kept.to_json(), run_id))
            else:
                db.execute(
                    "INSERT INTO run SELECT ?, ?, id, ? FROM source WHERE key = ?",
                    (run_id, time.time(), config.to_json(), config.source_key),
                )
                for position, row in enumerate(rows):
                    _insert_item(db, run_id, position, row)
        return self.run(run_id)

    def runs(self) -> list[Run]:
        """All runs, in the order of their beginnings."""
        rows = self._database.read("SELECT id, created, config FROM run ORDER BY rowid")  # no clock says
        found = []
        for run_id, created, config in rows:
            try:
                found.append(Run(run_id, created, RunConfig.from_json(config)))
            except ODD as error:
                self.pass_over(f"run {run_id}", _reason(error))
        return found

    def run(self, prefix: str) -> Run:
        """The run whose id begins with this; `last` is the newest.

        Raises:
            StoreError: there is none, or more than one.
        """
        runs = self.runs()
        found = runs[-1:] if prefix == "last" else [run for run in runs if prefix and run.id.startswith(prefix)]
        if len(found) != 1:
            many = f"{len(found)} runs begin with {prefix!r}" if found else f"there is no run {prefix!r}"
            raise StoreError(f"{many} in {self.path}", hint="ttc runs list")
        return found[0]

    def progress(self, run: Run) -> RunProgress:
        """How far a run has come."""
        config = run.config
        (problems, begun, failed), *_ = self._database.read(
            "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT 1 FROM sample WHERE sample.problem = item.problem "
            "AND temperature = ? AND seed = ? AND source = (SELECT source FROM run WHERE id = item.run)) OR EXISTS "
            "(SELECT 1 FROM result WHERE result.run = item.run AND result.position = item.position)), "
            "count(*) FILTER (WHERE EXISTS (SELECT 1 FROM result WHERE result.run = item.run "
            "AND result.position = item.position AND error IS NOT NULL)) FROM item WHERE run = ?",
            (config.temperature, config.seed, run.id),
        )
        return RunProgress(problems, begun, failed)

    def rows(self, run: Run, *, position: int | None = None) -> list[Row]:
        """The problems of a run, by position, or the one at a position."""
        found = self._database.read(
            "SELECT text, name, reference, line, level, subject FROM item JOIN problem ON problem.id = item.problem "
            "WHERE run = ? AND (? IS NULL OR position = ?) ORDER BY position",
            (run.id, position, position),
        )
        return [Row(Problem(text, name, answer or None), *rest) for text, name, answer, *rest in found]

    def size(self, run: Run) -> int:
        """How many problems a run has."""
        [(count,)] = self._database.read("SELECT count(*) FROM item WHERE run = ?", (run.id,))
        return int(count)

    @contextmanager
    def working_on(self, run: Run) -> Iterator[None]:
        """Be the only process that works on a run.

        Raises:
            StoreError: another process does.
        """
        path = self.path.with_name(f"{self.path.name}.{run.id}.lock")
        lock = FileLock(path)
        with self._database.errors():
            try:
                lock.acquire(timeout=0)
                while not path.exists():  # another process let go of it after it was opened here
                    lock.release()
                    lock.acquire(timeout=0)
            except Timeout as timeout:  # an OSError too
                raise StoreError(f"another ttc is at work on run {run.id}", hint="wait for it, or stop it") from timeout
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held
            lock.release()

    def remove(self, run: Run, *, samples: bool) -> int:
        """Delete a run; with `samples`, also those that no other run could use. Returns how many of these went."""
        with self._database.write() as db:
            problems = db.execute("SELECT problem FROM item WHERE run = ?", (run.id,)).fetchall()
            db.execute("DELETE FROM run WHERE id = ?", (run.id,))
            if not samples:
                return 0
            return db.executemany(
                "DELETE FROM sample WHERE problem = ? AND source = (SELECT id FROM source WHERE key = ?) "
                "AND NOT EXISTS (SELECT 1 FROM item JOIN run ON run.id = item.run "
                "WHERE item.problem = sample.problem AND run.source = sample.source)",
                [(problem, run.config.source_key) for (problem,) in problems],
            ).rowcount

    # -- engines

    def engine(self, key: str) -> str | None:
        """What an engine with these settings said of itself, as JSON; None: none has been loaded."""
        found = self._database.read("SELECT description FROM engine WHERE key = ?", (key,))
        return str(found[0][0]) if found else None

    def remember_engine(self, key: str, description: str) -> None:
        """Keep what an engine says of itself."""
        with self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO engine VALUES (?, ?)", (key, description))

    # -- what comes of the work

    def write(self, run: Run, problem: Problem, record: Record) -> None:
        """Keep a record; a sample or rating that is there already stays as it is."""
        match record:
            case Happened(event=event):
                if not isinstance(event, TokenEvent) and not record.task.pooled:
                    self._insert_event(run, record)
            case News(item=Sample() as sample):
                self.samples(run.config).add(problem.text, sample)
            case News(item=Rating() as rating):
                key = run.config.verifiers[rating.verifier].key
                self.samples(run.config).rate(problem.text, rating, key)
            case Finished():
                outcome = None if record.task.pooled else json.dumps(outcome_record(record.outcome))
                self._insert_result(run, Result(record.position, record.task.key, outcome, None))
            case Failed():
                self._insert_result(run, Result(record.position, record.task.key, None, record.reason))

    def write_load(self, run: Run, load: LoadRow) -> None:
        """Keep how full the batch was."""
        values = (float(load.at), float(load.seconds), *load[2:])
        with self._database.write() as db:
            db.execute("INSERT INTO load VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (run.id, *values, checksum(*values)))

    def loads(self, run: Run) -> list[LoadRow]:
        """How full the batch was, over time."""
        query = "SELECT at, seconds, decodes, rows, open, waiting, width FROM load WHERE run = ? ORDER BY rowid"
        return [LoadRow(*row) for row in self._database.read(query, (run.id,))]

    def damaged(self, run: Run) -> list[str]:
        """The rows, in words, that figures of a run come from and that are not what was written, as far as is known."""
        rows = [*damaged(self._database, run.id, run.config.source_key)]
        made_so = run.config.run_id(self.rows(run)) == run.id
        return rows if made_so else [f"the configuration of run {run.id}, or one of its problems", *rows]

    def results(self, run: Run, *, position: int | None = None) -> list[Result]:
        """What the tasks came to that are done or failed, by position; of one problem where that is given."""
        where = "run = ? AND (? IS NULL OR position = ?) ORDER BY position, task"
        query = f"SELECT position, task, outcome, error FROM result WHERE {where}"
        return [Result(*row) for row in self._database.read(query, (run.id, position, position))]

    def events(self, run: Run, position: int, task: Task) -> list[str]:
        """How a task went, as JSON, in order."""
        query = "SELECT event FROM event WHERE run = ? AND position = ? AND task = ? ORDER BY number"
        return [event for (event,) in self._database.read(query, (run.id, position, task.key))]

    def forget(self, run: Run, *, failures: bool) -> None:
        """Drop the events of tasks that were broken off, and with `failures` what failed: both are to be done again."""
        with self._database.write() as db:
            if failures:
                db.execute("DELETE FROM result WHERE run = ? AND error IS NOT NULL", (run.id,))
            db.execute(
                "DELETE FROM event WHERE run = ? AND NOT EXISTS (SELECT 1 FROM result WHERE result.run = event.run "
                "AND result.position = event.position AND result.task = event.task)",
                (run.id,),
            )

    def _insert_event(self, run: Run, record: Happened) -> None:
        task = (run.id, record.position, record.task.key)
        event = json.dumps(event_record(record.event))
        with self._database.write() as db:
            (number,) = db.execute(
                "SELECT coalesce(max(number) + 1, 0) FROM event WHERE run = ? AND position = ? AND task = ?", task
            ).fetchone()
            sealed = checksum(*task[1:], number, event)
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", (*task, number, event, sealed))

    def _insert_result(self, run: Run, result: Result) -> None:
        with self._database.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO result (run, position, task, outcome, error, checksum) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (run.id, *result, checksum(*result)),
            )


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _insert_item(db: sqlite3.Connection, run: str, position: int, row: Row) -> None:
    problem = problem_id(db, row.problem.text)
    named = (row.problem.id, row.line, row.problem.answer or "", row.level, row.subject)
    db.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (run, position, problem, *named))
