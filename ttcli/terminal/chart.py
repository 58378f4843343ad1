"""Accuracy against budget in characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from string import ascii_uppercase

from rich.cells import cell_len

from ttcli.bench.figures.curves import Curve, curves, title, units
from ttcli.bench.figures.numbers import short
from ttcli.bench.figures.summary import Summary, SummaryLine
from ttcli.cost import Unit
from ttcli.terminal.marks import UNICODE, Marks

WIDTH, HEIGHT = 72, 14  # of one chart: columns in all, lines between its axes
_LABEL = 6  # columns of "100 % "
_LETTERS = ascii_uppercase + "".join(map(str, range(10)))

Grid = dict[tuple[int, int], str]  # line from above, column -> a character


def accuracy_chart(
    summaries: Sequence[Summary], *, width: int = WIDTH, height: int = HEIGHT, marks: Marks = UNICODE
) -> list[str]:
    """The lines of a chart for each unit of the budgets, with a letter per curve and what it stands for.

    The axis has a logarithmic scale. A letter that would cover another stands to the right of it.
    """
    lines = [marks.line(title(summaries))]
    for unit in units(summaries):
        lines += ["", *_chart(curves(summaries, unit), unit, width, height, marks)]
    return lines if len(lines) > 1 else [*lines, "there is nothing to draw yet"]


def _chart(drawn: Sequence[Curve], unit: Unit, width: int, height: int, marks: Marks) -> list[str]:
    plain = marks.dots.isascii()
    side, corner, floor = ("|", "+", "-") if plain else ("│", "└", "─")
    columns = max(16, width - _LABEL - 1)
    low, high = _accuracy_range(drawn)
    at = _columns(drawn, max(2, columns - len(drawn) - 1))  # letters that are moved still have room
    grid = _grid(drawn, at, columns, height, (low, high), plain=plain)
    labels = _percentages(low, high, height)
    lines = [f"{labels.get(line, ''):>{_LABEL}}{side}{_text(grid, line, columns)}".rstrip() for line in range(height)]
    under = " " * (_LABEL + 1)
    lines.append(f"{' ' * _LABEL}{corner}{floor * columns}")
    lines.append(under + _amounts(at, columns))
    lines.append(f"{under}{f'budget in {unit}':^{columns}}".rstrip())
    for letter, curve in zip(_letters(drawn), drawn, strict=True):
        lines += _legend(letter, curve, drawn, width, marks)
    return lines


def _letters(drawn: Sequence[Curve]) -> list[str]:
    return [_LETTERS[number % len(_LETTERS)] for number in range(len(drawn))]


def _accuracy_range(drawn: Sequence[Curve]) -> tuple[int, int]:
    """Tens of per cent around all points."""
    values = [line.accuracy for curve in drawn for line in curve.lines]
    low, high = math.floor(min(values) * 10), math.ceil(max(values) * 10)
    return 10 * max(0, low - (low == high)), 10 * min(10, high + (low == high))


def _columns(drawn: Sequence[Curve], width: int) -> dict[float, int]:
    """Where each budget stands."""
    amounts = sorted({line.budget.amount for curve in drawn for line in curve.lines})
    span = math.log(amounts[-1] / amounts[0])
    if not span:
        return {amounts[0]: width // 2}
    return {amount: 1 + round((width - 1) * math.log(amount / amounts[0]) / span) for amount in amounts}


def _grid(
    drawn: Sequence[Curve], at: dict[float, int], columns: int, height: int, span: tuple[int, int], *, plain: bool
) -> Grid:
    """Levels below curves below letters."""
    dash, dot = ("-", ".") if plain else ("╌", "·")
    grid: Grid = {}

    def line_of(line: SummaryLine) -> int:
        low, high = span
        return round((height - 1) * (high - 100 * line.accuracy) / (high - low))

    for curve in drawn:
        if curve.kind == "random":
            grid |= {(line_of(curve.lines[0]), column): dash for column in range(columns)}
    points = [[(line_of(line), at[line.budget.amount]) for line in curve.lines] for curve in drawn]
    for curve_points in points:
        for (above, left), (below, right) in pairwise(curve_points):
            for column in range(left, right):
                grid[above + round((below - above) * (column - left) / (right - left)), column] = dot
    letters: Grid = {}
    for letter, curve, curve_points in zip(_letters(drawn), drawn, points, strict=True):
        for line, column in [(curve_points[0][0], columns - 1)] if curve.kind == "random" else curve_points:
            free = next((c for c in range(column, columns) if (line, c) not in letters), columns - 1)
            letters[line, free] = letter
    return grid | letters


def _text(grid: Grid, line: int, columns: int) -> str:
    return "".join(grid.get((line, column), " ") for column in range(columns))


def _percentages(low: int, high: int, height: int) -> dict[int, str]:
    """Labels of the upright axis, by line: every ten per cent, or more where the lines are few."""
    step = next(step for step in (10, 20, 50, 100) if (high - low) / step <= max(1, (height - 1) / 2))
    values = [value for value in range(low, high + 1) if value % step == 0] or [low, high]
    return {round((height - 1) * (high - value) / (high - low)): f"{value} % " for value in values}


def _amounts(at: dict[float, int], columns: int) -> str:
    """The budgets below their columns: the largest, and of the others those that find room."""
    text = [" "] * columns
    for amount, column in sorted(at.items(), reverse=True):
        label = short(amount)
        start = min(max(0, column - len(label) // 2), columns - len(label))
        if not "".join(text[max(0, start - 1) : start + len(label) + 1]).strip():
            text[start : start + len(label)] = label
    return "".join(text).rstrip()


def _legend(letter: str, curve: Curve, drawn: Sequence[Curve], width: int, marks: Marks) -> list[str]:
    """What a letter stands for, with the figure at its largest budget."""
    line = curve.lines[-1]
    budget = "" if curve.kind == "random" else f" at {line.budget}"
    value = f"{100 * line.accuracy:.1f} % ({100 * line.interval.low:.1f} to {100 * line.interval.high:.1f}){budget}"
    labels = [marks.line(each.label) for each in drawn]
    label = marks.line(curve.label)
    longest = max(map(cell_len, labels))
    if longest + 3 + 2 + len("100.0 % (100.0 to 100.0)") + len(budget) > width:
        return [f"{letter}  {label}", f"   {value}"]
    return [f"{letter}  {label}{' ' * (longest - cell_len(label))}  {value}"]
