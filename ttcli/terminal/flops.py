"""A small model against a larger one at equal FLOPs, in aligned columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ttcli.bench.figures.flops import TRAINING, Match
from ttcli.bench.figures.numbers import bounds, p_value, percent, points, points_between, short
from ttcli.terminal.columns import Column, fitted
from ttcli.terminal.runs import stdout_marks, stdout_width


def flops_lines(matches: Sequence[Match], small: str, large: str, multiple: float) -> list[str]:
    """A table for each method, opponent and reckoning: bins by ratios."""
    lines = [
        f"small    {small}",
        f"large    {large}, {multiple:.1f} times the parameters",
        "",
        "R: tokens of inference for each one of pre-training; k: solutions that the small model may draw for the same",
        "FLOPs, pre-training included, and n as many of them as were measured; bins by the rate of right ones in the",
        "second half of the small model's samples, measured on the first half, 1 is the easiest; intervals are those",
        "of 95 %, of the difference by paired bootstrap; p: how often chance signs make so large a difference; below",
        "0.05 there is a winner, which takes 6 problems at least",
    ]
    for (method, against, reckoning), group in groupby(matches, key=lambda each: each[1:4]):
        own = list(group)
        training = TRAINING[reckoning]
        title = f"{method}, against the large model's {against}; k = n M + {training:g} (M - 1) / R"
        lines += ["", title, "", *_table(own)]
    if any(match.short for match in matches):
        lines += ["", "+ more could have been drawn than was: a larger --budget may decide in the small model's favour"]
    return lines


def _table(matches: Sequence[Match]) -> list[str]:
    heads = [
        Column("bin", [match.difficulty for match in matches], left=True),
        Column("R", [f"{match.ratio:g}" for match in matches]),
    ]
    accuracies = [
        Column("k", [short(match.allowed) for match in matches]),
        Column("n", [f"{match.drawn}{'+' if match.short else ''}" for match in matches]),
        Column("problems", [f"{match.problems:,}" for match in matches]),
        Column("small", [percent(match.small) for match in matches]),
        Column("interval", [bounds(match.small_interval) for match in matches]),
        Column("large", [percent(match.large) for match in matches]),
        Column("interval", [bounds(match.large_interval) for match in matches]),
    ]
    differences = [
        Column("difference", [points(match.comparison.difference) for match in matches]),
        Column("interval", [points_between(match.comparison.interval) for match in matches]),
        Column("p", [p_value(match.p) for match in matches]),
        Column("wins", [match.winner for match in matches], left=True),
    ]
    return fitted(heads, accuracies, differences, stdout_width(), stdout_marks())
