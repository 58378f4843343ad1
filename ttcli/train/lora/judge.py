"""What a trained adapter is worth: llama.cpp works with it on held-out problems, as `--reviser` and `prm:` do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import is_correct
from ttcli.catalog.forms import PrmForm
from ttcli.catalog.progress import Progress as Download
from ttcli.engine.adapter import Adapter
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.forms import prm_form
from ttcli.runtime.loader import Loader
from ttcli.runtime.local import local_policy
from ttcli.runtime.settings import Settings
from ttcli.seams import Extend, Extension, Interrupted
from ttcli.search.revise import WINDOW
from ttcli.search.sampling import candidate
from ttcli.solution import Attempt, Ended, Prefix
from ttcli.train.drawing import Stage
from ttcli.train.lora.pool import PooledProblem
from ttcli.train.lora.spec import Chaining
from ttcli.train.lora.telling import Telling

if TYPE_CHECKING:  # llama.cpp: not before it is needed
    from ttcli.policy.local.policy import LocalPolicy

_ALONE = 1_000  # added to the number of a chain: a draw that sees no attempt has a generator of its own


class Chains(NamedTuple):
    """Whether attempts at held-out problems are right."""

    problem: NDArray[np.intp]  # (chains,) the position of its problem in the spec
    revised: NDArray[np.bool_]  # (chains, 1 + revisions) each with up to four before it in view; the first is a sample
    alone: NDArray[np.bool_]  # (chains, revisions) drawn by the same adapter with none in view


class Scored(NamedTuple):
    """What a process reward model says of the solutions of held-out problems, one after the other."""

    chances: NDArray[np.float64]  # (steps,) in [0, 1]


def judge_reviser(
    settings: Settings,
    adapter: Path,
    pool: Sequence[PooledProblem],
    chaining: Chaining,
    *,
    chains: int,
    length: int,
    interrupt: Interrupt,
    download: Download,
) -> Iterator[Stage | Chains]:
    """Chains of revisions, and as many draws of the same adapter that see no attempt; `Chains` unless interrupted.

    Args:
        pool: held-out problems with the model's samples, with the first of which chains begin.
        chaining: says what is told of an attempt in view.
        chains: of each problem, where it has so many samples.
        length: of a chain, its first attempt left aside.
    """
    with ExitStack() as stack:
        loader = Loader(settings, interrupt, download, stack)
        local = loader.resolve(str(settings.model))
        model = loader.load(local)
        change = Adapter(model, adapter)
        policy = local_policy(
            (local, model), settings, interrupt, stack, attempts=WINDOW, adapter=change, reviser=change
        )
        telling = None
        if chaining.scorer is not None and chaining.tell is not None:
            telling = Telling(loader.make(chaining.scorer, (local, model)), chaining.tell)
        try:
            begun = [
                _Chain(pooled.position, pooled.problem, each.number, [shown], [each.correct])
                for pooled in pool
                for each, shown in zip(
                    pooled.solutions[:chains], _shown(pooled.prefixes[:chains], telling), strict=True
                )
            ]
        except Interrupted:
            return
        total, done = 2 * length * len(begun), 0
        policy.expect([chain.problem for chain in begun])
        for _ in range(length):
            for seen in (False, True):
                try:
                    for _ in _draw(policy, begun, telling, seed=settings.seed, seen=seen):
                        done += 1
                        yield Stage("attempts of held-out problems drawn", done, total)
                except Interrupted:
                    return
                if interrupt():
                    return
        yield Chains(
            np.array([chain.position for chain in begun], np.intp),
            np.array([chain.right for chain in begun], np.bool_).reshape(len(begun), 1 + length),
            np.array([chain.alone for chain in begun], np.bool_).reshape(len(begun), length),
        )


@dataclass(slots=True)
class _Chain:
    position: int
    problem: Problem
    number: int  # of the sample that it begins with
    attempts: list[Attempt]
    right: list[bool]
    alone: list[bool] = field(default_factory=list)


def _draw(
    policy: LocalPolicy, chains: Sequence[_Chain], telling: Telling | None, *, seed: int, seen: bool
) -> Iterator[None]:
    """One more attempt for each chain, `seen`: with the last ones in view; an interrupt leaves it undone."""
    roots: list[Prefix] = []
    found: dict[int, Prefix] = {}

    def requests() -> Iterator[Extend]:
        for chain in chains:
            root = policy.start(chain.problem, attempts=chain.attempts[-WINDOW:] if seen else ())
            roots.append(root)
            at = len(chain.attempts) if seen else len(chain.alone)
            yield Extend(root, (seed, chain.problem.key, chain.number + (0 if seen else _ALONE), at))

    for happenings in policy.extend(requests()):
        for happening in happenings:
            if isinstance(happening, Extension):
                policy.release([roots[happening.request]])
                if happening.prefix.ended is not Ended.CUT:
                    found[happening.request] = happening.prefix
                    yield
    answers = {number: candidate(0, prefix).answer for number, prefix in found.items()}
    for number, answer in answers.items():
        right = answer is not None and is_correct(answer, chains[number].problem.answer or "")
        (chains[number].right if seen else chains[number].alone).append(right)
    if seen:
        for _, same in groupby(sorted(found), key=lambda number: chains[number].position):
            numbers = [*same]
            # what has no answer is not scored in a run either
            scored = [number for number in numbers if answers[number] is not None]
            shown = dict(zip(scored, _shown([found[number] for number in scored], telling), strict=True))
            for number in numbers:
                chains[number].attempts.append(shown.get(number, Attempt(found[number].text)))


def _shown(prefixes: Sequence[Prefix], telling: Telling | None) -> list[Attempt]:
    """Solutions of a problem as the next attempt has them in view."""
    if telling is None or not prefixes:
        return [Attempt(prefix.text) for prefix in prefixes]
    return telling.attempts(prefixes)


def judge_prm(
    settings: Settings,
    adapter: Path,
    told: PrmForm,
    pool: Sequence[PooledProblem],
    *,
    interrupt: Interrupt,
    download: Download,
) -> Iterator[Stage | Scored]:
    """The scores of all solutions of problems, in their order; `Scored` unless interrupted."""
    from ttcli.verifier.prm import Prm

    with ExitStack() as stack:
        loader = Loader(settings, interrupt, download, stack)
        model = loader.load(loader.resolve(str(settings.model)))
        verifier = Prm(
            model,
            prm_form(model, told),
            adapter=Adapter(model, adapter),
            threads=settings.machine.threads,
            interrupted=interrupt,
        )
        stack.callback(verifier.close)
        chances: list[float] = []
        done, total = 0, sum(len(pooled.solutions) for pooled in pool)
        for pooled in pool:
            whole = pooled.prefixes
            try:
                scores = verifier.score(whole)
            except Interrupted:
                return
            chances += [value for each in scores for value in each.steps]
            verifier.release([Prefix(pooled.problem, 0)])
            done += len(whole)
            yield Stage("held-out solutions scored", done, total)
        yield Scored(np.array(chances))
