"""Drawing a token from a row of logits, in numpy.

Temperature first, then top-k, top-p (Holtzman et al. 2020, arXiv 1904.09751) and min-p (Nguyen et al. 2024,
arXiv 2407.01082) on the tempered distribution.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.params import SamplingParams
from ttcli.errors import ModelError

Logits = NDArray[np.float32]

NO_NUMBERS = "its file is damaged, or --gpu-layers 0 helps where the GPU does not compute it right"
_BLOCK = 64  # tokens per block when looking for the k-th largest logit
_FIRST_LOOK = 1024  # candidates inspected before top-p or min-p alone falls back to sorting the whole vocabulary


class Draw(NamedTuple):
    """A drawn token and its log-probability at temperature 1 over the full vocabulary."""

    token: int
    logprob: float  # <= 0


class Sampler:
    """Draws tokens from rows of one vocabulary; keeps a scratch row so that drawing allocates next to nothing."""

    def __init__(self, vocabulary: int) -> None:
        self._scratch = np.empty(vocabulary, np.float32)

    def draw(self, row: Logits, sampling: SamplingParams, rng: np.random.Generator) -> Draw:
        """Draw one token from `row` (n_vocab logits); takes exactly one number from `rng`, none at temperature 0.

        Raises:
            ModelError: the row holds what is no number.
        """
        peak = float(row.max())
        if not math.isfinite(peak):
            raise ModelError("the model computes what are no numbers", hint=NO_NUMBERS)
        np.subtract(row, np.float32(peak), out=self._scratch)
        np.exp(self._scratch, out=self._scratch)
        log_total = peak + math.log(float(self._scratch.sum()))
        if sampling.temperature == 0:
            token = int(row.argmax())
        else:
            tokens, odds = shortlist(row, peak, sampling)
            token = int(tokens[pick(odds, rng.random())])
        return Draw(token, min(0.0, float(row[token]) - log_total))


def shortlist(row: Logits, peak: float, sampling: SamplingParams) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The tokens that survive top-k, top-p and min-p, with their unnormalised odds; sorted where one of these is on."""
    unbounded = sampling.top_k == 0 or sampling.top_k >= row.size
    if unbounded and sampling.top_p == 1 and sampling.min_p == 0:
        return np.arange(row.size), _tempered(row, peak, sampling.temperature)
    tokens = _largest(row, _FIRST_LOOK if unbounded else sampling.top_k)
    odds = _tempered(row[tokens], peak, sampling.temperature)
    total = odds.sum()
    if unbounded and tokens.size < row.size:
        everything = _tempered(row, peak, sampling.temperature)
        total = everything.sum()
        enough = odds.sum() >= sampling.top_p * total if sampling.top_p < 1 else odds[-1] < sampling.min_p * odds[0]
        if not enough:
            tokens = np.argsort(-row, kind="stable")
            odds = everything[tokens]
    keep = odds.size
    if sampling.top_p < 1:
        keep = min(keep, int(np.searchsorted(odds.cumsum(), sampling.top_p * total)) + 1)
    if sampling.min_p > 0:
        keep = min(keep, int((odds >= sampling.min_p * odds[0]).sum()))
    return tokens[:keep], odds[:keep]


def pick(odds: NDArray[np.float64], uniform: float) -> int:
    """Index drawn in proportion to `odds` by a number in [0, 1)."""
    ladder = odds.cumsum()
    return min(int(np.searchsorted(ladder, uniform * ladder[-1], side="right")), odds.size - 1)


def _tempered(logits: Logits, peak: float, temperature: float) -> NDArray[np.float64]:
    return np.exp((logits.astype(np.float64) - peak) / temperature)


def _largest(row: Logits, count: int) -> NDArray[np.intp]:
    """Indices of the `count` largest logits, largest first, ties by index.

    The count-th largest of the maxima of disjoint blocks bounds the count-th largest logit from below, so one pass over
    the row leaves few candidates to sort. A block is every n-th logit: that pass runs along the memory.
    """
    blocks = row[: row.size - row.size % _BLOCK].reshape(_BLOCK, -1).max(axis=0)
    if count < blocks.size:
        bound = np.partition(blocks, blocks.size - count)[blocks.size - count]
        candidates = np.flatnonzero(row >= bound)
    else:
        candidates = np.arange(row.size)
    order = np.lexsort((candidates, -row[candidates]))[:count]
    return candidates[order]


def generator(*key: int) -> np.random.Generator:
    """The generator of one candidate: its draws depend on the key (seed, problem, index) alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
