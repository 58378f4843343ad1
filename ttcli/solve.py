"""From settings to a run: load what was asked for, run the method, yield its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.progress import Progress
from ttcli.catalog.pull import resolve
from ttcli.catalog.speeds import known_width
from ttcli.cost import Meter, Unit
from ttcli.errors import UsageError
from ttcli.events import Began, Event
from ttcli.interrupt import Interrupt
from ttcli.policy.address import Address
from ttcli.policy.protocol import Policy
from ttcli.policy.scripted import Script, ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.settings import Settings
from ttcli.verifier.confidence import Confidence
from ttcli.verifier.protocol import Verifier
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.engine.model import Model
    from ttcli.engine.sampling import Sampler

SCRIPTED = "scripted:"  # --model scripted:FILE runs a script instead of a model


class Workbench:
    """A policy and verifiers, loaded and ready for problems."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        verifiers: Mapping[str, Verifier],
        interrupt: Interrupt,
        weights: Callable[[str | None], str],
        measure: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.verifiers = verifiers  # by what the user called them
        self.interrupt = interrupt
        self.measure = measure  # tokens per second of a full batch; None where that is not known
        self._weights = weights  # the hash of a model, by what the user calls it; None: the policy's own

    @property
    def recipe(self) -> dict[str, object]:
        """All that decides how solutions are distributed, as JSON."""
        return {"weights": self._weights(None), **self.policy.recipe}

    def verifier_key(self, name: str) -> str:
        """What scores are filed under: equal keys, equal scores."""
        spec = VerifierSpec.parse(name)
        if spec.kind in {"judge", "scripted"}:
            return f"{spec.kind}:{self._weights(spec.model)}"
        return str(spec)

    def solve(self, problem: Problem) -> Iterator[Event]:
        """Run the method on a problem; the last event is Solved."""
        settings = self.settings
        verifier = self.verifiers[str(settings.verifier)] if settings.verifier else None
        if settings.budget.unit is Unit.SECONDS:
            self.interrupt.after(settings.budget.amount)
        meter = Meter(
            settings.budget, max_tokens=settings.sampling.max_tokens, interrupted=lambda: self.interrupt.requested
        )
        yield Began(
            problem,
            settings.method.name,
            self.policy.name,
            verifier.name if verifier else None,
            settings.budget,
            settings.seed,
        )
        yield from settings.method.run(problem, self.policy, verifier, meter, seed=settings.seed)


@contextmanager
def workbench(
    settings: Settings, interrupt: Interrupt, progress: Progress, *, bench: Sequence[VerifierSpec] | None = None
) -> Iterator[Workbench]:
    """Load the models of a run, fetching them first where they are not here; free them at the end.

    `bench`: the verifiers of a bench, whose problems share the batch; None: one problem, the settings' own verifier.

    Raises:
        ModelError, DownloadError, BackendError: a model that cannot be had, loaded or used.
        UsageError: settings that do not go together.
    """
    alone = [settings.verifier] if settings.verifier else []
    specs = alone if bench is None else bench
    at_once = int(settings.budget.amount) if bench is None and settings.budget.unit is Unit.GENERATIONS else None
    with ExitStack() as stack:
        server = settings.server
        name = DEFAULT_MODEL if settings.model is None else settings.model
        if server is not None:
            yield _served(server, settings, specs, interrupt, progress, stack)
        elif name.startswith(SCRIPTED):
            yield _scripted(Path(name.removeprefix(SCRIPTED)), settings, specs, interrupt)
        else:
            yield _local(name, settings, specs, at_once, interrupt, progress, stack)


def _served(
    server: Address,
    settings: Settings,
    specs: Sequence[VerifierSpec],
    interrupt: Interrupt,
    progress: Progress,
    stack: ExitStack,
) -> Workbench:
    # numpy and the HTTP client: not before they are needed
    from ttcli.policy.prompt import Prompt
    from ttcli.policy.server import WIDTH, ServerPolicy

    policy = ServerPolicy(
        server,
        model=settings.model,
        prompt=Prompt(),
        sampler=_sampler(settings),
        max_tokens=settings.sampling.max_tokens,
        width=settings.machine.width or WIDTH,
        notice=progress.note,
        interrupted=interrupt,
    )
    stack.callback(policy.close)
    verifiers = {str(spec): _verifier(spec, settings, None, interrupt, progress, stack) for spec in specs}
    return Workbench(
        settings,
        policy,
        verifiers,
        interrupt,
        lambda name: policy.name if name is None else fingerprint(resolve(name, offline=True, progress=progress)),
    )


