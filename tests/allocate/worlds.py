"""Problems of five difficulties with probes and a verifier, for tests of what tells them apart."""

import numpy as np
from scipy.special import ndtr

from ttcli.allocate.difficulty import Probes
from ttcli.stats.logistic import Array

RATES = np.array([0.9, 0.6, 0.3, 0.1, 0.01])


def world(seed: int, problems: int, *, apart: float = 0.6, k: int = 4) -> tuple[Probes, Array]:
    """Probes of as many problems per difficulty, with the true pass rates; `apart` 0: the scores are noise."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(RATES, problems)
    right = rng.random((len(rates), k)) < rates[:, np.newaxis]
    answers = np.where(right, 0, rng.integers(1, 8, right.shape))
    scores = ndtr(rng.standard_normal(right.shape) + np.where(right, apart, -apart))
    tokens = rng.integers(50, 200, right.shape).astype(float)
    return Probes(answers, scores, np.full(right.shape, np.nan), tokens), rates
