"""What methods answer to the problems of a run, graded or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ttcli.bench.figures.history import recorded
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.store import Run, Store
from ttcli.solution import AnswerKind


class Answer(NamedTuple):
    """A method's answer to a problem."""

    id: str  # of the problem
    problem: str
    method: str  # the task: method, verifier and budget
    answer: str | None  # None: no candidate gave one, or it failed
    kind: AnswerKind
    agree: int  # candidates with this answer
    candidates: int
    confidence: float  # that more candidates would leave it the winner, in [0, 1]
    error: str | None  # why it failed


def answers_of(store: Store, run: Run, figures: ProblemFigures) -> Iterator[Answer]:
    """The answers of all methods that are done with a problem, in their order."""
    problem, kind = figures.row.problem, run.config.kind
    for task in run.config.tasks:
        if figures.figure(task) is None:
            continue
        if (error := figures.failure(task)) is not None:
            yield Answer(problem.id, problem.text, task.key, None, kind, 0, 0, 0.0, error)
            continue
        outcome = recorded(store, run, figures, task).outcome
        leader = outcome.ballot.leader
        yield Answer(
            id=problem.id,
            problem=problem.text,
            method=task.key,
            answer=outcome.answer,
            kind=kind,
            agree=len(leader.members) if leader else 0,
            candidates=len(outcome.candidates),
            confidence=outcome.ballot.confidence,
            error=None,
        )
