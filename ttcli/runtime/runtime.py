"""From settings to a run: load what was asked for, run the method, yield its events."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from ttcli.answers.final import settled
from ttcli.catalog.entry import DEFAULT_MODEL, Entry
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.progress import Progress
from ttcli.catalog.pull import resolve
from ttcli.catalog.stored import LocalModel
from ttcli.cost import Meter, Unit
from ttcli.errors import UsageError
from ttcli.events import Event, RunFinished, RunStarted
from ttcli.files.trained import read_facts
from ttcli.interrupt import Interrupt
from ttcli.policy.script import Script
from ttcli.policy.scripted import WIDTH as SCRIPTED_WIDTH
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.policy.server.address import Address
from ttcli.problem import Problem
from ttcli.runtime.adapters import meant, telling
from ttcli.runtime.answered import answered
from ttcli.runtime.backend import learn_backend_sampling
from ttcli.runtime.heads import doubts, find_head
from ttcli.runtime.loader import Loader, check, prompt_of, read_by_heads, score_key
from ttcli.runtime.local import local_policy
from ttcli.runtime.reading import Reading
from ttcli.runtime.repair import mending
from ttcli.runtime.settings import Settings
from ttcli.runtime.width import fitting
from ttcli.seams import AskingPolicy, BatchPolicy, Verifier
from ttcli.search.method import NO_DEMAND, Adviser, Demand
from ttcli.verifier.aggregate import Aggregated
from ttcli.verifier.spec import VerifierSpec

Events: TypeAlias = Generator[Event, None, None]

SCRIPTED = "scripted:"  # --model scripted:FILE runs a script instead of a model


class Runtime:
    """A policy and verifiers, loaded and ready for problems."""

    def __init__(
        self,
        settings: Settings,
        policy: BatchPolicy,
        verifiers: Mapping[str, Verifier],
        interrupt: Interrupt,
        weights: Callable[[str | None], str],
        layers: Sequence[int] = (),
        reviser: LocalModel | None = None,
        entry: Entry | None = None,
    ) -> None:
        self.settings = settings
        self.policy, self.repair = mending(policy, settings, entry, interrupt, lambda: weights(None))
        how = settings.aggregate
        # by what the user called them
        self.verifiers = {name: Aggregated(each, how) if how else each for name, each in verifiers.items()}
        self.interrupt = interrupt
        self.layers = tuple(layers)  # of the policy's model: those whose hidden states its heads read
        self._reviser = reviser  # the adapter or model that draws revisions; None: there is none
        self._weights = weights  # the hash of a model, by what the user calls it; None: the policy's own

    @property
    def recipe(self) -> dict[str, object]:
        """All that decides how solutions are distributed, as JSON."""
        form = self.settings.answer  # it has a part in the prompt, and decides what a sample answers
        return {"weights": self._weights(None), **self.policy.recipe, **({} if form == "auto" else {"answer": form})}

    @property
    def revisions(self) -> dict[str, object]:
        """All that decides besides how revisions are distributed, as JSON."""
        return {"reviser": fingerprint(self._reviser) if self._reviser else None, **self.policy.revisions}

    @property
    def reviser(self) -> str | None:
        """What draws revisions in the policy's place; None: nothing does."""
        return self._reviser.label if self._reviser else None

    @property
    def max_tokens(self) -> int:
        """Of one solution, its thought included."""
        return self.settings.max_tokens + self.policy.thought_tokens

    @property
    def adviser(self) -> Adviser | None:
        """What auto asks; None where there is no profile."""
        if self.settings.profile is None:
            return None
        from ttcli.allocate.adviser import ProfileAdviser  # numpy: not before it is needed

        return ProfileAdviser(self.settings.profile)

    def verifier_key(self, name: str) -> str:
        """What scores are filed under: equal keys, equal scores."""
        return score_key(VerifierSpec.parse(name), self.settings, self._weights)

    def solve(self, problem: Problem) -> Iterator[Event]:
        """Run the method on a problem; the last event is RunFinished.

        Where most candidates end without an answer, and the settings say so, these are asked for it; where still none
        has one of the form that is wanted, the finished texts themselves are answers.

        Raises:
            UsageError: before the first event, where the method cannot work with the verifier.
        """
        settings = self.settings
        if settings.budget.unit is Unit.SECONDS:
            self.interrupt.after(settings.budget.amount)
        meter = Meter(settings.budget, max_tokens=self.max_tokens, interrupted=lambda: self.interrupt.requested)
        yield from self.solve_with(settings, problem, self.policy, meter)

    def solve_with(
        self, settings: Settings, problem: Problem, policy: AskingPolicy, meter: Meter
    ) -> Generator[Event, None, None]:
        """The same with other settings, whose verifier is one of those loaded, and a policy in front of our own.

        Raises:
            UsageError: as `solve` does, and where there is no such verifier.
        """
        verifier = self._verifier(settings)
        asked = settled(replace(problem, form=settings.answer))
        events = settings.method.run(asked, policy, verifier, meter, seed=settings.seed, adviser=self.adviser)
        yield RunStarted(
            problem,
            settings.method.name,
            policy.name,
            verifier.name if verifier else None,
            settings.budget,
            settings.seed,
            self.repair,
            self.reviser,
        )
        for event in events:
            if isinstance(event, RunFinished):
                yield RunFinished((yield from answered(event.outcome, settings, asked, policy, verifier, meter)))
            else:
                yield event

    def _verifier(self, settings: Settings) -> Verifier | None:
        spec = settings.verifier
        if spec is None:
            return None
        if str(spec) not in self.verifiers:
            known = ", ".join(self.verifiers) or "none"
            raise UsageError(f"the verifier {spec} has not been loaded, but {known}", hint=f"--verifier {spec}")
        return self.verifiers[str(spec)]


