"""The file of a verifier head: safetensors with its arrays, and in their metadata one JSON text with all the rest.

Version 1 is a head on one layer. Version 2 is a stack: the weights of its features, and heads on any number of layers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ttcli.errors import ModelError
from ttcli.files.atomic import write_whole
from ttcli.stats.logistic import Logistic, Term
from ttcli.verifier.head import Array, Head, Layer
from ttcli.verifier.stack import Stack

_KEY = "ttc_head"  # of the metadata
_AGAIN = "train one: ttc train verifier --help"


def write_head(path: Path, head: Head | Stack) -> None:
    """Write a head whole or not at all.

    Raises:
        ModelError: the file cannot be written.
    """
    if isinstance(head, Head):
        about: dict[str, Any] = {"version": 1, "layer": head.layer, "aggregation": head.aggregation}
        tensors = _tensors(head)
    else:
        terms = {name: [term.mean, term.spread, term.weight] for name, term in head.combination.terms.items()}
        parts = [{"layer": part.layer, "aggregation": part.aggregation} for part in head.parts]
        about = {"version": 2, "intercept": head.combination.intercept, "terms": terms, "parts": parts}
        tensors = {
            f"{number}.{name}": array
            for number, part in enumerate(head.parts)
            for name, array in _tensors(part).items()
        }
    about["card"] = dict(head.card)
    content = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, {_KEY: json.dumps(about)})
    try:
        write_whole(path, content)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}", hint="name another place") from error


def _tensors(head: Head) -> dict[str, Array]:
    tensors = {"mean": head.mean, "scale": head.scale}
    for number, layer in enumerate(head.layers):
        tensors |= {f"matrix.{number}": layer.matrix, f"bias.{number}": layer.bias}
    return tensors


def read_head(path: Path) -> Head | Stack:
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
        return _read(json.loads(about), tensors)
    except (KeyError, TypeError, ValueError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path} is no verifier head that this ttc can use: {told}", hint=_AGAIN) from error


def _read(about: dict[str, Any], tensors: Mapping[str, Array]) -> Head | Stack:
    if not isinstance(about["card"], dict):
        raise TypeError("its card is of the wrong kind")
    match about["version"]:
        case 1:
            return _head(about, tensors, about["card"])
        case 2:
            terms = {name: Term(*map(float, numbers)) for name, numbers in about["terms"].items()}
            parts = tuple(
                _head(part, _own(tensors, number), about["card"]) for number, part in enumerate(about["parts"])
            )
            return Stack(Logistic(float(about["intercept"]), terms), parts, about["card"])
        case other:
            raise ValueError(f"its version is {other}, not 1 or 2")


def _own(tensors: Mapping[str, Array], number: int) -> dict[str, Array]:
    """The arrays of one part of a stack, by their names there."""
    mark = f"{number}."
    return {name.removeprefix(mark): array for name, array in tensors.items() if name.startswith(mark)}


def _head(about: Mapping[str, Any], tensors: Mapping[str, Array], card: Mapping[str, Any]) -> Head:
    left = dict(tensors)
    mean, scale = left.pop("mean"), left.pop("scale")
    layers: list[Layer] = []
    while left:
        number = len(layers)
        layers.append(Layer(left.pop(f"matrix.{number}"), left.pop(f"bias.{number}")))
    if not isinstance(about["layer"], int):
        raise TypeError("its layer is of the wrong kind")
    return Head(about["layer"], about["aggregation"], mean, scale, tuple(layers), card)
