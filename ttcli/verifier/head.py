"""A verifier head: what a small model trained on hidden states makes of those at the end of a step, and its file.

States are standardised, then go through a logistic unit, or a hidden layer of rectified units before it. The file is
safetensors: the arrays, and in its metadata one JSON text with the layer, the aggregation and a card that says what the
head was trained on and how well it does.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ttcli.errors import ModelError
from ttcli.files.atomic import write_whole
from ttcli.verifier.aggregate import AGGREGATIONS, Aggregation

_VERSION = 1
_KEY = "ttc_head"  # of the metadata
_AGAIN = "train one: ttc train verifier --help"

Array = NDArray[np.float32]


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
            (all(isinstance(self.card.get(key), str) for key in ("model", "weights")), "a card that names no model"),
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


def write_head(path: Path, head: Head) -> None:
    """Write a head whole or not at all.

    Raises:
        ModelError: the file cannot be written.
    """
    about = {"version": _VERSION, "layer": head.layer, "aggregation": head.aggregation, "card": dict(head.card)}
    tensors = {"mean": head.mean, "scale": head.scale}
    for number, layer in enumerate(head.layers):
        tensors |= {f"matrix.{number}": layer.matrix, f"bias.{number}": layer.bias}
    content = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, {_KEY: json.dumps(about)})
    try:
        write_whole(path, content)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}", hint="name another place") from error


def read_head(path: Path) -> Head:
    """The head in a file.

    Raises:
        ModelError: there is no such file, or it is no head that this version of ttc can use.
    """
    if not path.is_file():
        raise ModelError(f"there is no verifier head {path}", hint=_AGAIN)
    try:
        with safe_open(path, "numpy") as file:
            about = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no safetensors file: {error}", hint=_AGAIN) from error
    if about is None:
        raise ModelError(f"{path} is no verifier head: its metadata lacks {_KEY}", hint=_AGAIN)
    try:
        return _head(json.loads(about), tensors)
    except (KeyError, TypeError, ValueError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path} is no verifier head that this ttc can use: {told}", hint=_AGAIN) from error


def _head(about: dict[str, Any], tensors: dict[str, Array]) -> Head:
    if about["version"] != _VERSION:
        raise ValueError(f"its version is {about['version']}, not {_VERSION}")
    left = dict(tensors)
    mean, scale = left.pop("mean"), left.pop("scale")
    layers: list[Layer] = []
    while left:
        number = len(layers)
        layers.append(Layer(left.pop(f"matrix.{number}"), left.pop(f"bias.{number}")))
    if not isinstance(about["layer"], int) or not isinstance(about["card"], dict):
        raise TypeError("layer or card is of the wrong kind")
    return Head(about["layer"], about["aggregation"], mean, scale, tuple(layers), about["card"])
