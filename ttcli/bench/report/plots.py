"""Plots of runs: accuracy against budget or cost, and how full the batch was, as PNG or SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ttcli.bench.figures.curves import Curve, curves, title, units
from ttcli.bench.figures.numbers import apart, round_ticks
from ttcli.bench.figures.summary import Summary, SummaryLine
from ttcli.bench.report.canvas import (
    HEIGHT,
    INK,
    LINE,
    MARKERS,
    PALETTE,
    WIDTH,
    drawing,
    legend_below,
    legend_height,
    rendered,
    save,
    wrapped,
)
from ttcli.bench.store.store import LoadRow
from ttcli.cost import Unit

if TYPE_CHECKING:  # it takes its time to load
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Measure = Literal["tokens", "flops", "seconds"]

_DASHES = ((0, (5, 3)), (0, (9, 2, 2, 2)), (0, (3, 2)))  # of any correct, by run
_DOTS = ((0, (1, 2)), (0, (1, 4)), (0, (1, 6)))  # of random pick, by run
_BESIDE = 1.03  # from the bar of one method to that of the next, on an axis of logarithms
_BINS = 400  # points of a curve over time at most
_AXES: dict[Measure, str] = {
    "tokens": "tokens per problem: prompt, policy and verifier",
    "flops": "FLOPs per problem",
    "seconds": "seconds of the machine per problem",
}


def accuracy_plot(summaries: Sequence[Summary], path: Path) -> None:
    """Accuracy against budget with 95 % intervals, as a file of the kind that its suffix names.

    Raises:
        UsageError: a suffix other than .png and .svg.
        TtcError: the file cannot be written.
    """
    save(lambda: accuracy_figure(summaries), path)


def accuracy_figure(summaries: Sequence[Summary]) -> Figure:
    """Accuracy against budget: a pair of axes for each unit of the budgets."""
    found = {unit: curves(summaries, unit) for unit in units(summaries)}
    panels = [
        _Panel(drawn, lambda line: line.budget.amount, f"budget in {unit}", _budget_ticks(unit, drawn))
        for unit, drawn in found.items()
    ]
    return _figure(panels, title(summaries))


def cost_figure(summaries: Sequence[Summary], measure: Measure) -> Figure:
    """Accuracy against cost; what costs nothing, or nobody knows how much, is left out."""

    def cost(line: SummaryLine) -> float:
        return float(getattr(line.spending, measure))

    known = [summary for summary in summaries if measure != "flops" or summary.run.config.parameters]
    found = [curve for unit in units(known) for curve in curves(known, unit)]
    paid = [curve._replace(lines=tuple(line for line in curve.lines if cost(line) > 0)) for curve in found]
    paid = [curve for curve in paid if curve.lines]
    ticks = round_ticks([cost(line) for curve in paid for line in curve.lines])
    return _figure([_Panel(paid, cost, _AXES[measure], ticks)] if paid else [], title(summaries))


def fill_figure(loads: Sequence[LoadRow]) -> Figure:
    """How much of the batch was in use over the time of the work, pauses between its parts left out."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    with drawing("fill"):
        figure = Figure(figsize=(WIDTH + 2, 2.4), layout="constrained")
        axes = figure.add_subplot()
        stretches = [*_stretches(loads)]
        for waiting, name, dash in ((True, "problems were waiting", "-"), (False, "all were begun", ":")):
            points = [*_points(stretches, waiting=waiting)]
            axes.plot(*zip(*points, strict=True), color=PALETTE[0], linestyle=dash, label=name)
        axes.set(xlabel="seconds of work", ylabel="batch in use", ylim=(0, 1.05), xlim=(0, None))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.legend(loc="lower left")
        return figure


