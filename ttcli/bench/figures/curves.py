"""Accuracy against budget, a curve per method: what plots and charts of one run or several draw alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ttcli.bench.figures.summary import ALL_CORRECT, COVERAGE, RANDOM, Summary, SummaryLine
from ttcli.cost import Unit

Kind = Literal["method", "coverage", "random"]
_KINDS: dict[str, Kind] = {COVERAGE: "coverage", RANDOM: "random"}


class Curve(NamedTuple):
    """A method of a run at every budget of one unit."""

    label: str  # what tells it from the others; never empty
    kind: Kind
    lines: tuple[SummaryLine, ...]  # by budget, at least one


def units(summaries: Sequence[Summary]) -> list[Unit]:
    """What the budgets are counted in."""
    found = {line.budget.unit for summary in summaries for line in summary.lines}
    return [unit for unit in Unit if unit in found]


def curves(summaries: Sequence[Summary], unit: Unit) -> list[Curve]:
    """All curves with budgets in this unit, by run and in the order of its methods."""
    found = []
    for summary, name in zip(summaries, _names(summaries), strict=True):
        # that all samples are right is no accuracy that one could reach
        lines = [line for line in summary.lines if line.budget.unit is unit and line.name != ALL_CORRECT]
        for method in dict.fromkeys(line.name for line in lines):
            own = sorted((line for line in lines if line.name == method), key=lambda line: line.budget.amount)
            label = ", ".join([method, *name, *_count(own, summaries)])
            found.append(Curve(label, _KINDS.get(method, "method"), tuple(own)))
    return found


def title(summaries: Sequence[Summary]) -> str:
    """What all curves have in common: model, data and number of problems."""
    models = {summary.run.config.model for summary in summaries}
    data = {summary.run.config.data for summary in summaries}
    counts = _counts(summaries)
    parts = [*(models if len(models) == 1 else ()), *(data if len(data) == 1 else ())]
    if len(counts) == 1:
        (count,) = counts
        parts.append(f"{count:,} problem{'s' * (count != 1)}")
    return ", ".join(parts)


def _names(summaries: Sequence[Summary]) -> list[list[str]]:
    """What tells each run from the others; nothing where there is but one."""
    names: list[list[str]] = [[] for _ in summaries]
    if len(summaries) < 2:
        return names
    for values in (
        [summary.run.config.model for summary in summaries],
        [summary.run.config.data for summary in summaries],
    ):
        if len(set(values)) > 1:
            names = [[*name, value] for name, value in zip(names, values, strict=True)]
    runs = [summary.run.id for summary in summaries]
    return [[*name, run] if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)]


def _counts(summaries: Sequence[Summary]) -> set[int]:
    return {line.problems for summary in summaries for line in summary.lines}


def _count(lines: Sequence[SummaryLine], summaries: Sequence[Summary]) -> list[str]:
    """On how many problems, where that differs between curves."""
    return [f"n = {lines[-1].problems:,}"] if len(_counts(summaries)) > 1 else []
