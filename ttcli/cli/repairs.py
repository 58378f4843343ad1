"""Whether repair helps a model, tried on the samples of a calibration, and kept for `--repair auto`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ttcli.catalog.entry import RepairFigure
from ttcli.cli.run import resume
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.terminal.messages import remark

if TYPE_CHECKING:
    from ttcli.bench.repairs import Tried
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.store import Run, Store

EVERY = 10.0  # seconds between two lines about it


class RepairTrial(NamedTuple):
    """What came of it."""

    figure: RepairFigure | None  # None: nothing to try it on, nothing that could go on from it, or stopped
    stopped: bool  # by Ctrl-C


def try_repair(store: Store, run: Run, spec: BenchSpec, *, quiet: bool) -> RepairTrial:
    """Go on with samples that state a false equation, put right, and keep how many come out right.

    Raises:
        TtcError: the model cannot be had, loaded or used.
    """
    from ttcli.bench.repairs import flawed
    from ttcli.bench.repairs import try_repair as tried_on
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.repair import keep
    from ttcli.runtime.runtime import load_runtime
    from ttcli.terminal.download import download_progress
    from ttcli.verifier.repairers import ArithmeticRepair

    repairer, interrupt = ArithmeticRepair(), Interrupt()
    samples = flawed(store, run, repairer)
    if spec.settings.repair != "off" or not samples:
        return RepairTrial(None, stopped=False)
    last: Tried | None = None
    with load_runtime(spec.settings, interrupt, download_progress(quiet=quiet), bench=()) as runtime:
        samples = [one for one in samples if runtime.policy.rewrites(one.cut.solution.problem)]
        began = told = time.monotonic()
        with interrupted_by_ctrl_c(interrupt):
            for last in tried_on(runtime.policy, repairer, samples, seed=spec.settings.seed):
                if not quiet and (time.monotonic() - told > EVERY or last.done == last.total):
                    told = time.monotonic()
                    _tell(last, told - began)
        if interrupt.requested:
            return RepairTrial(None, stopped=True)
        if last is None:
            return RepairTrial(None, stopped=False)
        figure = RepairFigure(last.done, last.before, last.after, resume(spec), spec.settings.seed)
        keep(str(runtime.recipe["weights"]), figure)
    return RepairTrial(figure, stopped=False)


def _tell(tried: Tried, seconds: float) -> None:
    from ttcli.terminal.words import duration

    left = seconds / tried.done * (tried.total - tried.done)
    ends = f", {duration(left)} left" if tried.done < tried.total else ""
    remark(f"repair tried on {tried.done} of {tried.total} solutions that state a false equation{ends}")
