"""A run of a bench: hand out what is open, keep what comes of it, tell how it goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ttcli.bench.dataset import Row
from ttcli.bench.figures import ProblemFigures, load_figures
from ttcli.bench.store import LoadRow, Run, Store
from ttcli.bench.task import Failed, Finished, Happened, Record, Task, Work
from ttcli.events import Event
from ttcli.policy.protocol import Load
from ttcli.problem import Problem

LOAD_EVERY = 10.0  # seconds between two entries of how full the batch was


class Begun(NamedTuple):
    """A problem is in work."""

    row: Row


class Going(NamedTuple):
    """Something happened on a problem."""

    row: Row
    task: Task
    event: Event


class Done(NamedTuple):
    """A problem is done, now or in an earlier sitting."""

    figures: ProblemFigures
    now: bool  # in this sitting


Progress = Begun | Going | Done


class Crew(Protocol):
    """Who does the work: one engine, or several elsewhere."""

    @property
    def width(self) -> int:
        """Texts that grow at once at most."""
        ...

    @property
    def load(self) -> Load | None:
        """How full the batches were so far; None where it cannot tell."""
        ...

    @property
    def layers(self) -> Sequence[int]:
        """Whose hidden states it has a use for in samples that are known: those that heads read in the policy."""
        ...

    def expect(self, problems: Sequence[Problem]) -> None:
        """Learn what will come."""
        ...

    def run(self, works: Iterable[Work]) -> Iterator[Record]:
        """What comes of the works, as it comes; it takes the next one when it has places free."""
        ...


class Runner:
    """Works on one run until it is done or its crew is interrupted."""

    def __init__(self, store: Store, run: Run) -> None:
        self._store = store
        self._run = run
        self._opened: list[Row] = []  # not told yet

    def go(self, crew: Crew) -> Iterator[Progress]:
        """What happens, as it happens; everything is in the store before it is told.

        Raises:
            StoreError: the store cannot be written any more.
            BackendError: the engine, or the server, fails again and again.
        """
        self._store.forget(self._run, failures=False)
        figures = load_figures(self._store, self._run)
        waiting = [each for each in figures if open_tasks(each)]
        yield from (Done(each, now=False) for each in figures if not open_tasks(each))
        if waiting:
            crew.expect([each.row.problem for each in waiting])
            gauge = _Gauge(self._store, self._run, crew)
            works = self._hand_out(waiting, gauge, crew.layers)
            yield from self._work(figures, crew.run(works), gauge)

    def _work(self, figures: Sequence[ProblemFigures], records: Iterator[Record], gauge: _Gauge) -> Iterator[Progress]:
        left = {each.position: set(open_tasks(each)) for each in figures}
        for record in records:
            yield from map(Begun, self._opened)
            self._opened.clear()
            row = figures[record.position].row
            self._store.write(self._run, row.problem, record)
            gauge.read()
            if isinstance(record, Happened):
                yield Going(row, record.task, record.event)
            elif isinstance(record, Finished | Failed):
                left[record.position].discard(record.task)
                if not left[record.position]:
                    gauge.open -= 1
                    yield Done(load_figures(self._store, self._run, position=record.position)[0], now=True)
        gauge.close()

    def _hand_out(self, waiting: Sequence[ProblemFigures], gauge: _Gauge, layers: Sequence[int]) -> Iterator[Work]:
        config = self._run.config
        keys = {name: each.key for name, each in config.verifiers.items()}
        for number, each in enumerate(waiting):
            samples, ratings = self._store.samples(config).of(each.row.problem.text, keys, layers)
            self._opened.append(each.row)
            gauge.open += 1
            gauge.waiting = len(waiting) - number
            yield Work(each.position, each.row.problem, tuple(open_tasks(each)), tuple(samples), tuple(ratings))
        gauge.close()  # the batch asked for more and there was none: from here on it cannot be kept full
        gauge.waiting = 0


def open_tasks(figures: ProblemFigures) -> list[Task]:
    """What is to be done on a problem: of the votes over one pool only the one that needs most of it."""
    tasks = figures.config.tasks
    votes: dict[str, Task] = {}
    for task in sorted((task for task in tasks if task.pooled), key=lambda task: -task.budget.amount):
        votes.setdefault(task.verifier, task)
    wanted = [*votes.values(), *(task for task in tasks if not task.pooled)]
    return [task for task in wanted if not figures.figure(task)]


class _Gauge:
    """Writes down how full the batch was, one stretch of time after the other."""

    def __init__(self, store: Store, run: Run, crew: Crew) -> None:
        self.open = 0  # problems in work
        self.waiting = 0  # problems that nobody has asked for, and the one asked for last
        self._store = store
        self._run = run
        self._crew = crew
        self._before = crew.load
        self._since = time.time()

    def read(self) -> None:
        """Write down a stretch if it has lasted long enough."""
        if time.time() - self._since >= LOAD_EVERY:
            self.close()

    def close(self) -> None:
        """Write down the stretch that ends here: problems waited in all of it, or in none."""
        load, now = self._crew.load, time.time()
        if load is None or self._before is None:
            return
        if load.decodes < self._before.decodes:  # its context was replaced by a larger one
            self._before = Load()
        decodes, rows = load.decodes - self._before.decodes, load.rows - self._before.rows
        if decodes:
            stretch = LoadRow(now, now - self._since, decodes, rows, self.open, self.waiting, self._crew.width)
            self._store.write_load(self._run, stretch)
        self._before, self._since = load, now
