"""The methods of two runs on the problems they have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ttcli.bench.figures.problem import Figure, ProblemFigures
from ttcli.bench.figures.summary import curve_tasks
from ttcli.bench.store.task import Task
from ttcli.stats.intervals import Comparison, Interval, compare, wilson


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
    both = [(one.figure(task), other.figure(task)) for one, other in common]
    done = [(one, other) for one, other in both if one and other]
    if not done:
        return None
    first, second = [one for one, _ in done], [other for _, other in done]
    comparison = compare(
        _accuracies(second),
        _accuracies(first),
        method_outcomes=np.array([figure.right for figure in second]),
        baseline_outcomes=np.array([figure.right for figure in first]),
    )
    return Pairing(task.key, len(done), *_mean(first), *_mean(second), comparison)


def _accuracies(figures: Sequence[Figure]) -> np.typing.NDArray[np.float64]:
    return np.array([figure.accuracy for figure in figures])


def _mean(figures: Sequence[Figure]) -> tuple[float, Interval]:
    total = math.fsum(figure.accuracy for figure in figures)
    return total / len(figures), wilson(total, len(figures))