def svg_text(figure: Figure, name: str, says: str) -> str:
    """An SVG element to set into a page, the same for the same figure, in the page's own font and colours.

    `name` keeps its ids apart from those of other figures; `says` tells what there is to see to those who cannot.
    """
    text = rendered(figure, "svg", name).decode()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\sxmlns(?::xlink)?="[^"]*"', "", text)
    text = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\1{name}-", text)
    text = text.replace(INK, "currentColor")
    for number, colour in enumerate(PALETTE):
        text = text.replace(colour, f"var(--series-{number}, {colour})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(says)}" ', 1)


class _Panel(NamedTuple):
    """A pair of axes."""

    curves: Sequence[Curve]
    x: Callable[[SummaryLine], float]  # > 0
    label: str
    ticks: Mapping[float, str]


def _figure(panels: Sequence[_Panel], heading: str) -> Figure:
    from matplotlib.figure import Figure

    with drawing("accuracy"):
        styles = _styles(panels)
        labels = {name: wrapped(name, WIDTH - 0.6) for name in styles}
        legend = legend_height([*labels.values()])
        lines = wrapped(heading, WIDTH, lines=4)
        height = HEIGHT * max(1, len(panels)) + legend + LINE * lines.count("\n")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.suptitle(lines, x=0.01, horizontalalignment="left")
        if not panels:
            figure.text(0.5, 0.5, "there is nothing to draw yet", horizontalalignment="center")
            return figure
        handles: dict[str, Any] = {}
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, panel in zip(all_axes, panels, strict=True):
            handles |= _draw(axes, panel, styles)
        named = sorted(handles, key=[*styles].index)
        legend_below(figure, [handles[name] for name in named], [labels[name] for name in named])
        return figure


def _styles(panels: Sequence[_Panel]) -> dict[str, dict[str, Any]]:
    """How each line looks, the same in all panels: methods first, each with the colour it has in every run."""
    drawn = {curve.label: curve for panel in panels for curve in panel.curves}
    methods = [curve for curve in drawn.values() if curve.kind == "method"]
    names = [*dict.fromkeys(curve.lines[0].name for curve in methods)]
    seen: list[str] = []
    styles: dict[str, dict[str, Any]] = {}
    for number, curve in enumerate(methods):
        name = curve.lines[0].name
        look = {"color": PALETTE[names.index(name) % len(PALETTE)], "marker": MARKERS[number % len(MARKERS)]}
        hollow = {"markerfacecolor": "none", "linewidth": 1.0} if name in seen else {}
        styles[curve.label] = {"markersize": 5.0, **look, **hollow}
        seen.append(name)
    for kind, patterns in (("coverage", _DASHES), ("random", _DOTS)):
        for number, curve in enumerate(curve for curve in drawn.values() if curve.kind == kind):
            styles[curve.label] = {"color": INK, "alpha": 0.7, "linestyle": patterns[number % len(patterns)]}
    return styles


def _draw(axes: Axes, panel: _Panel, styles: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Draw a panel; returns what stands for each curve in the legend."""
    from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

    axes.set_xscale("log")
    handles: dict[str, Any] = {}
    measured = [curve.label for curve in panel.curves if curve.kind == "method"]
    for curve in panel.curves:
        style = styles[curve.label]
        if curve.kind == "random":
            handles[curve.label] = axes.axhline(curve.lines[0].accuracy, **style)
        elif curve.label in measured:
            beside = _BESIDE ** (measured.index(curve.label) - (len(measured) - 1) / 2)
            handles[curve.label] = _draw_curve(axes, curve, panel.x, style, band=len(measured) == 1, beside=beside)
        else:
            points = sorted(curve.lines, key=panel.x)
            values = [line.accuracy for line in points]
            handles[curve.label] = axes.plot([*map(panel.x, points)], values, **{"marker": "", **style})[0]
    axes.set(xlabel=panel.label, ylabel="accuracy with its 95 % interval", ylim=_accuracy_range(panel.curves))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([*panel.ticks]))
    axes.xaxis.set_ticklabels([*panel.ticks.values()])
    return handles


def _draw_curve(
    axes: Axes, curve: Curve, x: Callable[[SummaryLine], float], style: dict[str, Any], *, band: bool, beside: float
) -> Any:
    """A line in its band where it is alone; else with a bar at each point, `beside` times further right.

    Bands of several lines would be one grey area, and bars in one place one bar.
    """
    points = sorted(curve.lines, key=x)
    at, values = [x(line) * beside for line in points], [line.accuracy for line in points]
    low, high = [line.interval.low for line in points], [line.interval.high for line in points]
    if band and len(points) > 1:
        axes.fill_between(at, low, high, color=style["color"], alpha=0.12, linewidth=0)
        return axes.plot(at, values, **style)[0]
    below = [max(0.0, value - least) for value, least in zip(values, low, strict=True)]
    above = [max(0.0, most - value) for value, most in zip(values, high, strict=True)]
    return axes.errorbar(at, values, yerr=[below, above], **style, capsize=2, elinewidth=0.8, capthick=0.8)


def _accuracy_range(drawn: Sequence[Curve]) -> tuple[float, float]:
    """Tens of per cent around everything that is drawn."""
    intervals = [line.interval for curve in drawn for line in curve.lines]
    low = math.floor(min(interval.low for interval in intervals) * 10) / 10
    high = math.ceil(max(interval.high for interval in intervals) * 10) / 10
    return max(0.0, low) - 0.01, min(1.0, high) + 0.01


def _budget_ticks(unit: Unit, drawn: Sequence[Curve]) -> Mapping[float, str]:
    """The budgets themselves where they are numbers of generations or few, else round numbers."""
    amounts = sorted({line.budget.amount for curve in drawn for line in curve.lines})
    if unit is Unit.GENERATIONS or len(amounts) <= 6:
        return {amount: f"{amount:,.12g}" for amount in apart(amounts)}
    return round_ticks(amounts)


class _Stretch(NamedTuple):
    span: tuple[float, float]  # seconds of work
    share: float  # of the batch, in [0, 1]
    waiting: bool


def _stretches(loads: Sequence[LoadRow]) -> Iterator[_Stretch]:
    """The work without its pauses; neighbours are joined where they are many."""
    size = max(1, math.ceil(len(loads) / _BINS))
    ends = [0.0, *accumulate(load.seconds for load in loads)]
    for first in range(0, len(loads), size):
        joined = loads[first : first + size]
        if places := sum(load.decodes * load.width for load in joined):
            share = sum(load.rows for load in joined) / places
            yield _Stretch((ends[first], ends[first + len(joined)]), share, any(load.waiting for load in joined))


def _points(stretches: Sequence[_Stretch], *, waiting: bool) -> Iterator[tuple[float, float]]:
    """The steps of a curve, with a gap where the other kind of stretch stands."""
    for stretch in stretches:
        if stretch.waiting is waiting:
            yield from zip(stretch.span, (stretch.share, stretch.share), strict=True)
        else:
            yield math.nan, math.nan
    yield math.nan, math.nan
