"""The seam between a run and whoever watches it."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TextIO

from ttcli.events import Event

Show = Literal["auto", "tree", "lines", "none"]


class Display(AbstractContextManager["Display"], Protocol):
    """Draws events as they come; a context, so that the terminal is left as it was found."""

    def show(self, event: Event) -> None:
        """Take note of an event, and draw it if it is time to."""
        ...


def display(show: Show, stream: TextIO | None = None) -> Display:
    """The display asked for; `auto` is a live tree on a terminal and plain lines elsewhere."""
    from ttcli.terminal.lines import LineDisplay, NoDisplay

    stream = stream or sys.stderr
    if show == "tree" or (show == "auto" and stream.isatty()):
        from ttcli.terminal.live import LiveDisplay

        return LiveDisplay(stream)
    return NoDisplay() if show == "none" else LineDisplay(stream)
