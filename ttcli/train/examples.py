"""What a head is fitted to and judged by: steps of solutions, with what came of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.verifier.features import depths


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Solutions that have an answer, one after the other, step by step.

    Raises:
        ValueError: shapes that do not go together.
    """

    problem: NDArray[np.intp]  # (solutions,) where its problem stands in the spec; any order
    number: NDArray[np.intp]  # (solutions,) which sample of the problem it is, from 0; -1: it is a rollout
    correct: NDArray[np.bool_]  # (solutions,)
    steps: NDArray[np.intp]  # (solutions,) how many it has, at least one
    labels: NDArray[np.float64]  # (steps,) how often what stands so far leads to the right answer, in [0, 1]
    states: Mapping[int, NDArray[np.floating[Any]]]  # by layer: (steps, width of the model)
    visible: NDArray[np.float64] | None = None  # (steps, len(FEATURES)) of what stands so far; None: not looked at
    # (steps,) outcomes that a label is the mean of, 0: it is not to be fitted to; None: one each
    weights: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        solutions, steps = len(self.problem), int(self.steps.sum())
        sizes = {len(self.number), len(self.correct), len(self.steps)}
        if sizes != {solutions} or {len(self.labels), *map(len, self.states.values())} != {steps}:
            raise ValueError(f"{solutions} solutions of {steps} steps do not go with {sizes} and {len(self.labels)}")
        if any(rows is not None and len(rows) != steps for rows in (self.visible, self.weights)):
            raise ValueError(f"{steps} steps do not go with their features or their weights")

    @property
    def ends(self) -> NDArray[np.intp]:
        """(solutions,) the first step after each."""
        return np.cumsum(self.steps)

    def at(self, depth: int) -> NDArray[np.intp]:
        """(solutions,) the step, among all, with which so many quarters of each solution are there."""
        begins = self.ends - self.steps
        return begins + np.array([depths(count)[depth - 1] for count in self.steps.tolist()], np.intp)

    @property
    def step_problem(self) -> NDArray[np.intp]:
        """(steps,) where the problem of each step stands in the spec."""
        return np.repeat(self.problem, self.steps)

    @property
    def sampled(self) -> NDArray[np.bool_]:
        """(solutions,) whether it is an independent sample, which a head is judged by; the others are rollouts."""
        return self.number >= 0

    def of(self, problems: Collection[int]) -> Examples:
        """Those of some problems."""
        return self.where(np.isin(self.problem, list(problems)))

    def where(self, chosen: NDArray[np.bool_]) -> Examples:
        """Those solutions that (solutions,) says."""
        rows = np.repeat(chosen, self.steps)
        return Examples(
            self.problem[chosen],
            self.number[chosen],
            self.correct[chosen],
            self.steps[chosen],
            self.labels[rows],
            {layer: states[rows] for layer, states in self.states.items()},
            None if self.visible is None else self.visible[rows],
            None if self.weights is None else self.weights[rows],
        )
