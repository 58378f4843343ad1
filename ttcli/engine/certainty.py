"""How sure a model was of a token (DeepConf, Fu et al. 2025, arXiv 2508.15260): C = -(1/k) sum_{j <= k} log p_j.

The sum goes over the k likeliest tokens. It is near log k where these are equally likely, and grows with the distance
between the first and the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.overview import TopRows

LIKELIEST = 20  # k, as in the paper
_BLOCK = 64


def certainty(row: NDArray[np.float32], log_total: float) -> float:
    """C in nats, from a row of logits [n_vocab] and the logarithm of the sum of their exponentials."""
    if row.size > 4 * LIKELIEST * _BLOCK:
        # the k-th largest of the maxima of blocks bounds the k-th largest logit from below
        maxima = row[: row.size - row.size % _BLOCK].reshape(_BLOCK, -1).max(axis=0)
        row = row[row >= np.partition(maxima, maxima.size - LIKELIEST)[maxima.size - LIKELIEST]]
    likeliest = np.partition(row, row.size - LIKELIEST)[-LIKELIEST:] if row.size > LIKELIEST else row
    return log_total - float(likeliest.mean(dtype=np.float64))


def certainty_of(rows: NDArray[np.float32] | TopRows, number: int, token: int, logprob: float) -> float:
    """C of one of some rows, from which a token of this log-probability was drawn."""
    if isinstance(rows, TopRows):
        return certainty(rows.logits[number], float(rows.log_totals[number]))
    return certainty(rows[number], float(rows[number, token]) - logprob)
