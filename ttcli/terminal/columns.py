"""Plain text in aligned columns, as wide as its cells are and no wider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from ttcli.terminal.marks import Marks

_GAP = "  "


class Column(NamedTuple):
    """A column of a table; all columns of one are equally long."""

    head: str
    cells: Sequence[str]
    left: bool = False  # for words; numbers stand on the right


def fitted(
    heads: Sequence[Column], left: Sequence[Column], right: Sequence[Column], width: int, marks: Marks
) -> list[str]:
    """One table of all columns; two, each with its heads, where one would be wider than so many columns.

    The second leaves out the rows that say nothing in it.
    """
    whole = table([*heads, *left, *right], width, marks)
    if not right or max(map(cell_len, whole)) <= width:
        return whole
    told = [number for number, cells in enumerate(zip(*(each.cells for each in right), strict=True)) if any(cells)]
    rest = [each._replace(cells=[each.cells[number] for number in told]) for each in [*heads, *right]]
    return [*table([*heads, *left], width, marks), "", *table(rest, width, marks)]


def table(columns: Sequence[Column], width: int, marks: Marks) -> list[str]:
    """Head, rule and rows; a first cell that is that of the row above is left out.

    Where that is wider than `width`, each first cell gets a line of its own, above the rest of its rows. No cell is
    ever cut: what is wider still stays so.
    """
    cells = [[column.head, *map(marks.line, column.cells)] for column in columns]
    widths = [max(map(cell_len, column)) for column in cells]
    rule = "-" if marks.dots.isascii() else "─"
    stacked = sum(widths) + len(_GAP) * (len(widths) - 1) > width
    if stacked:
        widths[0] = 0
    lines: list[str] = []
    before = None
    for row in zip(*cells, strict=True):
        first, *others = row
        if stacked and first != before:
            lines.append(first)
        lines.append(_row(["" if stacked or first == before else first, *others], columns, widths))
        if before is None:
            lines.append(rule * cell_len(_row(["x" * size for size in widths], columns, widths)))
        before = first
    return lines


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, size in zip(cells, columns, widths, strict=True):
        space = " " * (size - cell_len(cell))
        padded.append(cell + space if column.left else space + cell)
    return _GAP.join(padded).rstrip()
