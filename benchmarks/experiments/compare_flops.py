"""Experiment 5: the small model with test-time compute against its sibling at equal FLOPs (s. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.data import BASE, VERIFIER, Data
from experiments.measures import accuracies, difference, mean, task
from ttcli.bench.figures.flops import ALL, Match, Reach, matches
from ttcli.bench.figures.problem import ProblemFigures, first_samples
from ttcli.bench.figures.summary import by_difficulty

RATIOS = (0.1, 1.0, 10.0)
METHODS = ("majority", BASE, f"beam:m=4[{VERIFIER}]")


def multiple(data: Data) -> float:
    """How many times the policy's weights the sibling has; 0: nothing was drawn by one."""
    return (
        float(data.stages["large"]["parameters"] / data.stages["pool"]["parameters"]) if "large" in data.stages else 0.0
    )


def found(data: Data) -> list[Match]:
    """As `ttc flops` has it: R from 1 on all problems; below it the small model may draw more than all of them have."""
    told: list[Match] = []
    for figures, ratios in ((data.shallow, RATIOS[1:]), (data.deep, RATIOS[:1])):
        small = _only(figures[: len(data.large)], METHODS)
        told += matches(small, _only(data.large[: len(small)], ("greedy",)), multiple(data), ratios)
    return told


def _only(figures: Sequence[ProblemFigures], methods: Sequence[str]) -> list[ProblemFigures]:
    """Problems as if nothing but these methods had been asked for."""
    config = figures[0].config
    wanted = replace(config, tasks=tuple(each for each in config.tasks if each.name in methods))
    return [replace(each, config=wanted) for each in figures]


def curves(data: Data) -> list[Reach]:
    """Best-of-N by the number of samples, in the bins that `ttc flops` cuts, by the second half of them."""
    half = len(data.shallow[0].facts) // 2
    told = [
        replace(each, samples=each.samples.part(slice(half, None))) for each in data.shallow if each.samples is not None
    ]
    bins = [(name, [data.shallow[each.position] for each in members]) for _, name, members in by_difficulty(told)]
    first = {name: [first_samples(each, half) for each in members] for name, members in bins}
    groups = {ALL: list(data.shallow), **first}
    return [
        Reach(name, BASE, size, len(members), float(np.nanmean(accuracies(members, task("best-of-n", size)))))
        for name, members in groups.items()
        for size in (1, 2, 4, 8, 16, 32, 64)
        if size <= len(members[0].facts)
    ]


def measure(data: Data) -> dict[str, Any]:
    """The sibling's greedy answers against the small model's, and every match at equal FLOPs."""
    greedy = task("greedy", 1)
    small, large = (accuracies(figures, greedy) for figures in (data.shallow[: len(data.large)], data.large))
    return {
        "multiple": multiple(data),
        "greedy_small": mean(small),
        "greedy_large": mean(large),
        "sibling_gap": difference(large, small),
        "matches": [
            {
                "bin": match.difficulty,
                "method": match.method,
                "reckoning": match.reckoning,
                "ratio": match.ratio,
                "allowed": match.allowed,
                "drawn": match.drawn,
                "n": match.problems,
                "small": match.small,
                "large": match.large,
                "difference": match.comparison.difference,
                "interval": [*match.comparison.interval],
                "p": match.p,
                "wins": match.winner,
            }
            for match in found(data)
        ],
    }
