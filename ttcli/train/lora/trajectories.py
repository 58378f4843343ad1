"""What a reviser learns from: wrong solutions in view, and a right one to be written (Snell et al. 2024, s. 6).

For each right solution 0 to 4 wrong ones come before it, the last of them the closest to it by edit distance of
characters, so that what is wrong with it can be seen. In some chains, which the paper has not, the right solution
itself is the last one in view: by these it is learned that what is right stays, and to tell it from what is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ttcli.problem import Problem
from ttcli.search.revise import WINDOW
from ttcli.solution import Attempt
from ttcli.train.lora.pool import PooledProblem
from ttcli.train.lora.spec import Chaining


class Trajectory(NamedTuple):
    """A chain of attempts whose last one is right."""

    position: int  # of its problem in the spec
    problem: Problem
    attempts: tuple[Attempt, ...]  # in view, the oldest first, at most WINDOW: wrong ones; the last may be the target
    target: str  # the right one


def trajectories(
    pool: Sequence[PooledProblem], chaining: Chaining, told: Mapping[int, Mapping[str, Attempt]], *, seed: int
) -> list[Trajectory]:
    """Those of all problems that have a right solution, different ones only; the same seed, the same ones.

    Right solutions come one after the other, and again where a problem has fewer than it may have chains.

    Args:
        told: by position and text, the solutions of which something is told where they are in view; {}: of none.
    """
    found: dict[Trajectory, None] = {}
    for each in pool:
        rng = np.random.default_rng((seed, each.problem.key))
        right = [solution.text for solution in each.solutions if solution.correct]
        wrong = [*dict.fromkeys(solution.text for solution in each.solutions if not solution.correct)]
        if not right:
            continue
        order = rng.permutation(len(right)).tolist()
        closest: dict[str, str] = {}
        for number in range(chaining.chains):
            target = right[order[number % len(right)]]
            if wrong and target not in closest:
                closest[target] = min(wrong, key=lambda text: edit_distance(text, target))
            kept = rng.random() < chaining.keep
            shown = _before(closest.get(target, ""), wrong, int(rng.integers(WINDOW + 1)), rng)
            shown = (*shown[:-1], target) if kept else shown
            known = told.get(each.position, {})
            attempts = tuple(known.get(text, Attempt(text)) for text in shown)
            found[Trajectory(each.position, each.problem, attempts, target)] = None
    return [*found]


def _before(closest: str, wrong: Sequence[str], number: int, rng: np.random.Generator) -> tuple[str, ...]:
    """So many wrong solutions, where there are so many, the closest one last."""
    number = min(number, len(wrong))
    if not number:
        return ()
    others = [text for text in wrong if text != closest]
    chosen = [others[at] for at in rng.permutation(len(others)).tolist()[: number - 1]]
    return (*chosen, closest)


def edit_distance(one: str, other: str) -> int:
    """Characters to insert, delete or replace (Levenshtein 1966).

    Columns of the table as bits of whole numbers (Myers 1999, in the form of Hyyrö 2003).
    """
    if not one or not other:
        return len(one) + len(other)
    places: dict[str, int] = {}
    for at, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << at
    mask, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    up, down, distance = mask, 0, len(one)
    for letter in other:
        equal = places.get(letter, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right_up, right_down = down | (mask & ~(diagonal | up)), up & diagonal
        distance += bool(right_up & last) - bool(right_down & last)
        right_up = (right_up << 1 | 1) & mask
        right_down = right_down << 1 & mask
        up, down = right_down | (mask & ~(diagonal | right_up)), right_up & diagonal
    return distance