@contextmanager
def load_runtime(
    settings: Settings,
    interrupt: Interrupt,
    progress: Progress,
    *,
    bench: Sequence[VerifierSpec] | None = None,
    demand: Demand = NO_DEMAND,
    observe: Callable[[int], Sequence[int]] = lambda _layers: (),
    early: Reading | None = None,
) -> Iterator[Runtime]:
    """Load the models of a run, fetching them first where they are not here; free them at the end.

    `bench`: the verifiers of a bench, whose problems share the batch; None: one problem, the settings' own verifier.
    `demand`: of a bench: what its methods hold in the policy's context.
    `observe`: told how many layers the model has, says whose outputs the steps are to carry besides those that heads
    read; a server's steps carry none.
    `early`: the weights of the settings' model, where they are being read already.

    Raises:
        ModelError, DownloadError, BackendError: a model that cannot be had, loaded or used.
        UsageError: settings that do not go together.
    """
    demand = settings.demand(settings.method, settings.budget) if bench is None else demand
    if settings.reviser is not None and not demand.attempts:
        raise UsageError("nothing is revised here, so there is nothing to do for a reviser", hint="--method revise")
    specs = ([settings.verifier] if settings.verifier else []) if bench is None else bench
    check(specs, settings)
    at_once = int(settings.budget.amount) if bench is None and settings.budget.unit is Unit.GENERATIONS else None
    with ExitStack() as stack:
        loader = Loader(settings, interrupt, progress, stack, early)
        server = settings.server
        name = DEFAULT_MODEL if settings.model is None else settings.model
        if demand.stepwise and (server is not None or name.startswith(SCRIPTED)):
            doubts(specs, None, progress.note)
        if server is not None:
            yield _served(server, settings, specs, loader)
        elif name.startswith(SCRIPTED):
            file = Path(name.removeprefix(SCRIPTED))
            yield _scripted(file, settings, specs, loader)
        else:
            yield _local(name, settings, specs, at_once, demand, observe, loader)


