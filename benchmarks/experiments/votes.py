"""Experiment 1: votes over independent samples, and what scores of steps are best made to one of the whole (s. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.data import CONFIDENCE, OTHER, VERIFIER, Data
from experiments.measures import accuracies, difference, mean, task
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import percentile_interval, resamples
from ttcli.stats.subsets import GradedSamples, coverage

AUC_SAMPLES = 16  # of each problem
ANY = "any"


def measure(data: Data) -> dict[str, Any]:
    """Curves on all problems, as far as all have samples, and further on those that have more."""
    most = 256 if len(data.shallow[0].facts) > 256 else 64
    found = {
        "all": _curves(data.shallow, most),
        "auc": {name: auc(data.shallow, name) for name in _verifiers(data.shallow)},
    }
    if most == 64 and data.deep and len(data.deep[0].facts) > 256:
        found["deep"] = _curves(data.deep, 256)
    return found


def _verifiers(figures: Sequence[ProblemFigures]) -> list[str]:
    return [*figures[0].ratings]


def _curves(figures: Sequence[ProblemFigures], most: int) -> dict[str, Any]:
    sizes = [2**power for power in range(most.bit_length())]
    ways = {"majority": partial(task, "majority")}
    ways |= {f"weighted, {name}": partial(task, "best-of-n", verifier=name) for name in _verifiers(figures)}
    ways |= {f"best, {VERIFIER}": partial(task, "best-of-n-plain")}
    found: dict[str, Any] = {"n": len(figures), "sizes": sizes, "curves": {}, "against": {}}
    values = {(name, n): accuracies(figures, way(n)) for name, way in ways.items() for n in sizes}
    for n in sizes:
        own = [each.samples for each in figures]
        values[ANY, n] = np.array([coverage(samples, n) if samples else np.nan for samples in own])
    for name in [*ways, ANY]:
        found["curves"][name] = {n: mean(values[name, n]) for n in sizes}
    own = f"weighted, {VERIFIER}"
    pairs = [(own, "majority"), (own, f"best, {VERIFIER}"), (own, f"{own} min"), (own, f"{own} prod")]
    pairs += [(own, f"weighted, {name}") for name in (CONFIDENCE, OTHER) if f"weighted, {name}" in ways]
    for one, other in pairs:
        found["against"][f"{one} - {other}"] = {n: difference(values[one, n], values[other, n]) for n in sizes if n > 1}
    return found


def auc(figures: Sequence[ProblemFigures], verifier: str) -> dict[str, Any]:
    """How well a verifier tells right solutions from wrong ones of the same problem: the mean AUC within problems."""
    return auc_of([each.samples for each in figures if each.samples], [
        each.ratings[verifier].scores for each in figures if each.samples
    ])  # fmt: skip


def auc_of(samples: Sequence[GradedSamples], said: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """The same of samples, and what a verifier said of each: arrays of the same lengths; nan: nothing."""
    scores, correct, problem = [], [], []
    for number, (own, told) in enumerate(zip(samples, said, strict=True)):
        known = (~np.isnan(told) & (own.classes >= 0))[:AUC_SAMPLES]
        scores.append(told[:AUC_SAMPLES][known])
        correct.append(own.correct[:AUC_SAMPLES][known])
        problem.append(np.full(int(known.sum()), number))
    ranking = Ranking.of(np.concatenate(scores), np.concatenate(correct), np.concatenate(problem))
    within = percentile_interval(ranking.within_in(resamples(len(ranking.right), 0)))
    return {"value": ranking.within, "interval": [*within], "n": int(ranking.mixed.sum()), "samples": AUC_SAMPLES}
