"""Heads that were never trained."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ttcli.verifier.aggregate import Aggregation
from ttcli.verifier.head import Head, Layer


def random_head(
    width: int,
    *,
    layer: int = 3,
    hidden: int = 0,
    aggregation: Aggregation = "mean",
    weights: str = "0" * 64,
    seed: int = 1,
    **card: Any,
) -> Head:
    rng = np.random.default_rng(seed)
    sizes = [width, *([hidden] if hidden else []), 1]

    def numbers(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.normal(size=shape).astype(np.float32) / np.float32(np.sqrt(shape[0]))

    layers = tuple(Layer(numbers(n, m), numbers(m)) for n, m in itertools.pairwise(sizes))
    mean, scale = numbers(width), np.abs(numbers(width)) + np.float32(0.5)
    figures = {"auc_within": {"value": 0.8, "interval": [0.6, 0.9], "problems": 40}}
    told = {"model": "small", "weights": weights, "figures": figures, **card}
    return Head(layer, aggregation, mean, scale, layers, told)
