"""A sitting of a bench as commands hold it: under a display, until all is done or somebody stops it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import TtcError

if TYPE_CHECKING:
    from ttcli.bench.figures.problem import ProblemFigures
    from ttcli.bench.run import BenchSpec
    from ttcli.bench.store.store import Run, Store


class Sat(NamedTuple):
    """A sitting that is over."""

    run: Run
    stopped: bool  # by Ctrl-C, with something left to do


def sit(store: Store, order: BenchSpec, *, quiet: bool, done: Callable[[ProblemFigures], None] = lambda _: None) -> Sat:
    """Work on the run of an order; `done` hears of each problem that is done, those of earlier sittings included.

    Raises:
        TtcError: whatever went wrong, with the command that goes on in its hint.
    """
    from ttcli.bench.execute.runner import Done
    from ttcli.bench.plan import headline
    from ttcli.bench.run import sitting
    from ttcli.interrupt import Interrupt
    from ttcli.terminal.bench import BenchState, bench_display
    from ttcli.terminal.download import download_progress

    interrupt = Interrupt()
    state = BenchState(len(order.rows), headline(order.tasks))
    begun = False
    try:
        with (
            sitting(store, order, interrupt, download_progress(quiet=quiet)) as session,
            interrupted_by_ctrl_c(interrupt),
            bench_display("none" if quiet else "auto", sys.stderr, state) as screen,
        ):
            begun = True
            for progress in session.go():
                screen.show(progress)
                if isinstance(progress, Done):
                    done(progress.figures)
            return Sat(session.run, interrupt.requested and not session.finished)
    except TtcError as error:
        if begun:  # what was drawn is kept
            error.hint = f"{error.hint}; then {resume(order)}" if error.hint else resume(order)
        raise


def resume(order: BenchSpec) -> str:
    """The command that goes on, as one types it."""
    return shlex.join(order.command)