def _served(server: Address, settings: Settings, specs: Sequence[VerifierSpec], loader: Loader) -> Runtime:
    # numpy and the HTTP client: not before they are needed
    from ttcli.policy.server.policy import WIDTH, ServerPolicy

    policy = ServerPolicy(
        server,
        model=settings.model,
        prompt=prompt_of(None, settings),
        sampling=settings.sampling,
        max_tokens=settings.max_tokens,
        thinking=settings.thinking,
        traced=any(spec.traces for spec in specs),
        width=settings.machine.width or WIDTH,
        insecure=settings.insecure,
        notice=loader.progress.note,
        interrupted=loader.interrupt,
    )
    loader.stack.callback(policy.close)
    verifiers = {str(spec): loader.make(spec) for spec in specs}
    return Runtime(
        settings,
        policy,
        verifiers,
        loader.interrupt,
        lambda name: (
            policy.name if name is None else fingerprint(resolve(meant(name), offline=True, progress=loader.progress))
        ),
    )


def _scripted(file: Path, settings: Settings, specs: Sequence[VerifierSpec], loader: Loader) -> Runtime:
    script = Script.read(file)
    policy = ScriptedPolicy(script, width=settings.machine.width or SCRIPTED_WIDTH, interrupted=loader.interrupt)
    if settings.reviser is not None:
        raise UsageError("a script has no weights for --reviser to change", hint="leave it out")
    if any(spec.kind == "judge" for spec in specs):
        raise UsageError("a script cannot judge", hint="--verifier scripted")
    if any(spec.kind == "head" and (spec.model is None or find_head(spec.model, None).head.observed) for spec in specs):
        raise UsageError("a script has no hidden states", hint="--verifier scripted")
    if not settings.thinking.usual:
        raise UsageError("a script thinks as it is written", hint="leave out --think and what belongs to it")
    known: dict[str, Verifier] = {"scripted": ScriptedVerifier(script)}
    verifiers = {str(spec): known[spec.kind] if spec.kind in known else loader.make(spec) for spec in specs}
    return Runtime(
        settings,
        policy,
        verifiers,
        loader.interrupt,
        lambda name: (
            sha256(file.read_bytes()).hexdigest() if name is None else fingerprint(loader.resolve(meant(name)))
        ),
    )


def _local(
    name: str,
    settings: Settings,
    specs: Sequence[VerifierSpec],
    at_once: int | None,
    demand: Demand,
    observe: Callable[[int], Sequence[int]],
    loader: Loader,
) -> Runtime:
    local = loader.resolve(name)
    model = loader.load(local)
    learn_backend_sampling(model, local, settings.machine, loader.progress)
    settings = fitting(settings, model.context, local.label, loader.progress)
    layers = read_by_heads(specs, local, loader.progress.note)
    if demand.stepwise:
        doubts(specs, local, loader.progress.note)
    reviser = loader.resolve(meant(settings.reviser)) if settings.reviser is not None else None
    if reviser is not None and demand.silent and (options := telling(read_facts(reviser.path).card)):
        loader.progress.note(f"warning: {reviser.label} learned to be told which step is in doubt: {options}")
    policy = local_policy(
        (local, model),
        settings,
        loader.interrupt,
        loader.stack,
        at_once=at_once,
        traced=any(spec.traces for spec in specs),
        beams=demand.beams,
        attempts=demand.attempts,
        reviser=loader.reviser(reviser, (local, model)) if reviser else None,
        observe=sorted({*observe(model.layers), *layers}),
    )
    verifiers = {str(spec): loader.make(spec, (local, model)) for spec in specs}
    return Runtime(
        settings,
        policy,
        verifiers,
        loader.interrupt,
        lambda other: fingerprint(
            resolve(name if other is None else meant(other), offline=True, progress=loader.progress)
        ),
        layers,
        reviser,
        local.entry,
    )
