"""The methods of two runs on the problems they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ttcli.bench.figures.paired import paired
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.figures.summary import curve_tasks
from ttcli.bench.store.task import Task
from ttcli.stats.intervals import Comparison, Interval


class Pairing(NamedTuple):
    """A method with a budget in two runs, on the problems that both have done."""

    name: str  # of the method, with its budget
    problems: int
    first: float  # accuracies, in [0, 1]
    first_interval: Interval
    second: float
    second_interval: Interval
    comparison: Comparison  # of the second against the first


def pairings(first: Sequence[ProblemFigures], second: Sequence[ProblemFigures]) -> list[Pairing]:
    """Every method and budget that both runs have, problem by problem; problems are the same when their texts are."""
    if not first or not second:
        return []
    others = {each.row.problem.text: each for each in second}
    common = [(each, others[each.row.problem.text]) for each in first if each.row.problem.text in others]
    known = {task.key for task in curve_tasks(second[0].config)}
    found = (_pairing(task, common) for task in curve_tasks(first[0].config) if task.key in known)
    return [pairing for pairing in found if pairing]


def _pairing(task: Task, common: Sequence[tuple[ProblemFigures, ProblemFigures]]) -> Pairing | None:
    pair = paired((other.figure(task), one.figure(task)) for one, other in common)
    if pair is None:
        return None
    second, first = (pair.method, pair.method_interval), (pair.baseline, pair.baseline_interval)
    return Pairing(task.key, pair.problems, *first, *second, pair.comparison)
