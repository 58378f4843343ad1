"""From settings to a run: load what was asked for, run the method, yield its events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ttcli.catalog.progress import Progress
from ttcli.catalog.pull import resolve
from ttcli.catalog.speeds import known_width
from ttcli.cost import Meter, Unit
from ttcli.errors import UsageError
from ttcli.events import Began, Event
from ttcli.interrupt import Interrupt
from ttcli.policy.protocol import Policy
from ttcli.policy.scripted import Script, ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.settings import Settings
from ttcli.verifier.confidence import Confidence
from ttcli.verifier.protocol import Verifier

if TYPE_CHECKING:
    from ttcli.engine.model import Model

SCRIPTED = "scripted:"  # --model scripted:FILE runs a script instead of a model


class Workbench:
    """A policy and its verifier, loaded and ready for problems."""

    def __init__(self, settings: Settings, policy: Policy, verifier: Verifier | None, interrupt: Interrupt) -> None:
        self.settings = settings
        self.policy = policy
        self.verifier = verifier
        self._interrupt = interrupt

    def solve(self, problem: Problem) -> Iterator[Event]:
        """Run the method on a problem; the last event is Solved."""
        settings = self.settings
        if settings.budget.unit is Unit.SECONDS:
            self._interrupt.after(settings.budget.amount)
        meter = Meter(
            settings.budget, max_tokens=settings.sampling.max_tokens, interrupted=lambda: self._interrupt.requested
        )
        yield Began(
            problem,
            settings.method.name,
            self.policy.name,
            self.verifier.name if self.verifier else None,
            settings.budget,
            settings.seed,
        )
        yield from settings.method.run(problem, self.policy, self.verifier, meter, seed=settings.seed)


@contextmanager
def workbench(settings: Settings, interrupt: Interrupt, progress: Progress) -> Iterator[Workbench]:
    """Load the models of a run, fetching them first where they are not here; free them at the end.

    Raises:
        ModelError, DownloadError, BackendError: a model that cannot be had, loaded or used.
        UsageError: settings that do not go together.
    """
    with ExitStack() as stack:
        if settings.model.startswith(SCRIPTED):
            policy, verifier = _scripted(settings, interrupt)
        else:
            policy, verifier = _local(settings, interrupt, progress, stack)
        yield Workbench(settings, policy, verifier, interrupt)


def _scripted(settings: Settings, interrupt: Interrupt) -> tuple[Policy, Verifier | None]:
    script = Script.read(Path(settings.model.removeprefix(SCRIPTED)))
    policy = ScriptedPolicy(script, width=settings.machine.width or 4, interrupted=interrupt)
    spec = settings.verifier
    if spec is None:
        return policy, None
    if spec.kind == "judge":
        raise UsageError("a script cannot judge", hint="--verifier scripted")
    verifiers: dict[str, Verifier] = {
        "scripted": ScriptedVerifier(script),
        "confidence": Confidence(),
        "weakest": Confidence(weakest=True),
    }
    return policy, verifiers[spec.kind]


def _local(
    settings: Settings, interrupt: Interrupt, progress: Progress, stack: ExitStack
) -> tuple[Policy, Verifier | None]:
    # the engine brings numpy and llama.cpp: not before they are needed
    from ttcli.engine import machine
    from ttcli.engine.sampling import Sampler
    from ttcli.policy.local import LocalPolicy
    from ttcli.policy.prompt import Prompt

    sampling = settings.sampling
    sampler = Sampler(sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p)
    local = resolve(settings.model, offline=settings.offline, progress=progress)
    model = _load(local.path, settings, stack)
    words = local.entry.template if local.entry else None
    prompt = Prompt(system=words.system, step_separator=words.step_separator) if words else Prompt()
    threads = settings.machine.threads or machine.threads()
    width = known_width(local.path, threads) or machine.width()
    budget = settings.budget
    if budget.unit is Unit.GENERATIONS:
        width = min(width, int(budget.amount))
    policy = LocalPolicy(
        model,
        name=local.entry.name if local.entry else local.path.name,
        prompt=prompt,
        sampler=sampler,
        max_tokens=sampling.max_tokens,
        width=settings.machine.width or width,
        threads=threads,
        interrupted=interrupt,
    )
    stack.callback(policy.close)
    verifier = _verifier(settings, model, interrupt, progress, stack)
    return policy, verifier


def _verifier(
    settings: Settings, model: Model, interrupt: Interrupt, progress: Progress, stack: ExitStack
) -> Verifier | None:
    from ttcli.verifier.judge import Judge

    spec = settings.verifier
    if spec is None:
        return None
    if spec.kind == "scripted":
        raise UsageError("the scripted verifier goes with a scripted model", hint="--verifier confidence")
    if spec.kind != "judge":
        return Confidence(weakest=spec.kind == "weakest")
    if spec.model is not None:
        path = resolve(spec.model, offline=settings.offline, progress=progress).path
        if path != model.path:
            model = _load(path, settings, stack)
    judge = Judge(model, threads=settings.machine.threads, interrupted=interrupt)
    stack.callback(judge.close)
    return judge


def _load(path: Path, settings: Settings, stack: ExitStack) -> Model:
    from ttcli.engine.model import Model

    model = Model(path, gpu_layers=settings.machine.gpu_layers)
    stack.callback(model.close)
    return model
