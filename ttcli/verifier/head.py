"""A verifier head: what a small model trained on hidden states makes of those at the end of a step.

States are standardised, then go through a logistic unit, or a hidden layer of rectified units before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.errors import ModelError
from ttcli.solution import Prefix
from ttcli.verifier.aggregate import AGGREGATIONS, Aggregation, aggregate

Array = NDArray[np.float32]
StepStates = Mapping[int, NDArray[np.float32]]  # by layer: [width of the model]


class Layer(NamedTuple):
    """A product with a matrix, and what is added."""

    matrix: Array  # [inputs, outputs]
    bias: Array  # [outputs]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What scores a step by the hidden state from which its last token was drawn.

    `card` names the model (`model`) and the SHA-256 of its GGUF (`weights`); the rest of it is for people.

    Raises:
        ValueError: arrays that do not go together, or numbers that are none.
    """

    layer: int  # of the model, from 0: its output is what the head reads
    aggregation: Aggregation  # from the scores of the steps to that of the whole
    mean: Array  # [width of the model]
    scale: Array  # [width of the model], positive
    layers: tuple[Layer, ...]  # one, or two: a hidden one and the logistic unit
    card: Mapping[str, Any]

    def __post_init__(self) -> None:
        arrays = (self.mean, self.scale, *(array for layer in self.layers for array in layer))
        widths = [len(self.mean), *(len(layer.bias) for layer in self.layers)]
        shapes = [pair for layer in self.layers for pair in (layer.matrix.shape, layer.bias.shape)]
        expected = [pair for n, m in itertools.pairwise(widths) for pair in ((n, m), (m,))]
        rules = (
            (self.layer >= 0, f"layer {self.layer}"),
            (self.aggregation in AGGREGATIONS, f"aggregation {self.aggregation!r}"),
            (len(self.layers) in (1, 2), f"{len(self.layers)} layers"),
            (all(array.dtype == np.float32 for array in arrays), "arrays that are not of 32-bit floats"),
            (self.mean.ndim == 1 and self.scale.shape == self.mean.shape, "mean and scale of different shapes"),
            (shapes == expected and widths[-1] == 1, f"shapes {shapes} instead of {expected}"),
            (all(np.isfinite(array).all() for array in arrays), "numbers that are not finite"),
            (bool((self.scale > 0).all()), "a scale that is not positive"),
            (names_a_model(self.card), "a card that names no model"),
        )
        for holds, complaint in rules:
            if not holds:
                raise ValueError(complaint)

    @property
    def model(self) -> str:
        """The name of the model whose states it reads."""
        return str(self.card["model"])

    @property
    def weights(self) -> str:
        """The SHA-256 of that model's GGUF."""
        return str(self.card["weights"])

    @property
    def observed(self) -> tuple[int, ...]:
        """The layers of the model whose states it reads: one."""
        return (self.layer,)

    @property
    def state_width(self) -> int:
        """Of those states."""
        return len(self.mean)

    def judge(self, prefix: Prefix, states: Sequence[StepStates]) -> tuple[float, tuple[float, ...]]:
        """The score of a prefix, and of each of its steps by itself, from the states of each."""
        if not prefix.steps:
            return 1.0, ()
        steps = tuple(map(float, self.scores(np.stack([step[self.layer] for step in states]))))
        return aggregate(steps, self.aggregation), steps

    def scores(self, states: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """For states [steps, width of the model]: [steps], the chance that what stands so far leads to a right answer.

        Raises:
            ModelError: the states are of another width.
        """
        if states.shape[1] != len(self.mean):
            raise ModelError(f"a head for states of {len(self.mean)} numbers cannot read {states.shape[1]}")
        inputs = (states.astype(np.float32) - self.mean) / self.scale
        *hidden, unit = self.layers
        for layer in hidden:
            inputs = np.maximum(inputs @ layer.matrix + layer.bias, 0)
        logits = (inputs @ unit.matrix + unit.bias)[:, 0].astype(np.float64)
        chances: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))
        return chances


def names_a_model(card: Mapping[str, Any]) -> bool:
    """Whether a card names a model, and the SHA-256 of its GGUF."""
    return all(isinstance(card.get(key), str) for key in ("model", "weights"))
