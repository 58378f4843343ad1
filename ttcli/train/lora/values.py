"""What every step of a solution is worth: how often what stands so far comes to the right answer (PAPER.md, s. 3).

Outcomes of a beginning are those of all solutions that go on from it, and those of the rollouts drawn from it; equal
beginnings share them. A whole solution is worth what it is: 1 or 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ttcli.answers import is_correct
from ttcli.bench.store.states import Rollout
from ttcli.train.lora.pool import PooledProblem, PooledSolution


class Valued(NamedTuple):
    """A solution with the values of its steps."""

    solution: PooledSolution
    values: tuple[float, ...]  # in [0, 1], one for each step
    times: int  # so often it was drawn


def valued(pooled: PooledProblem, rollouts: Sequence[Rollout]) -> list[Valued]:
    """The different solutions of a problem, in order of drawing, with soft labels; rollouts of others are passed over.

    Rollouts without an answer say nothing.
    """
    outcomes: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    for solution in pooled.solutions:
        for prefix in solution.prefixes:
            outcomes[prefix].append(solution.correct)
    by_sample = {solution.sample: solution for solution in pooled.solutions}
    for rollout in rollouts:
        known = by_sample.get(rollout.sample)
        if known is not None and rollout.answer is not None and rollout.step < len(known.steps):
            right = is_correct(rollout.answer, pooled.problem.answer or "")
            outcomes[known.prefixes[rollout.step]].append(right)
    found: dict[str, Valued] = {}
    for solution in pooled.solutions:
        if solution.text in found:
            found[solution.text] = found[solution.text]._replace(times=found[solution.text].times + 1)
            continue
        before = [sum(outcomes[prefix]) / len(outcomes[prefix]) for prefix in solution.prefixes[:-1]]
        found[solution.text] = Valued(solution, (*before, float(solution.correct)), 1)
    return [*found.values()]
