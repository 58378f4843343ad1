"""The problems of a spec by where their solutions come from, a file or the policy: a run in the store for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ttcli.bench.execute.worker import Description
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.session import BenchSpec
from ttcli.bench.session import config_of as bench_config
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.sample import Sample, SampleKey
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.data.solutions import Given, GivenSolutions
from ttcli.engine.job import split_steps
from ttcli.seams import Extension
from ttcli.solution import Prefix, Step
from ttcli.train.spec import TrainSpec


class StoredPart(NamedTuple):
    """Problems whose solutions come from the same place."""

    run: Run  # of these problems alone
    positions: tuple[int, ...]  # of its problems in the spec, in order
    drawn: bool  # its solutions are those of the policy, as `ttc bench` draws them; else a file has them


def begin(
    store: Store, spec: TrainSpec, description: Description, length: Callable[[str], int]
) -> tuple[StoredPart, ...]:
    """The parts of a spec, their runs found or begun; solutions of a file are in theirs.

    Args:
        description: of the engine that draws.
        length: of a text in tokens.
    """
    parts = []
    if spec.solutions is not None:
        parts.append(_begin_given(store, spec, spec.solutions, description, length))
    given = {at for part in parts for at in part.positions}
    drawn = [at for at in range(len(spec.rows)) if at not in given]
    if drawn:
        parts.append(StoredPart(_begin(store, spec, description, drawn, spec.task), tuple(drawn), drawn=True))
    return tuple(parts)


def figures_of(store: Store, parts: Sequence[StoredPart]) -> list[ProblemFigures]:
    """What the store knows of the problems of a spec, by their positions there."""
    found = [
        replace(load_figure, position=part.positions[load_figure.position])
        for part in parts
        for load_figure in load_figures(store, part.run)
    ]
    return sorted(found, key=lambda each: each.position)


def _begin(store: Store, spec: TrainSpec, description: Description, positions: Sequence[int], task: Task) -> Run:
    rows = tuple(spec.rows[at] for at in positions)
    bench_spec = BenchSpec(spec.settings, (task,), task.name, spec.data.name, rows, spec.command)
    return store.begin(bench_config(bench_spec, description), rows)


def _begin_given(
    store: Store, spec: TrainSpec, solutions: GivenSolutions, description: Description, length: Callable[[str], int]
) -> StoredPart:
    """The part that a file has solutions of; these are of a source of their own."""
    own = {key: value for key, value in description.recipe.items() if key not in ("sampler", "max_tokens")}
    told = {"logprobs": True} if any(each.logprob is not None for each in solutions.given) else {}
    description = replace(description, recipe={**own, "solutions": solutions.sha256, **told})
    found = solutions.of(spec.rows)
    positions = tuple(sorted({position for position, _, _ in found}))
    task = Task("majority", "", Budget(max(number for _, number, _ in found) + 1))
    run = _begin(store, spec, description, positions, task)
    for position, number, given in found:
        problem = spec.rows[position].problem
        whole = _whole(Prefix(problem, 0), given, run.config, length)
        key = SampleKey(run.config.temperature, run.config.seed, number)
        store.samples(run.config).add(problem.text, Sample.of(key, Extension(0, whole, whole.tokens, 0)))
    return StoredPart(run, positions, drawn=False)


def _whole(root: Prefix, given: Given, config: RunConfig, length: Callable[[str], int]) -> Prefix:
    """A solution of a file as if it had been drawn; every token has the mean log-probability of all."""
    parts = split_steps(given.text, config.recipe["prompt"]["step_separator"])
    sizes = [length(part) for part in parts]
    each = None if given.logprob is None else given.logprob / max(sum(sizes), 1)
    steps = (Step(part, size, None if each is None else each * size) for part, size in zip(parts, sizes, strict=True))
    return replace(root, steps=tuple(steps), ended=given.ended)
