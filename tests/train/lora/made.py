"""Pools, examples and adapters that somebody made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ttcli.problem import Problem
from ttcli.solution import Step
from ttcli.stats.subsets import GradedSamples
from ttcli.train.lora.encoding import Example
from ttcli.train.lora.pool import PooledProblem, PooledSolution
from ttcli.train.lora.shape import MATRICES, Shape


def pooled(*solutions: tuple[Sequence[str], bool], position: int = 0, first: int = 0) -> PooledProblem:
    """A problem with solutions, each told by its steps and whether it is right."""
    made = [
        PooledSolution(first + number, number, tuple(Step(text, 3, -1.0) for text in steps), correct)
        for number, (steps, correct) in enumerate(solutions)
    ]
    correct = np.array([each.correct for each in made], np.bool_)
    votes = GradedSamples(np.where(correct, 0, 1) if len(made) > 1 else np.zeros(1, np.int64), correct)
    return PooledProblem(position, Problem(f"What is {position} + 4?", str(position), "4"), tuple(made), votes)


def examples(count: int, *, seed: int = 0, vocabulary: int = 262, length: int = 12) -> list[Example]:
    """Texts that repeat two tokens, the next of which is to be said: soon learned."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        size = int(rng.integers(length // 2, length + 1))
        tokens = [int(token) for token in np.tile(rng.integers(97, 100, 2), size)[: size + 1]]
        made.append(Example(tuple(tokens[:-1]), tuple(range(1, size)), tuple(map(float, tokens[2:]))))
    return made


def arrays(shape: Shape, *, rank: int = 4, seed: int = 0) -> Mapping[str, NDArray[np.float32]]:
    """An adapter on all matrices that changes much."""
    rng = np.random.default_rng(seed)
    made = {}
    for layer in range(shape.layers):
        for name in MATRICES:
            outputs, inputs = shape.matrix(name)
            key = f"blk.{layer}.{name}.weight"
            made[f"{key}.lora_a"] = rng.normal(0, inputs**-0.5, (rank, inputs)).astype(np.float32)
            made[f"{key}.lora_b"] = rng.normal(0, 0.1, (outputs, rank)).astype(np.float32)
    return made


CARD = {"kind": "reviser", "model": "tiny", "weights": "f" * 64, "figures": {"one": 1}}
