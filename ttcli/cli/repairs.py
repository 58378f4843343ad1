"""Whether repair helps a model, tried on the samples of a calibration, and kept for `--repair auto`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ttcli.catalog.entry import RepairFigure
from ttcli.cli.run import resume
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import TtcError
from ttcli.terminal.messages import remark

if TYPE_CHECKING:
    from ttcli.bench.repairs import Flawed, Tried
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.store import Run, Store
    from ttcli.seams import Repairer

EVERY = 10.0  # seconds between two lines about it


class RepairTrial(NamedTuple):
    """What came of it."""

    figure: RepairFigure | None
    reason: str | None = None  # why there is no figure
    stopped: bool = False  # by Ctrl-C


def try_repair(store: Store, run: Run, spec: BenchSpec, *, quiet: bool) -> RepairTrial:
    """Go on with samples that state a false equation, put right, and keep how many come out right.

    A calibration that has done so is believed. Nothing that goes wrong here takes the calibration with it.
    """
    from ttcli.bench.repairs import flawed
    from ttcli.runtime.repair import keep, measured
    from ttcli.verifier.repairers import ArithmeticRepair

    repairer, weights = ArithmeticRepair(), str(run.config.recipe["weights"])
    if reason := _unfit(spec):
        return RepairTrial(None, reason)
    known = measured(weights)
    if known and (known.measured, known.seed) == (resume(spec), spec.settings.seed):
        return RepairTrial(known)
    samples = flawed(store, run, repairer)
    if not samples:
        return RepairTrial(None, "no sample states a false equation")
    try:
        trial = _drawn(samples, spec, repairer, quiet=quiet)
    except TtcError as error:
        return RepairTrial(None, str(error))
    if trial.figure:
        keep(weights, trial.figure)
    return trial


def _unfit(spec: BenchSpec) -> str | None:
    """Why it is not tried; None: it can be."""
    if spec.settings.repair != "off":
        return f"the samples are drawn with --repair {spec.settings.repair}"
    if spec.settings.policy is not None or spec.ray is not None:
        return "it is tried on models of this machine alone"
    return None


def _drawn(samples: list[Flawed], spec: BenchSpec, repairer: Repairer, *, quiet: bool) -> RepairTrial:
    from ttcli.bench.repairs import try_repair as tried_on
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.runtime import load_runtime
    from ttcli.terminal.download import download_progress

    interrupt, seed = Interrupt(), spec.settings.seed
    last: Tried | None = None
    with (
        interrupted_by_ctrl_c(interrupt),
        load_runtime(spec.settings, interrupt, download_progress(quiet=quiet), bench=()) as runtime,
    ):
        if runtime.policy.thought_tokens:
            return RepairTrial(None, "the model thinks before it answers, and thoughts of samples are not gone on from")
        began = told = time.monotonic()
        for last in tried_on(runtime.policy, repairer, samples, seed=seed):
            if not quiet and (time.monotonic() - told > EVERY or last.done == last.total):
                told = time.monotonic()
                _tell(last, told - began)
    if interrupt.requested:
        return RepairTrial(None, "it was stopped", stopped=True)
    if last is None:
        return RepairTrial(None, "nothing could be gone on with")
    return RepairTrial(RepairFigure(last.done, last.before, last.after, resume(spec), seed))


def _tell(tried: Tried, seconds: float) -> None:
    from ttcli.terminal.words import duration

    left = seconds / tried.done * (tried.total - tried.done)
    ends = f", {duration(left)} left" if tried.done < tried.total else ""
    remark(f"repair tried on {tried.done} of {tried.total} solutions that state a false equation{ends}")
