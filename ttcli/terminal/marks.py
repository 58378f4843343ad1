"""The signs of trees, bars and charts, in a script that the terminal can show."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console, OverflowMethod

from ttcli.printable import one_line


class Marks(NamedTuple):
    """One set of signs."""

    grows: str
    step: str  # complete, and more may grow from it
    ahead: str  # a step drawn to look ahead
    pruned: str
    answered: str
    silent: str  # ended without an answer
    winner: str
    full: str
    empty: str
    dots: str
    fork: str  # guides of a tree, all of one width
    last: str
    down: str

    def line(self, text: str) -> str:
        """Text on one line, in characters that the terminal can show: an escape would be wider than was reckoned."""
        text = one_line(text)
        return text.encode("ascii", "replace").decode() if self.dots.isascii() else text

    @property
    def overflow(self) -> OverflowMethod:
        """How a line that is too long ends."""
        return "crop" if self.dots.isascii() else "ellipsis"


UNICODE = Marks("◌", "•", "↷", "×", "●", "○", "★", "█", "░", "…", "├─ ", "└─ ", "│  ")
ASCII = Marks(".", "+", "~", "x", "o", "-", "*", "#", ".", "...", "|- ", "`- ", "|  ")


def marks_for(console: Console) -> Marks:
    """The signs that this terminal can show."""
    return ASCII if console.options.ascii_only else UNICODE
