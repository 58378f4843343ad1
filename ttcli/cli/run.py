"""A run of a bench as commands hold it: under a display, until all is done or somebody stops it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import TtcError
from ttcli.printable import shell_line
from ttcli.terminal.messages import say, say_json

if TYPE_CHECKING:
    from ttcli.bench.figures.problem import ProblemFigures
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.store import Run, Store


class FinishedRun(NamedTuple):
    """A run that was worked on."""

    run: Run
    stopped: bool  # by Ctrl-C, with something left to do


def work_on(
    store: Store, spec: BenchSpec, *, quiet: bool, done: Callable[[Run, ProblemFigures], None] = lambda *_: None
) -> FinishedRun:
    """Work on the run of a spec; `done` hears of each problem that is done, those of earlier calls included.

    Raises:
        GradingError: answers cannot be compared; nothing has begun.
        TtcError: whatever else went wrong, with the command that goes on in its hint.
    """
    from ttcli.answers import CHECKER
    from ttcli.bench.execute.runner import Done
    from ttcli.bench.plan import headline
    from ttcli.bench.session import open_run
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
            state.expected = session.expected
            for progress in session.go():
                screen.show(progress)
                if isinstance(progress, Done):
                    done(session.run, progress.figures)
            return FinishedRun(session.run, interrupt.requested and not session.finished)
    except TtcError as error:
        if begun:  # what was drawn is kept
            error.hint = f"{error.hint}; then {resume(spec)}" if error.hint else resume(spec)
        raise


def resume(spec: BenchSpec) -> str:
    """The command that goes on, as one types it."""
    return shell_line(spec.command)


def tell_forecast(store: Store, spec: BenchSpec, *, as_json: bool) -> int:
    """What a run would take, on stdout; no model is loaded."""
    from ttcli.bench.session import foresee
    from ttcli.terminal.words import counted, duration

    left, pace = foresee(store, spec)
    speed = pace.tokens_per_second if pace else None
    seconds = left.tokens / speed if speed else None
    if as_json:
        told = {"version": 1, "type": "forecast", **left._asdict(), "tokens": left.tokens, "tokens_per_second": speed}
        say_json({**told, "seconds": seconds, "width": pace.width if pace else None})
        return 0
    length = "measured" if left.measured else "a guess: none drawn yet"
    say(f"{counted(left.problems, 'problem')}, at most {counted(left.samples, 'sample')} to draw")
    say(f"{left.tokens:,.0f} tokens, {left.tokens_per_sample:,.0f} a sample ({length})")
    if pace and seconds is not None:
        seen = "as ttc models tune found" if pace.tuned else "as in earlier runs with this model"
        wide = f"with {counted(pace.width, 'text')} at once" if pace.width else "at whatever width"
        say(f"{duration(seconds)} at {speed:,.0f} tokens/s, {seen} {wide}")
    else:
        say("how fast it goes here is not known before a first run with this model")
    return 0
