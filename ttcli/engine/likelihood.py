"""What rows of logits say of tokens that are given: log softmax(row)[token], exactly, over the whole vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.overview import NO_NUMBERS, Logits
from ttcli.errors import ModelError


def logprobs(rows: Logits, tokens: Sequence[int]) -> NDArray[np.float64]:
    """[rows], <= 0: the log-probability of each token by its row of logits, [rows, n_vocab].

    Raises:
        ModelError: a row holds what is no number.
    """
    found = np.empty(len(tokens))
    for number, (row, token) in enumerate(zip(rows, tokens, strict=True)):
        peak = row.max()
        if not np.isfinite(peak):
            raise ModelError("the model computes what are no numbers", hint=NO_NUMBERS)
        total = float(np.exp(row - peak).sum(dtype=np.float64))
        found[number] = min(float(row[token] - peak) - math.log(total), 0.0)
    return found
