"""A run of a bench as commands hold it: under a display, until all is done or somebody stops it."""

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


class FinishedRun(NamedTuple):
    """A run that was worked on."""

    run: Run
    stopped: bool  # by Ctrl-C, with something left to do


def work_on(
    store: Store, spec: BenchSpec, *, quiet: bool, done: Callable[[ProblemFigures], None] = lambda _: None
) -> FinishedRun:
    """Work on the run of a spec; `done` hears of each problem that is done, those of earlier calls included.

    Raises:
        GradingError: answers cannot be compared; nothing has begun.
        TtcError: whatever else went wrong, with the command that goes on in its hint.
    """
    from ttcli.answers import CHECKER
    from ttcli.bench.execute.runner import Done
    from ttcli.bench.plan import headline
    from ttcli.bench.run import open_run
    from ttcli.interrupt import Interrupt
    from ttcli.terminal.bench import BenchState, bench_display
    from ttcli.terminal.download import download_progress

    interrupt = Interrupt()
    state = BenchState(len(spec.rows), headline(spec.tasks))
    begun = False
    CHECKER.require()
    try:
        with (
            open_run(store, spec, interrupt, download_progress(quiet=quiet)) as session,
            interrupted_by_ctrl_c(interrupt),
            bench_display("none" if quiet else "auto", sys.stderr, state) as screen,
        ):
            begun = True
            for progress in session.go():
                screen.show(progress)
                if isinstance(progress, Done):
                    done(progress.figures)
            return FinishedRun(session.run, interrupt.requested and not session.finished)
    except TtcError as error:
        if begun:  # what was drawn is kept
            error.hint = f"{error.hint}; then {resume(spec)}" if error.hint else resume(spec)
        raise


def resume(spec: BenchSpec) -> str:
    """The command that goes on, as one types it."""
    return shlex.join(spec.command)
