"""What there is to do for one problem of a bench, and what comes of it, in forms that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ttcli.bench.store.sample import Rating, Sample
from ttcli.cost import Budget, Unit
from ttcli.events import Event, Outcome
from ttcli.problem import Problem
from ttcli.search.methods import parse_method

SHARED = ", shared"  # behind the name of a task whose problems share a budget
PROBE = 4  # samples that every problem gets of a shared budget


class Task(NamedTuple):
    """A method with a budget."""

    method: str
    verifier: str  # as the user wrote it; "" where the method scores nothing
    budget: Budget

    @property
    def name(self) -> str:
        """The method, with the verifier it uses, and whether its problems share a budget."""
        return self._base + (SHARED if self.budget.shared else "")

    @property
    def key(self) -> str:
        """Method, verifier and budget: one figure of a run."""
        return f"{self._base}@{self.budget}"

    @property
    def pooled(self) -> bool:
        """Whether its result is a vote over so many independent samples, and can be read off the pool."""
        plain = self.budget.unit is Unit.GENERATIONS and not self.budget.shared
        return parse_method(self.method).vote is not None and plain

    @property
    def sure(self) -> int:
        """Independent samples that it has of every problem, however they share."""
        if self.budget.shared:
            return min(PROBE, int(self.budget.amount))
        return int(self.budget.amount) if self.pooled else 0

    @property
    def _base(self) -> str:
        return f"{self.method}[{self.verifier}]" if self.verifier else self.method


@dataclass(frozen=True, slots=True)
class Work:
    """A problem, the tasks that are open on it, and what is known already."""

    position: int  # in the run
    problem: Problem
    tasks: tuple[Task, ...]
    samples: tuple[Sample, ...] = ()
    ratings: tuple[Rating, ...] = ()


class News(NamedTuple):
    """A sample or a rating that nobody had before."""

    position: int
    item: Sample | Rating


class Happened(NamedTuple):
    """An event of a task."""

    position: int
    task: Task
    event: Event


class Finished(NamedTuple):
    """A task is done."""

    position: int
    task: Task
    outcome: Outcome  # its seconds are those of the machine


class Failed(NamedTuple):
    """A task could not be done, twice."""

    position: int
    task: Task
    reason: str


Record = News | Happened | Finished | Failed
