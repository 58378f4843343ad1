"""What every step is worth: the outcome of the solution it stands in, or the mean outcome over rollouts from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import is_correct
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.store import Store
from ttcli.solution import Prefix
from ttcli.train.examples import Examples
from ttcli.verifier.features import FEATURES, visible


class Labelled(NamedTuple):
    """Solutions as examples."""

    examples: Examples  # positions of problems are those of the figures
    silent: int  # solutions without an answer, which are not among them
    rollouts: int  # that the labels use
    silent_rollouts: int  # without an answer, which they do not


class _Solution(NamedTuple):
    position: int
    number: int
    sample: int  # its id in the store
    correct: bool


def label(store: Store, figures: Sequence[ProblemFigures], layers: Sequence[int], *, rollouts: int = 0) -> Labelled:
    """All solutions that have an answer and states, with the states of these layers and their labels.

    A step's label is the outcome of its solution, 0 or 1: one draw of what the policy makes of what stands so far.
    Where rollouts from it are known, of which the first `rollouts` count, it is the mean outcome of these and the
    solution itself, and weighs as much as these are. Solutions and rollouts without an answer say nothing.
    """
    answered = [
        _Solution(
            problem.position, fact.number, fact.id, bool(problem.samples and problem.samples.correct[fact.number])
        )
        for problem in figures
        for fact in problem.facts
        if fact.answer is not None
    ]
    ids = [each.sample for each in answered]
    states = {layer: store.states.read(ids, layer) for layer in layers}
    solutions = [each for each in answered if all(each.sample in known for known in states.values())]
    outcomes, silent_rollouts = _outcomes(store, figures, rollouts)
    values, weights = [], []
    for solution in solutions:
        value, weight = _values(
            solution.correct, outcomes.get(solution.sample, {}), len(states[layers[0]][solution.sample])
        )
        values.append(value)
        weights.append(weight)
    examples = Examples(
        problem=np.array([solution.position for solution in solutions], np.intp),
        number=np.array([solution.number for solution in solutions], np.intp),
        correct=np.array([solution.correct for solution in solutions], np.bool_),
        steps=np.array([len(value) for value in values], np.intp),
        labels=np.concatenate([np.empty(0), *values]),
        states={layer: _joined([known[solution.sample] for solution in solutions]) for layer, known in states.items()},
        visible=_seen(store, figures, [solution.sample for solution in solutions]),
        weights=np.concatenate([np.empty(0), *weights]),
    )
    silent = sum(fact.answer is None for problem in figures for fact in problem.facts)
    used = sum(len(found) for by_step in outcomes.values() for found in by_step.values())
    return Labelled(examples, silent, used, silent_rollouts)


_Outcomes = dict[int, dict[int, list[bool]]]  # by sample and step


def _outcomes(store: Store, figures: Sequence[ProblemFigures], rollouts: int) -> tuple[_Outcomes, int]:
    """The outcomes of the rollouts that count, and how many of these have no answer."""
    outcomes: _Outcomes = defaultdict(lambda: defaultdict(list))
    silent = 0
    for problem in figures:
        found = store.states.rollouts([fact.id for fact in problem.facts]) if rollouts else []
        for rollout in found:
            if rollout.number < rollouts and rollout.answer is not None:
                correct = is_correct(rollout.answer, problem.row.problem.answer or "")
                outcomes[rollout.sample][rollout.step].append(correct)
        silent += sum(rollout.number < rollouts and rollout.answer is None for rollout in found)
    return outcomes, silent


def _values(
    correct: bool, outcomes: dict[int, list[bool]], steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The label of each step, and how many outcomes it is the mean of."""
    values, weights = np.full(steps, float(correct)), np.ones(steps)
    for step, others in outcomes.items():
        values[step] = np.mean([correct, *others])
        weights[step] = 1 + len(others)
    return values, weights


def _seen(store: Store, figures: Sequence[ProblemFigures], chosen: Sequence[int]) -> NDArray[np.float64]:
    """(steps, features) what can be seen of these samples, by their ids, in their order."""
    rows: dict[int, NDArray[np.float64]] = {}
    wanted = {*chosen}
    for problem in figures:
        facts = {fact.id: fact for fact in problem.facts if fact.id in wanted}
        for sample, steps in store.samples(problem.config).steps([*facts]).items():
            rows[sample] = visible(Prefix(problem.row.problem, 0, steps=steps, ended=facts[sample].ended))
    return np.concatenate([np.empty((0, len(FEATURES))), *(rows[sample] for sample in chosen)])


def _joined(parts: Iterable[NDArray[np.floating[Any]]]) -> NDArray[np.floating[Any]]:
    return np.concatenate([*parts] or [np.empty(0)])
