"""What a task came to on a problem of a run, and how: as it was recorded, or as its samples tell."""

from __future__ import annotations

import json

from ttcli.bench.figures.candidates import first_candidates
from ttcli.bench.figures.problem import Figure, ProblemFigures, load_figures
from ttcli.bench.store.database import ODD
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Task
from ttcli.cost import Cost
from ttcli.errors import StoreError, UsageError
from ttcli.events import CandidateStarted, Event, Outcome, RunStarted, StepStarted
from ttcli.record.recording import Recorded, read_event, read_outcome, retell
from ttcli.search.best_of_n import COUNTS
from ttcli.search.methods import parse_method


def find_task(run: Run, wanted: str | None) -> Task:
    """The task of a run that is called so: by method, by method and verifier, or with its budget too.

    Raises:
        UsageError: none is, or more than one.
    """
    tasks = [task for task in run.config.tasks if wanted is None or wanted in _names(task)]
    if len(tasks) == 1:
        return tasks[0]
    what = "no" if not tasks else f"{len(tasks)}"
    called = f"method{'s' * (len(tasks) > 1)}" + (f" {wanted}" if wanted is not None else "")
    listed = ", ".join(task.key for task in tasks or run.config.tasks)
    raise UsageError(f"run {run.id} has {what} {called}", hint=f"--method with one of {listed}")


def find_position(store: Store, run: Run, wanted: int | None) -> int:
    """The position of the problem with this number, which may be left out where there is one alone.

    Raises:
        UsageError: there is no such problem, or none was named of several.
    """
    problems = store.size(run)
    if wanted is None and problems == 1:
        return 0
    if wanted is None or not 0 < wanted <= problems:
        none = "" if wanted is None else f", and none is number {wanted}"
        raise UsageError(
            f"run {run.id} has {problems} problem{'s' * (problems != 1)}{none}", hint=f"--problem, from 1 to {problems}"
        )
    return wanted - 1


def history(store: Store, run: Run, position: int, task: Task) -> Recorded:
    """How a task went on the problem at a position of a run; raises as `recorded` does."""
    return recorded(store, run, load_figures(store, run, position=position)[0], task)


def recorded(store: Store, run: Run, figures: ProblemFigures, task: Task) -> Recorded:
    """How a task went on a problem of a run.

    Raises:
        UsageError: it failed, or is not done.
        StoreError: the store cannot be read, or does not hold what a ttc writes.
    """
    figure, position, config = figures.figure(task), figures.position, run.config
    if (reason := figures.failure(task)) is not None:
        raise UsageError(f"{task.key} failed on problem {position + 1}: {reason}", hint="ttc runs show")
    if figure is None:
        raise UsageError(f"{task.key} is not done on problem {position + 1}", hint="ttc runs list")
    began = RunStarted(figures.row.problem, task.method, config.model, task.verifier or None, task.budget, config.seed)
    if task.pooled:
        outcome = _vote(store, run, figures, task, figure)
        return Recorded(began, tuple(retell(outcome)), outcome)
    results = (result for result in store.results(run, position=position) if result.task == task.key)
    try:
        outcome = read_outcome(json.loads(next(results).outcome or ""))
        events = _last_attempt([read_event(json.loads(event)) for event in store.events(run, position, task)])
    except ODD as error:
        raise StoreError(
            f"what {store.path} has of {task.key} cannot be read: {error}", hint="the ttc that wrote it shows it"
        ) from error
    return Recorded(began, tuple(events or retell(outcome)), outcome)


def _names(task: Task) -> tuple[str, ...]:
    return task.key, task.name, task.method, task.method.partition(":")[0]


def _last_attempt(events: list[Event]) -> list[Event]:
    """Those of the last attempt: of one before it that failed there are events too."""
    begins = next(
        (event for event in events if event in (StepStarted(1, 0), CandidateStarted(0))), None
    )  # auto has both
    first = [at for at, event in enumerate(events) if event == begins]
    return events[first[-1] :] if first else events


def _vote(store: Store, run: Run, figures: ProblemFigures, task: Task, figure: Figure) -> Outcome:
    """The vote over the first samples."""
    text, n = figures.row.problem.text, int(task.budget.amount)
    candidates = first_candidates(store, run.config, text, task.verifier, n)
    ballot = COUNTS[parse_method(task.method).vote or "majority"](candidates)
    spent = figure.spending
    cost = Cost(
        generations=round(spent.generations),
        prompt_tokens=round(spent.prompt_tokens),
        policy_tokens=round(spent.policy_tokens),
        verifier_tokens=round(spent.verifier_tokens),
        shared_tokens=round(spent.shared_tokens),
        flops=spent.flops,
        seconds=spent.seconds,
    )
    return Outcome(ballot.leader.answer if ballot.leader else None, ballot, tuple(candidates), cost, None)
