"""A run of a bench: hand out what is open, keep what comes of it, tell how it goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from ttcli.bench.execute.share import Division, worth_of
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.store import LoadRow, Run, Store
from ttcli.bench.store.task import Failed, Finished, Happened, News, Record, Task, Work
from ttcli.data.dataset import Row
from ttcli.events import Event, Outcome
from ttcli.problem import Problem
from ttcli.seams import Load

if TYPE_CHECKING:
    from ttcli.allocate.profile import Profile

_Left: TypeAlias = dict[int, set[Task]]  # by position: tasks that are not done

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
    """A problem is done, now or in an earlier call."""

    figures: ProblemFigures
    now: bool  # in this call


WorkProgress = Begun | Going | Done


class Executor(Protocol):
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

    def run(self, works: Iterable[Work | None]) -> Iterator[Record]:
        """What comes of the works, as it comes; it takes the next one when it has places free. None: none now."""
        ...


class Runner:
    """Works on one run until it is done or its executor is interrupted."""

    def __init__(self, store: Store, run: Run, profile: Profile | None = None) -> None:
        """`profile`: what tasks with a shared budget may go by."""
        self._store = store
        self._run = run
        self._profile = profile
        self._opened: list[Row] = []  # not told yet

    def go(self, executor: Executor) -> Iterator[WorkProgress]:
        """What happens, as it happens; everything is in the store before it is told.

        Raises:
            StoreError: the store cannot be written any more.
            BackendError: the engine, or the server, fails again and again.
        """
        self._store.forget(self._run, failures=False)
        figures = load_figures(self._store, self._run)
        left = {problem.position: set(open_tasks(problem)) for problem in figures}
        yield from (Done(problem, now=False) for problem in figures if not left[problem.position])
        if not any(left.values()):
            return
        executor.expect([problem.row.problem for problem in figures if left[problem.position]])
        waiting = [problem for problem in figures if _alone(left[problem.position])]
        gauge = _Gauge(self._store, self._run, executor)
        works = self._hand_out(waiting, gauge, executor.layers)
        yield from self._work(figures, left, executor.run(works) if waiting else iter(()), gauge)
        for task in self._run.config.tasks:
            if task.budget.shared and any(task in tasks for tasks in left.values()):
                yield from self._share(task, figures, left, executor)

    def _work(
        self, figures: Sequence[ProblemFigures], left: _Left, records: Iterator[Record], gauge: _Gauge
    ) -> Iterator[WorkProgress]:
        for record in records:
            yield from map(Begun, self._opened)
            self._opened.clear()
            row = figures[record.position].row
            gauge.read()
            if isinstance(record, Happened):
                self._store.write(self._run, row.problem, record)
                yield Going(row, record.task, record.event)
            elif isinstance(record, Finished | Failed):
                gauge.open -= record.task in left[record.position] and len(_alone(left[record.position])) == 1
                yield from self._end(row, left, record)
            else:
                self._store.write(self._run, row.problem, record)
        gauge.close()

    def _share(
        self, task: Task, figures: Sequence[ProblemFigures], left: _Left, executor: Executor
    ) -> Iterator[WorkProgress]:
        """Divide the budget of a task; what is known already is divided again, so that all decisions are the same."""
        failed = [problem.position for problem in figures if task.key in problem.failed]
        division = Division(task, len(figures), worth_of(task, self._profile), failed=failed)
        gauge = _Gauge(self._store, self._run, executor)
        for record in executor.run(self._grant(division, figures, gauge, executor.layers)):
            yield from map(Begun, self._opened)
            self._opened.clear()
            row = figures[record.position].row
            gauge.read()
            match record:
                case Happened():
                    yield Going(row, task, record.event)
                case News():
                    self._store.write(self._run, row.problem, record)
                case Failed():
                    yield from self._end(row, left, record._replace(task=task))
                    yield from self._settle(task, figures, left, division.hear(record.position, None))
                case Finished():
                    settled = division.hear(record.position, record.outcome)
                    yield from self._settle(task, figures, left, settled)
            gauge.open -= isinstance(record, Finished | Failed)
        gauge.close()

    def _grant(
        self, division: Division, figures: Sequence[ProblemFigures], gauge: _Gauge, layers: Sequence[int]
    ) -> Iterator[Work | None]:
        """What a division wants, with all that the store knows by then."""
        for grant in division.grants():
            if grant is not None:
                position, vote = grant
                self._opened.append(figures[position].row)
                gauge.open += 1
                gauge.waiting = division.untold + 1
                yield self._job(figures[position], (vote,), layers)
            else:
                gauge.waiting = 0
                yield None

    def _settle(
        self, task: Task, figures: Sequence[ProblemFigures], left: _Left, settled: Mapping[int, Outcome]
    ) -> Iterator[WorkProgress]:
        for position, outcome in settled.items():
            yield from self._end(figures[position].row, left, Finished(position, task, outcome))

    def _end(self, row: Row, left: _Left, record: Finished | Failed) -> Iterator[WorkProgress]:
        """A task of a problem is done: keep what it came to, and tell if it was the last one."""
        self._store.write(self._run, row.problem, record)
        if record.task in left[record.position]:
            left[record.position].discard(record.task)
            if not left[record.position]:
                yield Done(load_figures(self._store, self._run, position=record.position)[0], now=True)

    def _hand_out(self, waiting: Sequence[ProblemFigures], gauge: _Gauge, layers: Sequence[int]) -> Iterator[Work]:
        for number, each in enumerate(waiting):
            self._opened.append(each.row)
            gauge.open += 1
            gauge.waiting = len(waiting) - number
            yield self._job(each, _alone(open_tasks(each)), layers)
        gauge.close()  # the batch asked for more and there was none: from here on it cannot be kept full
        gauge.waiting = 0

    def _job(self, figures: ProblemFigures, tasks: Sequence[Task], layers: Sequence[int]) -> Work:
        """Tasks of a problem, with all samples that the store has of it."""
        config, problem = self._run.config, figures.row.problem
        keys = {name: each.key for name, each in config.verifiers.items()}
        samples, ratings = self._store.samples(config).of(problem.text, keys, layers)
        return Work(figures.position, problem, tuple(tasks), tuple(samples), tuple(ratings))


def open_tasks(figures: ProblemFigures) -> list[Task]:
    """What is to be done on a problem: of the votes over one pool only the one that needs most of it."""
    tasks = figures.config.tasks
    votes: dict[str, Task] = {}
    for task in sorted((task for task in tasks if task.pooled), key=lambda task: -task.budget.amount):
        votes.setdefault(task.verifier, task)
    wanted = [*votes.values(), *(task for task in tasks if not task.pooled)]
    return [task for task in wanted if not figures.figure(task)]


def _alone(tasks: Iterable[Task]) -> list[Task]:
    """Those that a problem has a budget of its own for."""
    return [task for task in tasks if not task.budget.shared]


class _Gauge:
    """Writes down how full the batch was, one stretch of time after the other."""

    def __init__(self, store: Store, run: Run, executor: Executor) -> None:
        self.open = 0  # problems in work
        self.waiting = 0  # problems that nobody has asked for, and the one asked for last
        self._store = store
        self._run = run
        self._executor = executor
        self._before = executor.load
        self._since = time.monotonic()

    def read(self) -> None:
        """Write down a stretch if it has lasted long enough."""
        if time.monotonic() - self._since >= LOAD_EVERY:
            self.close()

    def close(self) -> None:
        """Write down the stretch that ends here: problems waited in all of it, or in none."""
        load, now = self._executor.load, time.monotonic()
        if load is None or self._before is None:
            return
        if load.decodes < self._before.decodes:  # its context was replaced by a larger one
            self._before = Load()
        decodes, rows = load.decodes - self._before.decodes, load.rows - self._before.rows
        if decodes:
            told = (decodes, rows, self.open, self.waiting, self._executor.width)
            stretch = LoadRow(time.time(), now - self._since, *told)
            self._store.write_load(self._run, stretch)
        self._before, self._since = load, now
