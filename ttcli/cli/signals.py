"""What ends ttc: Ctrl-C, SIGTERM and SIGHUP, once to end with what there is, twice to end at once."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from ttcli.cli.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from ttcli.interrupt import Interrupt

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Signalled(KeyboardInterrupt):
    """No plain KeyboardInterrupt: Python ends itself by SIGINT where an `exec` has passed one on, caught or not."""


_received: list[int] = []  # in this process, in their order


def exit_code() -> int:
    """What an interrupted ttc exits with: 128 and the signal, as a shell has it; 130 where none came."""
    return 128 + _received[0] if _received else INTERRUPTED


@contextmanager
def interrupted_by_ctrl_c(interrupt: Interrupt) -> Iterator[None]:
    """Ctrl-C, SIGTERM or SIGHUP asks the run to end with what it has; a second one ends the process at once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        if interrupt.requested:
            _leave()
        else:
            interrupt.request()

    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [number for number in _SIGNALS if number == signal.SIGINT or previous[number] is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, previous[number])


def raise_on_signals() -> None:
    """From now on the three are a KeyboardInterrupt wherever no run listens; the second one ends the process."""
    atexit.register(_ignore)  # last of all: Python lets go of other handlers before it has ended
    sys.unraisablehook = _end_where_nothing_can_be_raised
    _handle(_raise)


def leave_on_signals() -> None:
    """From now on there is nothing left to interrupt: the three end the process at once."""
    _handle(lambda number, _frame: _leave(number))


def _raise(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    if len(_received) > 1:
        _leave()
    raise _Signalled


def _end_where_nothing_can_be_raised(told: sys.UnraisableHookArgs) -> None:
    """A signal where nobody can catch it, as in a finalizer or in what C calls back: Python would tell it and go on."""
    if not isinstance(told.exc_value, _Signalled):
        sys.__unraisablehook__(told)
        return
    with suppress(OSError):
        os.write(2, b"interrupted\n")
    _leave()


def _leave(number: int | None = None) -> NoReturn:
    """End now."""
    from ttcli.terminal.messages import show_cursor

    if number is not None:
        _received.append(number)
    try:
        show_cursor()
    finally:
        os._exit(exit_code())


def _handle(handler: object) -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background
            signal.signal(number, handler)  # type: ignore[arg-type]


def _ignore() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
