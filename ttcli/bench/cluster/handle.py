"""What a worker has in hand, as the driver of a cluster sees it: enough to give it to another worker as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ttcli.bench.execute.worker import Description
from ttcli.bench.store.sample import Rating, Sample
from ttcli.bench.store.task import Failed, Finished, News, Record, Task, Work
from ttcli.cost import Unit
from ttcli.seams import Load


@dataclass(slots=True)
class Open:
    """A problem that a worker has, and what has come of it."""

    work: Work
    done: set[Task] = field(default_factory=set)
    news: list[Sample | Rating] = field(default_factory=list)

    def hear(self, record: Record) -> None:
        """Note what came of it."""
        if isinstance(record, News):
            self.news.append(record.item)
        elif isinstance(record, Finished | Failed):
            self.done.add(record.task)

    @property
    def finished(self) -> bool:
        """Whether all its tasks are done or have failed."""
        return self.done.issuperset(self.work.tasks)

    @property
    def left(self) -> Work:
        """What another worker has to do, with all that is known by now."""
        return replace(
            self.work,
            tasks=tuple(task for task in self.work.tasks if task not in self.done),
            samples=(*self.work.samples, *(item for item in self.news if isinstance(item, Sample))),
            ratings=(*self.work.ratings, *(item for item in self.news if isinstance(item, Rating))),
        )


@dataclass(slots=True)
class WorkerHandle:
    """A worker as the driver sees it."""

    name: str
    actor: Any
    life: Any  # the reference to `live`: there when the worker has ended
    pid: int = 0
    description: Description | None = None
    load: Load = field(default_factory=Load)
    waiting: int = 0  # problems that it has and has not begun
    open: dict[int, Open] = field(default_factory=dict)  # by position

    @property
    def hungry(self) -> bool:
        """Whether it is to get another problem; none is to wait behind one that has its time by the clock."""
        tasks = (task for each in self.open.values() for task in each.work.tasks)
        return not self.waiting and not any(task.budget.unit is Unit.SECONDS for task in tasks)

    def give(self, work: Work) -> None:
        """Let it have a problem."""
        self.open[work.position] = Open(work)
        self.waiting += 1
        self.actor.submit.remote(work)

    def hear(self, record: Record) -> None:
        """Note what came of a problem; one that is finished is out of its hands."""
        each = self.open[record.position]
        each.hear(record)
        if each.finished:
            del self.open[record.position]
