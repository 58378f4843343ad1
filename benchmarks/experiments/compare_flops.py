"""Experiment 5: the small model with test-time compute against its sibling at equal FLOPs (s. 7)."""

from __future__ import annotations

from typing import Any

from experiments.data import BASE, Data
from experiments.measures import accuracies, difference, mean, task
from ttcli.bench.figures.flops import Match, Reach, matches, reaches

RATIOS = (0.1, 1.0, 10.0)
GREEDY = "greedy@1"


def found(data: Data) -> tuple[list[Match], list[Reach]]:
    """As `ttc flops` has it: R from 1 on all problems; below it the small model may draw more than all of them have."""
    multiple = data.stages["large"]["parameters"] / data.stages["pool"]["parameters"]
    told: list[Match] = []
    for figures, ratios in ((data.shallow, RATIOS[1:]), (data.deep, RATIOS[:1])):
        pairs = [(one, data.large[at]) for at, one in enumerate(figures[: len(data.large)])]
        small, large = [one for one, _ in pairs], [other for _, other in pairs]
        told += [match for match in matches(small, large, multiple, ratios) if match.against == GREEDY]
    own = [match for match in told if match.method in (BASE, "majority", "beam:m=4[prm]")]
    return own, [reach for reach in reaches(data.shallow, data.large) if reach.method == BASE]


def measure(data: Data) -> dict[str, Any]:
    """The sibling's greedy answers against the small model's, and every match at equal FLOPs."""
    greedy = task("greedy", 1)
    small, large = (accuracies(figures, greedy) for figures in (data.shallow[: len(data.large)], data.large))
    told, _ = found(data)
    return {
        "multiple": data.stages["large"]["parameters"] / data.stages["pool"]["parameters"],
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
            for match in told
        ],
    }
