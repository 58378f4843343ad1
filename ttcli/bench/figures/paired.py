"""Two ways on the same problems: the one paired comparison behind summaries, `ttc compare` and `ttc flops`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ttcli.bench.figures.problem import Figure
from ttcli.stats.intervals import Comparison, Interval, compare, wilson


class Paired(NamedTuple):
    """A method and a baseline on the problems that both have done."""

    problems: int
    method: float  # accuracies, in [0, 1]
    method_interval: Interval  # Wilson, 95 %
    baseline: float
    baseline_interval: Interval
    comparison: Comparison


def paired(figures: Iterable[tuple[Figure | None, Figure | None]]) -> Paired | None:
    """Of each problem the figure of the method and that of the baseline; None: no problem has both."""
    done = [(method, baseline) for method, baseline in figures if method and baseline]
    if not done:
        return None
    methods, baselines = [method for method, _ in done], [baseline for _, baseline in done]
    accuracies = [np.array([figure.accuracy for figure in side]) for side in (methods, baselines)]
    comparison = compare(
        *accuracies,
        method_outcomes=np.array([figure.right for figure in methods]),
        baseline_outcomes=np.array([figure.right for figure in baselines]),
    )
    return Paired(len(done), *_mean(methods), *_mean(baselines), comparison)


def _mean(figures: Sequence[Figure]) -> tuple[float, Interval]:
    total = min(math.fsum(figure.accuracy for figure in figures), len(figures))
    return total / len(figures), wilson(total, len(figures))
