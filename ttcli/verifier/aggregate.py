"""From the scores of the steps to one of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from ttcli.errors import UsageError
from ttcli.seams import StepScores, Verifier
from ttcli.solution import Prefix

Aggregation = Literal["last", "min", "mean", "prod"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


def aggregate(steps: Sequence[float], how: Aggregation) -> float:
    """The score of a solution by those of its steps, in [0, 1]; 1 for one that has none."""
    if not steps:
        return 1.0
    match how:
        case "last":
            return steps[-1]
        case "min":
            return min(steps)
        case "mean":
            return math.fsum(steps) / len(steps)
        case "prod":
            return math.prod(steps)


def running(steps: Sequence[float], how: Aggregation) -> list[float]:
    """The score of what stands down to each step, by those of the steps so far."""
    return [aggregate(steps[: number + 1], how) for number in range(len(steps))]


class Aggregated:
    """A verifier whose score of the whole is made of those of the steps in another way than its own.

    Args:
        verifier: the caller's to close.
    """

    def __init__(self, verifier: Verifier, how: Aggregation) -> None:
        self.name = f"{verifier.name} ({how})"
        self.parameters = verifier.parameters
        self.partial = verifier.partial
        self._verifier = verifier
        self._how: Aggregation = how

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """The verifier's."""
        return self._verifier.price(prefixes)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """The verifier's steps, and what they make.

        Raises:
            UsageError: the verifier gives no scores of steps.
        """
        opinions = self._verifier.score(prefixes)
        if any(prefix.steps and not opinion.steps for prefix, opinion in zip(prefixes, opinions, strict=True)):
            raise no_steps(self._verifier.name)
        return [opinion._replace(score=aggregate(opinion.steps, self._how)) for opinion in opinions]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Tell the verifier."""
        self._verifier.release(prefixes)

    def close(self) -> None:
        """Nothing: the verifier is somebody else's."""


def no_steps(name: str) -> UsageError:
    """What to say where there is nothing to aggregate."""
    return UsageError(
        f"{name} gives one score for the whole, so there is nothing to aggregate", hint="leave out --aggregate"
    )
