"""A run of a bench that is being worked on: what was asked for, with the models loaded and the run found or begun."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ttcli.bench.cluster.cluster import cluster
from ttcli.bench.execute.runner import Executor, Progress, Runner, open_tasks
from ttcli.bench.execute.share import profile_counts
from ttcli.bench.execute.worker import Description, describe, engine
from ttcli.bench.figures.problem import load_figures
from ttcli.bench.plan import Forecast, forecast, speed
from ttcli.bench.store.config import RunConfig, digest
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Task
from ttcli.catalog.progress import Progress as Download
from ttcli.data.dataset import Row
from ttcli.interrupt import Interrupt
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Settings
from ttcli.search.method import NO_DEMAND, Demand
from ttcli.search.methods import parse_method
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.allocate.profile import Profile


@dataclass(frozen=True, slots=True)
class BenchSpec:
    """What a user asked for."""

    settings: Settings
    tasks: tuple[Task, ...]
    baseline: str  # name of a method
    data: str  # name of the data set
    rows: tuple[Row, ...]
    command: tuple[str, ...]
    retry_failed: bool = False
    ray: str | None = None  # workers, see `connection.places`; None: the engine of this process

    @property
    def verifiers(self) -> list[VerifierSpec]:
        """All that the tasks name."""
        return [VerifierSpec.parse(name) for name in dict.fromkeys(task.verifier for task in self.tasks) if name]

    @property
    def demand(self) -> Demand:
        """What its methods hold in the policy's context at most."""
        demands = (self.settings.demand(parse_method(task.method), task.budget) for task in self.tasks)
        return functools.reduce(Demand.joined, demands, NO_DEMAND)


class ActiveRun:
    """A run that is being worked on."""

    def __init__(self, store: Store, run: Run, executor: Executor, profile: Profile | None) -> None:
        self.run = run
        self._profile = profile
        self._store = store
        self._executor = executor

    def go(self) -> Iterator[Progress]:
        """Work until the run is done or interrupted; what happens, as it happens."""
        return Runner(self._store, self.run, self._profile).go(self._executor)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return not any(open_tasks(each) for each in load_figures(self._store, self.run))


@contextmanager
def open_run(store: Store, spec: BenchSpec, interrupt: Interrupt, download: Download) -> Iterator[ActiveRun]:
    """Load the models, here or in the workers, and find the run or begin it.

    Raises:
        TtcError: as `load_runtime` or `cluster` do; StoreError where another process is at work on the run.
    """
    with _executor(spec, interrupt, download) as (executor, description):
        run = store.begin(config_of(spec, description), spec.rows)
        with store.working_on(run):
            if spec.retry_failed:
                store.forget(run, failures=True)
            yield ActiveRun(store, run, executor, spec.settings.profile)


@contextmanager
def _executor(spec: BenchSpec, interrupt: Interrupt, download: Download) -> Iterator[tuple[Executor, Description]]:
    if spec.ray is not None:
        with cluster(spec.ray, spec.settings, spec.verifiers, interrupt, download.note, demand=spec.demand) as workers:
            yield workers, workers.description
    else:
        with load_runtime(spec.settings, interrupt, download, bench=spec.verifiers, demand=spec.demand) as runtime:
            yield engine(runtime), describe(runtime)


def identify(settings: Settings, interrupt: Interrupt, download: Download) -> Description:
    """What the engine with these settings says of itself; nothing is drawn."""
    with load_runtime(settings, interrupt, download, bench=()) as runtime:
        return describe(runtime)


def foresee(store: Store, spec: BenchSpec, interrupt: Interrupt, download: Download) -> tuple[Forecast, float | None]:
    """What is left to draw of a run, and at how many tokens per second; None where that cannot be measured.

    The speed is that of the last run with this model, or is measured now, on this machine: no worker of `order.ray`
    is asked. Nothing stays behind in the store.
    """
    with load_runtime(spec.settings, interrupt, download, bench=spec.verifiers, demand=spec.demand) as runtime:
        config = config_of(spec, describe(runtime))
        known = next((run for run in store.runs() if run.id == config.run_id(spec.rows)), None)
        run = known or store.begin(config, spec.rows)
        try:
            left = forecast(load_figures(store, run), spec.settings.max_tokens)
        finally:
            if known is None:
                store.remove(run, samples=False)
        same = [other for other in store.runs() if other.config.source_key == config.source_key]
        speeds = [measured for other in same if (measured := speed(store.loads(other))) is not None]
        return left, speeds[-1] if speeds else runtime.measure()


def config_of(spec: BenchSpec, description: Description) -> RunConfig:
    """What the run of a spec consists of."""
    settings = spec.settings
    return RunConfig(
        model=description.name,
        recipe=description.recipe,
        parameters=description.parameters,
        tasks=spec.tasks,
        verifiers=description.verifiers,
        temperature=settings.sampling.temperature,
        seed=settings.seed,
        data=spec.data,
        baseline=spec.baseline,
        command=spec.command,
        ttc=description.ttc,
        revisions=dict(description.revisions) if spec.demand.attempts else None,
        profile=_profile_key(spec),
    )


def _goes_by(task: Task, profile: Profile) -> bool:
    """Whether what a task comes to hangs on a profile."""
    return parse_method(task.method).advised is not None or (task.budget.shared and profile_counts(task, profile))


def _profile_key(spec: BenchSpec) -> str | None:
    """The hash of the profile that a method goes by; None: none does."""
    profile = spec.settings.profile
    if profile is None or not any(_goes_by(task, profile) for task in spec.tasks):
        return None
    from ttcli.allocate.profile import render

    return digest(render(profile))
