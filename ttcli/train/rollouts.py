"""Monte-Carlo rollouts: what a step is worth, from other ends that the policy gives the solution (PAPER.md, s. 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ttcli.bench.store.states import Rollout
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension
from ttcli.search.sampling import candidate
from ttcli.solution import Ended, Prefix, Step

if TYPE_CHECKING:  # llama.cpp: not before it is needed
    from ttcli.policy.local.policy import LocalPolicy


class RolloutStart(NamedTuple):
    """Where rollouts begin."""

    problem: Problem
    sample: int  # its id in the store
    number: int  # of the sample
    steps: tuple[Step, ...]  # that they have in common with it, at least one
    missing: tuple[int, ...]  # numbers of the rollouts to draw


def chosen_steps(problem: Problem, number: int, steps: int, *, count: int, seed: int) -> list[int]:
    """Steps of a sample after which rollouts begin, any but the last; the first ones of more are those of fewer."""
    rng = np.random.default_rng((seed, problem.key, number))
    first = int(rng.integers(steps - 1))
    others = [at for at in rng.permutation(steps - 1).tolist() if at != first]
    return [first, *others][:count]


def roll_out(policy: LocalPolicy, starts: Sequence[RolloutStart], *, seed: int) -> Iterator[Rollout]:
    """Rollouts as they end, many at a time; those that an interrupt breaks off do not come.

    Args:
        policy: nobody else uses it meanwhile.
        starts: those of one problem beside each other.
        seed: of the run; a rollout draws from the generator keyed by it, the problem, the sample, the step and itself.
    """
    policy.close()  # its context was made for the problems that were still to be drawn: these may be longer
    policy.expect([start.problem for start in starts])
    asked: list[tuple[RolloutStart, int, list[Prefix]]] = []  # with all prefixes of the problem
    open_ones: Counter[int] = Counter()  # rollouts under way or to come, by problem

    def requests() -> Iterator[Extend]:
        for problem, group in groupby(starts, key=lambda start: start.problem):
            own = [*group]
            open_ones[problem.key] = sum(len(start.missing) for start in own)
            root = policy.start(problem)
            prefixes = [root, *(policy.resume(root, start.steps) for start in own)]
            for start, prefix in zip(own, prefixes[1:], strict=True):
                for number in start.missing:
                    asked.append((start, number, prefixes))
                    yield Extend(prefix, (seed, problem.key, start.number, len(start.steps), number))

    for happenings in policy.extend(requests()):
        for happening in happenings:
            if isinstance(happening, Extension):
                start, number, prefixes = asked[happening.request]
                open_ones[start.problem.key] -= 1
                if not open_ones[start.problem.key]:
                    policy.release(prefixes)
                grown = happening.prefix
                if grown.ended is not Ended.CUT:
                    answer, own = candidate(number, grown).answer, grown.steps[len(start.steps) :]
                    where = (start.sample, len(start.steps) - 1, number)
                    yield Rollout(*where, answer, grown.ended, happening.tokens, happening.seconds, own)
