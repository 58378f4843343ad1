"""A model that is loaded, for problems one after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

from ttcli.api.result import Result, Score
from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.progress import NoProgress, size_text
from ttcli.cost import Budget, Meter
from ttcli.data.solutions import Solution
from ttcli.engine.params import SamplingParams
from ttcli.errors import UsageError
from ttcli.events import Event, RunFinished, RunStarted
from ttcli.interrupt import Interrupt
from ttcli.problem import AnswerForm, Problem, Turn
from ttcli.runtime.runtime import Runtime as _Loaded
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Machine, Settings
from ttcli.runtime.verify import separator, verify
from ttcli.seams import BatchPolicy, Verifier
from ttcli.search.methods import METHODS
from ttcli.verifier.confidence import Confidence
from ttcli.verifier.spec import VerifierSpec

_FREE = ("confidence", "confidence:weakest")  # verifiers that are always there
_READS_TOKENS = ("confidence", "weakest", "scripted")  # kinds that go by more than a text tells
_STAND_IN = "confidence"  # goes by this name: a verifier that was passed as an object


class Runtime:
    """A policy and verifiers in this process, until `close` or the end of a `with`; made by `load`.

    Not to be used from two threads at once.
    """

    def __init__(self, loaded: _Loaded, stack: ExitStack) -> None:
        self._loaded = loaded
        self._stack = stack

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._stack.close()

    @property
    def model(self) -> str:
        """What the policy is called."""
        return self._loaded.policy.name

    def solve(self, problem: str | Problem, **how: Any) -> Result:
        """Solve a problem; `how` as `stream` has it.

        Raises:
            UsageError: a method, budget or verifier that is none, or that do not go together.
            PromptTooLong: the problem does not fit the model's context.
            BackendError: the engine or the server failed.
        """
        began, result = None, None
        for event in self.stream(problem, **how):
            if isinstance(event, RunStarted):
                began = event
            elif isinstance(event, RunFinished) and began is not None:
                result = Result(began, event.outcome)
        if result is None:
            raise AssertionError("a run begins and ends")
        return result

    def stream(
        self,
        problem: str | Problem,
        *,
        method: str | None = None,
        budget: int | str | Budget = 16,
        verifier: str | Verifier | None = None,
        seed: int | None = None,
        answer: AnswerForm | None = None,
        system: str | None = None,
        ask_again: bool = True,
    ) -> Iterator[Event]:
        """What happens while a problem is solved, as it happens; the last event is RunFinished. Closing it ends it.

        Args:
            method: as `ttc solve --method`; None: auto, or best-of-n with a verifier.
            budget: generations, or as `--budget`: "20000tok", "30s".
            verifier: one of those that were loaded, by name, or an object that follows `ttcli.seams.Verifier`.
            seed: of the candidates; None: that of `load`.
            answer: what counts as one, as `--answer`; None: as `load` says.
            system: what the model is told before the problem.
            ask_again: whether candidates without an answer are asked for it, where most have none.

        Raises:
            UsageError, PromptTooLong, BackendError: as `solve` does.
        """
        asked = Problem(problem) if isinstance(problem, str) else problem
        if not asked.text.strip():
            raise UsageError("the problem is empty")
        if system is not None:
            asked = replace(asked, before=(Turn("system", system), *asked.before))
        loaded, settings = self._loaded, self._loaded.settings
        own = None if isinstance(verifier, str | None) else verifier
        if own is not None:
            loaded = self._with(own)
        settings = replace(
            settings,
            method_name=method,
            verifier_name=verifier if isinstance(verifier, str | None) else _STAND_IN,
            budget=budget if isinstance(budget, Budget) else Budget.parse(str(budget)),
            seed=settings.seed if seed is None else seed,
            answer=settings.answer if answer is None else answer,
            ask_again=ask_again,
        )
        if own is not None:
            if settings.method.advised is not None:
                raise settings.no_use(own.name)
            settings.method.check_verifier(own.name, partial=own.partial)
        meter = Meter(settings.budget, max_tokens=settings.max_tokens, interrupted=lambda: loaded.interrupt.requested)
        return loaded.solve_with(settings, asked, loaded.policy, meter)

    def score(self, problem: str, solutions: Sequence[str], *, verifier: str | Verifier) -> list[Score]:
        """What a verifier says of solutions that are given, in their order.

        Raises:
            UsageError: the verifier goes by more than a text tells, or has not been loaded.
        """
        if isinstance(verifier, str):
            spec = VerifierSpec.parse(verifier)
            if spec.kind in _READS_TOKENS:
                raise UsageError(f"{spec} goes by the probabilities of tokens, which a text does not tell")
            verifier = self._loaded.verifiers.get(str(spec)) or self._missing(spec)
        asked = Problem(problem)
        given = [Solution(number, str(number), asked, text) for number, text in enumerate(solutions, 1)]
        told = verify(given, verifier, separator(self._loaded.settings))
        return [Score(each.scores.score, each.scores.steps) if each.scores else Score(None, ()) for each in told]

    def _with(self, verifier: Verifier) -> _Loaded:
        """The same with a verifier in the place of confidence."""
        own = self._loaded
        return _Loaded(own.settings, own.policy, {_STAND_IN: verifier}, own.interrupt, lambda _name: own.policy.name)

    def _missing(self, spec: VerifierSpec) -> Verifier:
        known = ", ".join(self._loaded.verifiers)
        raise UsageError(f"the verifier {spec} has not been loaded, but {known}", hint=f'load(verifiers=["{spec}"])')


def load(
    model: str | None = None,
    *,
    policy: str | BatchPolicy | None = None,
    verifiers: Sequence[str] = (),
    temperature: float = 0.8,
    top_p: float = 0.95,
    top_k: int = 40,
    min_p: float = 0.0,
    max_tokens: int = 1024,
    seed: int = 0,
    answer: AnswerForm = "auto",
    width: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    offline: bool = False,
) -> Runtime:
    """Load a model, fetching it first where it is not here: a context manager.

    Args:
        model: whatever `--model` takes: a name, a GGUF file, hf:OWNER/REPO/FILE.gguf; None: the default one.
        policy: the URL of an OpenAI-compatible server that draws instead, or an object of your own that follows
            `ttcli.seams.BatchPolicy`; it stays yours to close.
        verifiers: those besides confidence that are to be at hand: "head", "judge", "prm:MODEL", "likelihood:MODEL",
            "command:CMD".
        max_tokens: of one solution.
        width: texts in one batch.

    Raises:
        UsageError: settings that do not go together.
        ModelError, DownloadError, BackendError: a model that cannot be had, loaded or used.
    """
    settings = Settings(
        model=model if model is not None or isinstance(policy, str) else DEFAULT_MODEL,
        policy=policy if isinstance(policy, str) else None,
        sampling=SamplingParams(temperature, top_k, top_p, min_p),
        max_tokens=max_tokens,
        seed=seed,
        answer=answer,
        machine=Machine(width, threads, gpu_layers),
        offline=offline,
    )
    with ExitStack() as stack:
        if policy is not None and not isinstance(policy, str):
            loaded = _around(policy, settings, verifiers)
        else:
            specs = list(dict.fromkeys(map(VerifierSpec.parse, [*verifiers, *_FREE])))
            demand = METHODS["beam"].demand(Budget(16))
            loaded = stack.enter_context(load_runtime(settings, Interrupt(), _Log(), bench=specs, demand=demand))
        return Runtime(loaded, stack.pop_all())


def _around(policy: BatchPolicy, settings: Settings, verifiers: Sequence[str]) -> _Loaded:
    """A runtime on a policy that somebody else made."""
    if verifiers:
        raise UsageError("a policy of your own goes with verifiers of your own: pass them to solve")
    own: Mapping[str, Verifier] = {"confidence": Confidence(), "confidence:weakest": Confidence(weakest=True)}
    return _Loaded(settings, policy, own, Interrupt(), lambda _name: policy.name)


class _Log(NoProgress):
    """What is fetched, and what is worth a line, as log records of `ttcli`."""

    _logger = logging.getLogger("ttcli")

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        here = f", {size_text(done_bytes)} are here" if done_bytes else ""
        self._logger.warning("fetching %s (%s%s) from %s", name, size_text(total_bytes), here, source)

    def note(self, message: str) -> None:
        self._logger.warning("%s", message)
