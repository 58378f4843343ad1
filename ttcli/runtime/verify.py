"""What a verifier says of solutions that are given, rather than drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ttcli.catalog.entry import DEFAULT_MODEL, catalog
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.progress import Progress
from ttcli.catalog.stored import locate
from ttcli.catalog.template import Template
from ttcli.data.solutions import Solution
from ttcli.errors import PromptTooLong, UsageError
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.adapters import adapter_facts
from ttcli.runtime.loader import Loaded, Loader, check
from ttcli.runtime.runtime import SCRIPTED
from ttcli.runtime.settings import Settings
from ttcli.seams import Interrupted, StepScores, Verifier
from ttcli.solution import Ended, Prefix, Step
from ttcli.verifier.aggregate import Aggregated
from ttcli.verifier.spec import VerifierSpec

_TOGETHER = 16  # solutions scored in one call


class Verified(NamedTuple):
    """A solution and what the verifier says of it."""

    solution: Solution
    steps: tuple[str, ...]
    scores: StepScores | None  # None: it is too long for the verifier


@contextmanager
def verifying(settings: Settings, interrupt: Interrupt, progress: Progress) -> Iterator[Verifier]:
    """The verifier of these settings, loaded.

    Judge and head are on `settings.model` unless they name another, an adapter on the model that it was trained on.

    Raises:
        UsageError: a verifier that reads more than a text.
        ModelError, DownloadError: a model that cannot be had, loaded or used.
    """
    spec = settings.verifier
    assert spec is not None  # the settings name one
    if spec.kind in {"confidence", "weakest", "scripted"}:
        raise UsageError(
            f"{spec} goes by the probabilities of tokens, which a text does not tell",
            hint="--verifier prm:MODEL, likelihood:MODEL, head, judge or command:CMD",
        )
    check([spec], settings)
    with ExitStack() as stack:
        loader = Loader(settings, interrupt, progress, stack)
        own: Loaded | None = None
        named = settings.model is not None and spec.kind == "head"  # a head's name does not say where its model is
        if named or _on_this(spec, settings) or (spec.kind in {"judge", "head"} and spec.model is None):
            local = loader.resolve(settings.model or DEFAULT_MODEL)
            own = (local, loader.load(local))
        verifier = loader.make(spec, own)
        yield Aggregated(verifier, settings.aggregate) if settings.aggregate else verifier


def _on_this(spec: VerifierSpec, settings: Settings) -> bool:
    """Whether it is an adapter that was trained on the settings' model, as far as it tells."""
    facts = adapter_facts(str(spec.model)) if spec.kind == "prm" else None
    if facts is None or facts.weights is None:
        return facts is not None
    model = locate(settings.model or DEFAULT_MODEL)
    return model is not None and fingerprint(model) == facts.weights


def separator(settings: Settings) -> str:
    """What parts the steps of the model's solutions.

    Raises:
        ModelError: there is no such model.
        ConfigError: the TOML beside it cannot be read.
    """
    name = settings.model or DEFAULT_MODEL
    if settings.policy is not None or name.startswith(SCRIPTED):
        return Template().step_separator
    local, entry = locate(name), catalog().get(name)
    if local is not None:
        return local.template.step_separator
    return (entry.template if entry else Template()).step_separator


def verify(solutions: Sequence[Solution], verifier: Verifier, separator: str) -> Iterator[Verified]:
    """The opinions of a verifier, in order, several solutions at a time; what is kept of a problem goes with its last.

    Ends early where the scoring is called off.

    Raises:
        VerifierError: a command did not do what a check does.
    """
    from ttcli.engine.job import split_steps  # the engine brings numpy: not before it is needed

    left = Counter(each.problem for each in solutions)
    for first in range(0, len(solutions), _TOGETHER):
        together = solutions[first : first + _TOGETHER]
        prefixes = [
            Prefix(
                each.problem,
                0,
                steps=tuple(Step(text, 0, None) for text in split_steps(each.text, separator)),
                ended=Ended.STOP,
            )
            for each in together
        ]
        try:
            opinions = _scored(prefixes, verifier)
        except Interrupted:
            return
        for solution, prefix, scores in zip(together, prefixes, opinions, strict=True):
            yield Verified(solution, tuple(step.text for step in prefix.steps), scores)
        left.subtract(each.problem for each in together)
        verifier.release(Prefix(problem, 0) for problem in _done(left))


def _scored(prefixes: Sequence[Prefix], verifier: Verifier) -> Sequence[StepScores | None]:
    """The opinions; where one is too long, each is asked for by itself."""
    try:
        return verifier.score(prefixes)
    except PromptTooLong:
        return [_single(prefix, verifier) for prefix in prefixes]


def _single(prefix: Prefix, verifier: Verifier) -> StepScores | None:
    try:
        return verifier.score([prefix])[0]
    except PromptTooLong:
        return None


def _done(left: Counter[Problem]) -> list[Problem]:
    """The problems of which no solution is left, taken out."""
    done = [problem for problem, count in left.items() if not count]
    for problem in done:
        del left[problem]
    return done
