"""A run of a bench that is being worked on: what was asked for, with the models loaded and the run found or begun."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ttcli import __version__
from ttcli.bench.cluster.cluster import cluster
from ttcli.bench.execute.runner import Executor, Runner, WorkProgress, open_tasks
from ttcli.bench.execute.share import profile_counts
from ttcli.bench.execute.worker import Description, describe, engine
from ttcli.bench.figures.problem import load_figures
from ttcli.bench.pace import Pace, pace
from ttcli.bench.plan import Forecast, forecast
from ttcli.bench.store.config import RunConfig, VerifierConfig, digest, search_version
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Task
from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.progress import Progress as Download
from ttcli.catalog.stored import locate
from ttcli.data.dataset import Row
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.runtime.runtime import SCRIPTED, load_runtime
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

    def __init__(self, store: Store, run: Run, executor: Executor, settings: Settings) -> None:
        self.run = run
        self._settings = settings
        self._store = store
        self._executor = executor

    def go(self) -> Iterator[WorkProgress]:
        """Work until the run is done or interrupted; what happens, as it happens."""
        return Runner(self._store, self.run, self._settings.profile).go(self._executor)

    @property
    def expected(self) -> float | None:
        """Tokens that are left to sample, more or less; None where the budget does not tell."""
        try:
            return forecast(load_figures(self._store, self.run), self._settings.max_tokens).tokens
        except UsageError:
            return None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return not any(open_tasks(load_figure) for load_figure in load_figures(self._store, self.run))


@contextmanager
def open_run(store: Store, spec: BenchSpec, interrupt: Interrupt, download: Download) -> Iterator[ActiveRun]:
    """Load the models, here or in the workers, and find the run or begin it.

    Raises:
        TtcError: as `load_runtime` or `cluster` do; StoreError where another process is at work on the run.
    """
    with _executor(spec, interrupt, download) as (executor, description):
        store.remember_engine(engine_key(spec), description.to_json())
        run = store.begin(config_of(spec, description), spec.rows)
        with store.working_on(run):
            if spec.retry_failed:
                store.forget(run, failures=True)
            yield ActiveRun(store, run, executor, spec.settings)


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


def foresee(store: Store, spec: BenchSpec) -> tuple[Forecast, Pace | None]:
    """What is left to draw of a run, and how fast that will go; None where nothing has shown that.

    No model is loaded: an engine with these settings was described when it was last loaded from this store. One that
    never was has drawn nothing. The speed is that of runs like it, or of others with this model; see `pace`. Nothing
    stays behind in the store.

    Raises:
        UsageError: the budget is not in generations.
        ModelError: there is no such model.
    """
    told = store.engine(engine_key(spec))
    config = config_of(spec, Description.from_json(told) if told else _guess(store, spec))
    known = next((run for run in store.runs() if run.id == config.run_id(spec.rows)), None)
    run = known or store.begin(config, spec.rows)
    try:
        left = forecast(load_figures(store, run), spec.settings.max_tokens)
        configs = [config, *(other.config for other in reversed(store.runs()) if other.config.model == config.model)]
        return left, pace(store, configs, spec.settings, ray=spec.ray is not None)
    finally:
        if known is None:
            store.remove(run, samples=False)


def engine_key(spec: BenchSpec) -> str:
    """What decides what an engine says of itself, as far as can be seen without loading a model."""
    settings = spec.settings
    return digest(
        {
            "model": [settings.model, *_seen(settings.model)] if settings.policy is None else settings.model,
            "policy": settings.policy,
            "reviser": settings.reviser,
            "sampling": asdict(settings.sampling),
            "machine": asdict(settings.machine),
            "max_tokens": settings.max_tokens,
            "prompt": [str(settings.words), settings.system],
            "aggregate": settings.aggregate,
            "repair": settings.repair,
            "verifiers": [str(verifier) for verifier in spec.verifiers],
            "ttc": __version__,
        }
    )


def _seen(model: str | None) -> list[int]:
    """Size and time of change of a model's file, and of the TOML beside it; nothing where it is not here."""
    name = model or DEFAULT_MODEL
    if name.startswith(SCRIPTED):
        path = Path(name.removeprefix(SCRIPTED))
    else:
        local = locate(name)
        path = local.path if local else Path()
    facts = [each.stat() for each in (path, path.with_suffix(".toml")) if each.is_file()]
    return [number for each in facts for number in (each.st_size, each.st_mtime_ns)]


def _guess(store: Store, spec: BenchSpec) -> Description:
    """What an engine that nobody described would say: what the last run like it did, or next to nothing."""
    settings = spec.settings
    asked = settings.model or str(settings.policy)
    configs = [run.config for run in reversed(store.runs()) if run.config.model in _names(asked)]
    name = configs[0].model if configs else asked
    config = next((each for each in configs if _alike(each, settings)), None)
    known = config.verifiers if config else {}
    verifiers = {str(verifier): known.get(str(verifier), VerifierConfig("", 0)) for verifier in spec.verifiers}
    if config is None:
        return Description(name, {}, 0, verifiers, 0, __version__)
    told = (config.recipe, config.parameters, verifiers, 0, config.ttc, config.revisions or {})
    return Description(name, *told)


def _names(model: str) -> set[str]:
    """What an engine may call a model that a user calls so."""
    name = Path(model.removeprefix(SCRIPTED)).name
    return {model, name, Path(name).stem, *(["scripted"] if model.startswith(SCRIPTED) else [])}


def _alike(config: RunConfig, settings: Settings) -> bool:
    """Whether a run was made with these settings."""
    told = (config.temperature, config.recipe.get("max_tokens"))
    return told == (settings.sampling.temperature, settings.max_tokens)


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
        revisions=_revisions(spec, description),
        profile=_profile_key(spec),
        search=search_version(spec.tasks),
        reviser=description.reviser if spec.demand.attempts else None,
    )


def _revisions(spec: BenchSpec, description: Description) -> dict[str, object] | None:
    """What decides how revisions are distributed; the words of a doubt have a part in it where one is told."""
    if not spec.demand.attempts:
        return None
    return {key: value for key, value in description.revisions.items() if key != "doubt" or spec.demand.told}


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
