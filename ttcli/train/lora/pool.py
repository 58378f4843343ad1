"""The solutions of a spec's problems, as adapters are trained from: text, right or wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.states import Rollout
from ttcli.bench.store.store import Store
from ttcli.problem import Problem
from ttcli.solution import Ended, Prefix, Step
from ttcli.stats.subsets import GradedSamples
from ttcli.train.examples import Examples
from ttcli.train.rollouts import RolloutStart


class PooledSolution(NamedTuple):
    """A solution that has an answer."""

    sample: int  # its id in the store
    number: int  # which sample of the problem it is, from 0
    steps: tuple[Step, ...]  # at least one
    correct: bool
    ended: Ended = Ended.STOP

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(step.text for step in self.steps)

    @property
    def prefixes(self) -> list[tuple[str, ...]]:
        """The texts of its first step, of its first two, and so on."""
        texts = tuple(step.text for step in self.steps)
        return [texts[: at + 1] for at in range(len(texts))]


@dataclass(frozen=True, slots=True)
class PooledProblem:
    """A problem with its solutions."""

    position: int  # in the spec
    problem: Problem
    solutions: tuple[PooledSolution, ...]
    votes: GradedSamples | None  # all its samples, those without an answer too; None: there are none

    @property
    def mixed(self) -> bool:
        """Whether it has right and wrong solutions."""
        return 0 < sum(each.correct for each in self.solutions) < len(self.solutions)

    @property
    def prefixes(self) -> list[Prefix]:
        """The solutions as a verifier reads them."""
        return [Prefix(self.problem, 0, steps=each.steps, ended=each.ended) for each in self.solutions]

    @property
    def passing(self) -> Counter[tuple[str, ...]]:
        """How many solutions begin with each beginning of one."""
        return Counter(prefix for each in self.solutions for prefix in each.prefixes)


def read_pool(store: Store, figures: Sequence[ProblemFigures]) -> list[PooledProblem]:
    """All solutions of problems that have an answer and are not empty."""
    pool = []
    for each in figures:
        answered = [fact for fact in each.facts if fact.answer is not None]
        texts = store.samples(each.config).steps([fact.id for fact in answered])
        solutions = [
            PooledSolution(
                fact.id,
                fact.number,
                texts[fact.id],
                bool(each.samples and each.samples.correct[fact.number]),
                fact.ended,
            )
            for fact in answered
            if texts.get(fact.id)
        ]
        pool.append(PooledProblem(each.position, each.row.problem, tuple(solutions), each.samples))
    return pool


def rollout_starts(pool: Sequence[PooledProblem], known: Sequence[Rollout], wanted: int) -> list[RolloutStart]:
    """Where rollouts begin that are not there yet, for every beginning of a solution to have `wanted` outcomes.

    Solutions that go on from the same beginning are outcomes of it. Problems whose solutions are all right, or all
    wrong, get none: what their steps are worth is known well enough.
    """
    there = {(each.sample, each.step, each.number) for each in known}
    starts = []
    for each in pool:
        if not each.mixed:
            continue
        passing, seen = each.passing, set[tuple[str, ...]]()
        for solution in each.solutions:
            for at, prefix in enumerate(solution.prefixes[:-1]):
                if prefix in seen:
                    continue
                seen.add(prefix)
                numbers = range(wanted - passing[prefix])
                missing = tuple(number for number in numbers if (solution.sample, at, number) not in there)
                if missing:
                    steps = solution.steps[: at + 1]
                    starts.append(RolloutStart(each.problem, solution.sample, solution.number, steps, missing))
    return starts


def examples_of(pool: Sequence[PooledProblem]) -> Examples:
    """The solutions as those that a head is judged by, each step labelled by its outcome."""
    solutions = [(each.position, solution) for each in pool for solution in each.solutions]
    steps = [len(solution.steps) for _, solution in solutions]
    correct = [solution.correct for _, solution in solutions]
    return Examples(
        problem=np.array([position for position, _ in solutions], np.intp),
        number=np.array([solution.number for _, solution in solutions], np.intp),
        correct=np.array(correct, np.bool_),
        steps=np.array(steps, np.intp),
        labels=np.repeat(np.array(correct, np.float64), steps),
        states={},
    )
