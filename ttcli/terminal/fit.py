"""Text and bars fitted to the cells of a terminal."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from ttcli.terminal.marks import Marks

SCORE_BAR = 8  # cells of a score between 0 and 1
_SPARE = 2  # characters looked at for each cell: spaces shrink when text comes on one line


def newest(text: str, cells: int, marks: Marks) -> str:
    """The end of a text on one line, as much as fits."""
    whole = len(text) <= _SPARE * cells
    text = marks.line(text if whole else text[-_SPARE * cells :])
    if whole and cell_len(text) <= cells:
        return text
    room = max(0, cells - len(marks.dots))
    text = text[max(0, len(text) - room) :]
    while cell_len(text) > room:  # of characters that are two cells wide
        text = text[1:]
    return (marks.dots + text)[: max(0, cells)]


def cut(text: Text, length: int, marks: Marks) -> Text:
    """The beginning of a text."""
    if len(text) > length:
        text.truncate(length)
        text.append(marks.dots)
    return text


def bar(share: float, width: int, marks: Marks) -> str:
    """A share in [0, 1] as so many cells."""
    full = round(width * share)
    return marks.full * full + marks.empty * (width - full)
