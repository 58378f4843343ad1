"""What every step is worth: the outcome of the solution it stands in, or the mean outcome over rollouts from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import is_correct
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.states import Rollout
from ttcli.bench.store.store import Store
from ttcli.solution import Ended, Prefix, Step
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
    number: int  # -1: a rollout
    sample: int  # its id in the store, or that of the one it goes on from
    correct: bool
    ended: Ended
    rollout: Rollout | None = None


def label(store: Store, figures: Sequence[ProblemFigures], layers: Sequence[int], *, rollouts: int = 0) -> Labelled:
    """All solutions that have an answer and the states of these layers, with their labels.

    A step's label is the outcome of its solution, 0 or 1: one draw of what the policy makes of what stands so far.
    Where rollouts from it are known, of which the first `rollouts` count, it is the mean outcome of these and the
    solution itself, and weighs as much as these are. A rollout is a solution too, of which only its own steps count.
    Solutions and rollouts without an answer say nothing.
    """
    samples = [
        _Solution(
            *(problem.position, fact.number, fact.id),
            *(bool(problem.samples and problem.samples.correct[fact.number]), fact.ended),
        )
        for problem in figures
        for fact in problem.facts
        if fact.answer is not None
    ]
    rolled, silent_rollouts = _rolled(store, figures, rollouts)
    states = {layer: _states(store, [*samples, *rolled], layer) for layer in layers}
    texts: dict[int, tuple[Step, ...]] = {}
    for problem in figures:
        texts |= store.samples(problem.config).steps([fact.id for fact in problem.facts])
    solutions = [
        each
        for each in (*samples, *rolled)
        if each.sample in texts and all(_key(each) in known for known in states.values())
    ]
    outcomes: _Outcomes = defaultdict(lambda: defaultdict(list))
    for each in rolled:
        assert each.rollout is not None  # it is one
        outcomes[each.sample][each.rollout.step].append(each.correct)
    written = _written(texts, figures, solutions)
    lengths = [len(prefix.steps) for prefix in written]
    valued = [_values(each, outcomes, steps) for each, steps in zip(solutions, lengths, strict=True)]
    examples = Examples(
        problem=np.array([solution.position for solution in solutions], np.intp),
        number=np.array([solution.number for solution in solutions], np.intp),
        correct=np.array([solution.correct for solution in solutions], np.bool_),
        steps=np.array(lengths, np.intp),
        labels=np.concatenate([np.empty(0), *(labels for labels, _ in valued)]),
        states={layer: _joined([known[_key(each)] for each in solutions]) for layer, known in states.items()},
        visible=np.concatenate([np.empty((0, len(FEATURES))), *(visible(prefix) for prefix in written)]),
        weights=np.concatenate([np.empty(0), *(weights for _, weights in valued)]),
    )
    silent = sum(fact.answer is None for problem in figures for fact in problem.facts)
    return Labelled(examples, silent, len(rolled), silent_rollouts)


_Outcomes = dict[int, dict[int, list[bool]]]  # by sample and step
_Key = tuple[int, ...]  # of a solution: the sample, and of a rollout the step and the number besides


def _key(solution: _Solution) -> _Key:
    return solution.rollout[:3] if solution.rollout else (solution.sample,)


def _rolled(store: Store, figures: Sequence[ProblemFigures], rollouts: int) -> tuple[list[_Solution], int]:
    """The rollouts that count, and how many have no answer, and so do not."""
    rolled = []
    silent = 0
    for problem in figures if rollouts else ():
        for rollout in store.states.rollouts([fact.id for fact in problem.facts]):
            if rollout.number >= rollouts:
                continue
            if rollout.answer is None:
                silent += 1
                continue
            correct = is_correct(rollout.answer, problem.row.problem.answer or "")
            rolled.append(_Solution(problem.position, -1, rollout.sample, correct, rollout.ended, rollout))
    return rolled, silent


def _states(store: Store, solutions: Sequence[_Solution], layer: int) -> dict[_Key, NDArray[np.floating[Any]]]:
    """The states of one layer at the ends of the steps of each solution that has them all."""
    samples = {each.sample for each in solutions}
    kept = store.states.read(samples, layer)
    found: dict[_Key, NDArray[np.floating[Any]]] = {(sample,): states for sample, states in kept.items()}
    for key, own in store.states.of_rollouts(samples, layer).items():
        if key[0] in kept:
            found[key] = np.concatenate([kept[key[0]][: key[1] + 1], own])
    return found


def _values(solution: _Solution, outcomes: _Outcomes, steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The label of each step, and how many outcomes it is the mean of; 0 for those that stand in another solution."""
    values, weights = np.full(steps, float(solution.correct)), np.ones(steps)
    if solution.rollout is not None:
        weights[: solution.rollout.step + 1] = 0
        return values, weights
    for step, others in outcomes.get(solution.sample, {}).items():
        values[step] = np.mean([solution.correct, *others])
        weights[step] = 1 + len(others)
    return values, weights


def _written(
    texts: Mapping[int, tuple[Step, ...]], figures: Sequence[ProblemFigures], solutions: Sequence[_Solution]
) -> list[Prefix]:
    """These solutions, in their order; `texts`: the steps of samples."""
    problems = {problem.position: problem for problem in figures}
    found = []
    for each in solutions:
        steps = texts[each.sample]
        if each.rollout is not None:
            steps = (*steps[: each.rollout.step + 1], *each.rollout.steps)
        found.append(Prefix(problems[each.position].row.problem, 0, steps=steps, ended=each.ended))
    return found


def _joined(parts: Iterable[NDArray[np.floating[Any]]]) -> NDArray[np.floating[Any]]:
    return np.concatenate([*parts] or [np.empty(0)])
