"""Which display a run is shown on."""

from __future__ import annotations

import sys
from typing import Literal, TextIO

from ttcli.events import Event
from ttcli.seams import Display

Show = Literal["auto", "tree", "lines", "none"]


def display(show: Show, stream: TextIO | None = None) -> Display[Event]:
    """The display asked for; `auto` is a live tree on a terminal and plain lines elsewhere."""
    from ttcli.terminal.lines import LineDisplay, NoDisplay

    stream = stream or sys.stderr
    if show == "tree" or (show == "auto" and stream.isatty()):
        from ttcli.terminal.live import LiveDisplay

        return LiveDisplay(stream)
    return NoDisplay() if show == "none" else LineDisplay(stream)
