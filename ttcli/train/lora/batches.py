"""In which order examples are learned from, and which of them are worked on together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.train.lora.encoding import Example
from ttcli.train.lora.spec import Fitting


class Padded(NamedTuple):
    """Examples side by side, the shorter ones padded behind their ends."""

    tokens: NDArray[np.int64]  # (texts, length)
    rows: NDArray[np.int64]  # (places,) which text
    columns: NDArray[np.int64]  # (places,) which token of it
    targets: NDArray[np.float64]  # (places,)
    weights: NDArray[np.float64]  # (places,)


class Plan:
    """The steps of a training; which examples a step is of hangs on its number and the seed alone."""

    def __init__(self, examples: Sequence[Example], fitting: Fitting, *, seed: int) -> None:
        self._examples = examples
        self._fitting = fitting
        self._seed = seed
        self.each = math.ceil(len(examples) / fitting.batch)  # steps of an epoch
        self.steps = min(fitting.epochs * self.each, fitting.steps or fitting.epochs * self.each)
        self.looks = max(1, min(self.each, self.steps) // 4)  # steps between two looks at the problems kept for that

    @property
    def tokens(self) -> int:
        """Of a step, in the mean."""
        return round(sum(len(each.tokens) for each in self._examples) / self.each)

    def batch(self, step: int) -> list[Example]:
        """The examples of a step, from 0."""
        epoch, at = divmod(step, self.each)
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._examples))
        chosen = order[at * self._fitting.batch : (at + 1) * self._fitting.batch]
        return [self._examples[number] for number in chosen.tolist()]

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return self._fitting.rate * height(step, self.steps)


def height(step: int, steps: int) -> float:
    """The share of the learning rate at a step, from 0, of so many.

    It rises over a twentieth of all, and then sinks to a tenth of its height.
    """
    warm = max(1, steps // 20)
    return min(1.0, (step + 1) / warm) * (1 - 0.9 * max(0, step - warm) / max(1, steps - warm))


def together(examples: Sequence[Example], tokens: int) -> Iterator[Padded]:
    """Examples of about one length, as many as come to so many tokens with their padding, and at least one."""
    waiting = sorted(examples, key=lambda each: len(each.tokens))
    while waiting:
        count = 1
        while count < len(waiting) and (count + 1) * len(waiting[count].tokens) <= tokens:
            count += 1
        yield padded(waiting[:count])
        waiting = waiting[count:]


def padded(examples: Sequence[Example]) -> Padded:
    """Examples as arrays."""
    longest = max(len(each.tokens) for each in examples)
    tokens = np.zeros((len(examples), longest), np.int64)
    for row, each in enumerate(examples):
        tokens[row, : len(each.tokens)] = each.tokens
    places = [len(each.places) for each in examples]
    return Padded(
        tokens,
        np.repeat(np.arange(len(examples)), places),
        np.concatenate([np.array(each.places, np.int64) for each in examples]),
        np.concatenate([np.array(each.targets, np.float64) for each in examples]),
        np.repeat([each.weight for each in examples], places),
    )
