from __future__ import annotations

import math

import numpy as np
import pytest

from ttcli.engine.certainty import LIKELIEST, certainty


def plainly(row: np.ndarray) -> float:
    logprobs = row.astype(np.float64) - np.log(np.exp(row.astype(np.float64)).sum())
    return -float(np.sort(logprobs)[-LIKELIEST:].mean())


@pytest.mark.parametrize("size", [5, LIKELIEST, 300, 49_152, 151_936])
def test_it_is_minus_the_mean_log_probability_of_the_likeliest(size: int) -> None:
    row = np.random.default_rng(size).normal(0, 3, size).astype(np.float32)
    total = float(np.log(np.exp(row.astype(np.float64)).sum()))
    assert certainty(row, total) == pytest.approx(plainly(row), abs=1e-4)


def test_equally_likely_tokens_leave_it_at_the_logarithm_of_their_number() -> None:
    assert certainty(np.zeros(1000, np.float32), math.log(1000)) == pytest.approx(math.log(1000))
