"""Plain text in aligned columns, as wide as its cells are and no wider."""

from __future__ import annotations

import textwrap
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
    folds: bool = False  # its words may take several lines
    spare: int = 0  # how easily it is left out where all have no room; 0: not at all


def fitted(
    heads: Sequence[Column], left: Sequence[Column], right: Sequence[Column], width: int, marks: Marks
) -> list[str]:
    """One table of all columns; two, each with its heads, where one would be wider than so many columns.

    The second leaves out the rows that say nothing in it.
    """
    columns = [*heads, *left, *right]
    others = [max(map(cell_len, column)) for column in _cells(columns, marks)[1:]]
    if not right or _sum([0, *others]) <= width:
        return table(columns, width, marks)
    told = [number for number, cells in enumerate(zip(*(each.cells for each in right), strict=True)) if any(cells)]
    rest = [each._replace(cells=[each.cells[number] for number in told]) for each in [*heads, *right]]
    return [*table([*heads, *left], width, marks), "", *table(rest, width, marks)]


def table(columns: Sequence[Column], width: int, marks: Marks) -> list[str]:
    """Head, rule and rows; a first cell that is that of the row above is left out.

    Where that is wider than `width`, each first cell gets a line of its own, above the rest of its rows; else a column
    of words that may be folded is; else columns are left out, those that are spared most easily first; and what is
    wider still has a line for each cell. No cell is ever cut.
    """
    cells = _cells(columns, marks)
    widths = [max(map(cell_len, column)) for column in cells]
    rule = "-" if marks.dots.isascii() else "─"
    if _sum(widths) <= width:
        return _lines(columns, cells, widths, rule, stacked=False)
    if _sum([0, *widths[1:]]) <= width:
        return _lines(columns, cells, widths, rule, stacked=True)
    for number, column in enumerate(columns):
        room = width - _sum(widths) + widths[number]
        if column.folds and room >= max(cell_len(word) for cell in cells[number] for word in cell.split() or [""]):
            return _folded(columns, cells, number, room, rule)
    least = max(columns, key=lambda column: column.spare)
    if least.spare:
        return table([column for column in columns if column is not least], width, marks)
    return _listed(cells)


def _cells(columns: Sequence[Column], marks: Marks) -> list[list[str]]:
    return [[column.head, *map(marks.line, column.cells)] for column in columns]


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _lines(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], widths: Sequence[int], rule: str, *, stacked: bool
) -> list[str]:
    widths = [0, *widths[1:]] if stacked else widths
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


def _folded(columns: Sequence[Column], cells: Sequence[Sequence[str]], number: int, room: int, rule: str) -> list[str]:
    """The table with one column folded to so many cells, at its spaces."""
    wrapped = [
        textwrap.wrap(cell, room, break_long_words=False, break_on_hyphens=False) or [""] for cell in cells[number]
    ]
    widths = [max(map(cell_len, column)) for column in cells]
    widths[number] = max(cell_len(line) for parts in wrapped for line in parts)
    lines: list[str] = []
    for at, row in enumerate(zip(*cells, strict=True)):
        for line, part in enumerate(wrapped[at]):
            told = ["" if line else cell for cell in row]
            told[number] = part
            lines.append(_row(told, columns, widths))
        if not at:
            lines.append(rule * _sum(widths))
    return lines


def _listed(cells: Sequence[Sequence[str]]) -> list[str]:
    """A line for each cell that says something, with its head, and a blank line between two rows."""
    heads = [column[0] for column in cells]
    indent = max(map(cell_len, heads))
    rows = [
        [f"{head}{' ' * (indent - cell_len(head))}{_GAP}{cell}" for head, cell in zip(heads, row, strict=True) if cell]
        for row in zip(*(column[1:] for column in cells), strict=True)
    ]
    return [line for row in rows for line in ("", *row)][1:]


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, size in zip(cells, columns, widths, strict=True):
        space = " " * (size - cell_len(cell))
        padded.append(cell + space if column.left else space + cell)
    return _GAP.join(padded).rstrip()