def _sampler(settings: Settings) -> Sampler:
    from ttcli.engine.sampling import Sampler

    sampling = settings.sampling
    return Sampler(sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p)


def _scripted(file: Path, settings: Settings, specs: Sequence[VerifierSpec], interrupt: Interrupt) -> Workbench:
    script = Script.read(file)
    policy = ScriptedPolicy(script, width=settings.machine.width or 4, interrupted=interrupt)
    if any(spec.kind == "judge" for spec in specs):
        raise UsageError("a script cannot judge", hint="--verifier scripted")
    known: dict[str, Verifier] = {
        "scripted": ScriptedVerifier(script),
        "confidence": Confidence(),
        "weakest": Confidence(weakest=True),
    }
    verifiers = {str(spec): known[spec.kind] for spec in specs}
    return Workbench(settings, policy, verifiers, interrupt, lambda _: sha256(file.read_bytes()).hexdigest())


def _local(
    name: str,
    settings: Settings,
    specs: Sequence[VerifierSpec],
    at_once: int | None,
    interrupt: Interrupt,
    progress: Progress,
    stack: ExitStack,
) -> Workbench:
    # the engine brings numpy and llama.cpp: not before they are needed
    from ttcli.engine import machine
    from ttcli.engine.tune import speeds
    from ttcli.policy.local import LocalPolicy
    from ttcli.policy.prompt import Prompt

    sampler = _sampler(settings)
    local = resolve(name, offline=settings.offline, progress=progress)
    model = _load(local.path, settings, stack)
    words = local.entry.template if local.entry else None
    prompt = Prompt(system=words.system, step_separator=words.step_separator) if words else Prompt()
    threads = settings.machine.threads or machine.threads()
    width = known_width(local.path, threads) or machine.width()
    if at_once is not None:
        width = min(width, at_once)
    policy = LocalPolicy(
        model,
        name=local.entry.name if local.entry else local.path.name,
        prompt=prompt,
        sampler=sampler,
        max_tokens=settings.sampling.max_tokens,
        width=settings.machine.width or width,
        threads=threads,
        interrupted=interrupt,
    )
    stack.callback(policy.close)
    verifiers = {str(spec): _verifier(spec, settings, model, interrupt, progress, stack) for spec in specs}
    return Workbench(
        settings,
        policy,
        verifiers,
        interrupt,
        lambda other: fingerprint(resolve(name if other is None else other, offline=True, progress=progress)),
        lambda: next(iter(speeds(model, widths=[policy.width], threads=threads, halted=interrupt))).tokens_per_second,
    )


def _verifier(
    spec: VerifierSpec,
    settings: Settings,
    model: Model | None,
    interrupt: Interrupt,
    progress: Progress,
    stack: ExitStack,
) -> Verifier:
    """A verifier; `model`: the policy's own, where it runs here."""
    if spec.kind == "scripted":
        raise UsageError("the scripted verifier goes with a scripted model", hint="--verifier confidence")
    if spec.kind != "judge":
        return Confidence(weakest=spec.kind == "weakest")
    from ttcli.verifier.judge import Judge

    if spec.model is not None:
        path = resolve(spec.model, offline=settings.offline, progress=progress).path
        if model is None or path != model.path:
            model = _load(path, settings, stack)
    if model is None:
        raise UsageError("a server does not judge its own solutions", hint="--verifier judge:MODEL")
    judge = Judge(model, threads=settings.machine.threads, interrupted=interrupt)
    stack.callback(judge.close)
    return judge


def _load(path: Path, settings: Settings, stack: ExitStack) -> Model:
    from ttcli.engine.model import Model

    model = Model(path, gpu_layers=settings.machine.gpu_layers)
    stack.callback(model.close)
    return model
