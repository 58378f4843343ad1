"""What all experiments measure with: accuracies of problems, bins of difficulty, and intervals over problems."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.data import TELLING, VERIFIER
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.stats.intervals import percentile_interval, resamples, sign_flip

Array = NDArray[np.float64]
BINS = 5


def task(method: str, budget: float, verifier: str = VERIFIER) -> Task:
    """A method with a budget in generations; majority and greedy have no verifier."""
    plain = method in ("majority", "greedy")
    return Task(method, "" if plain else verifier, Budget(1 if method == "greedy" else budget))


def accuracies(figures: Sequence[ProblemFigures], wanted: Task) -> Array:
    """Of each problem, in [0, 1]; nan where the task is not done."""
    known = [each.figure(wanted) for each in figures]
    return np.array([figure.accuracy if figure else np.nan for figure in known])


def tokens(figures: Sequence[ProblemFigures], wanted: Task) -> Array:
    """That went through a model, verifier and prompt included, of each problem; nan where the task is not done."""
    known = [each.figure(wanted) for each in figures]
    return np.array([figure.spending.tokens if figure else np.nan for figure in known])


def oracle(figures: Sequence[ProblemFigures]) -> Array:
    """Pass@1 of each problem, by samples that nothing else is measured on."""
    own = [each.samples for each in figures]
    return np.array([samples.correct[-len(TELLING) :].mean() if samples else np.nan for samples in own])


def predicted(figures: Sequence[ProblemFigures]) -> Array:
    """The verifier's mean score of each problem, by the same samples."""
    return np.array([np.nanmean(each.ratings[VERIFIER].scores[-len(TELLING) :]) for each in figures])


def bins(values: Array, count: int = BINS) -> NDArray[np.intp]:
    """Bins of equally many problems; 0 has the highest values: it is the easiest."""
    order = np.argsort(-values, kind="stable")
    found = np.empty(len(values), np.intp)
    found[order] = np.arange(len(values)) * count // max(len(values), 1)
    return found


@lru_cache(maxsize=4)
def _resamples(problems: int) -> Array:
    return resamples(problems, 0) / problems


def interval(values: Array) -> list[float]:
    """The 95 % interval of a mean, by resampling problems."""
    found = percentile_interval(_resamples(len(values)) @ values)
    return [found.low, found.high]


def in_resamples(values: Array) -> Array:
    """The mean in each of 2,000 resamples of the problems, the same ones for all arrays of a length."""
    return _resamples(len(values)) @ values


def mean(values: Array) -> dict[str, Any]:
    """A mean over the problems that are done, its interval, and how many these are."""
    done = values[~np.isnan(values)]
    if not len(done):
        return {"n": 0, "value": None, "interval": None}
    return {"n": len(done), "value": float(done.mean()), "interval": interval(done)}


def difference(method: Array, baseline: Array, *, test: bool = False) -> dict[str, Any]:
    """A paired difference on the problems that both are done on, its interval, and the p of a sign-flip `test`."""
    both = ~np.isnan(method) & ~np.isnan(baseline)
    if not both.any():
        return {"n": 0, "value": None, "interval": None}
    gains = method[both] - baseline[both]
    told = {"n": len(gains), "value": float(gains.mean()), "interval": interval(gains)}
    return {**told, "p": sign_flip(gains)} if test else told
