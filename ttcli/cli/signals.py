"""Ctrl-C while the engine works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ttcli.interrupt import Interrupt


@contextmanager
def interrupted_by_ctrl_c(interrupt: Interrupt) -> Iterator[None]:
    """Ctrl-C asks the run to end with what it has; a second one ends the process at once."""

    from ttcli.terminal.messages import show_cursor

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if interrupt.requested:
            show_cursor()
            os._exit(130)
        interrupt.request()

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
