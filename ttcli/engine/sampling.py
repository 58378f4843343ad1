"""Drawing tokens from rows of logits, in numpy: all rows of a decode together.

Temperature first, then top-k, top-p (Holtzman et al. 2020, arXiv 1904.09751) and min-p (Nguyen et al. 2024,
arXiv 2407.01082) on the tempered distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.engine.overview import Indices, Logits, Overlook, Overview, Sums, TopRows
from ttcli.engine.params import SamplingParams
from ttcli.errors import BackendError

Odds = NDArray[np.float64]

_TOGETHER = 1_250_000  # logits at a time: what is read twice shall still lie in the cache
_FIRST_LOOK = 1024  # candidates inspected before top-p or min-p alone falls back to sorting the whole vocabulary


class Draw(NamedTuple):
    """A drawn token and its log-probability at temperature 1 over the full vocabulary."""

    token: int
    logprob: float  # <= 0


class Shortlist(NamedTuple):
    """The tokens that some rows can draw: a line per row, likeliest first where a cut is on."""

    tokens: Indices
    odds: Odds  # unnormalised
    kept: Indices  # how many, from the left, survive the cuts


class Sampler:
    """Draws tokens from rows of one vocabulary."""

    def __init__(self, vocabulary: int) -> None:
        self._overlook = Overlook(vocabulary)
        self._vocabulary = vocabulary

    def draw(
        self, rows: Logits | TopRows, samplings: Sequence[SamplingParams], rngs: Sequence[np.random.Generator]
    ) -> list[Draw]:
        """Draw a token from each of `rows` [rows, n_vocab], each by its own settings and generator.

        Takes exactly one number from a generator, none at temperature 0. What is drawn from a row does not depend on
        the other rows. From the largest logits of a row the same is drawn as from all of them.

        Raises:
            ModelError: a row holds what is no number.
            BackendError: the largest logits do not suffice.
        """
        if isinstance(rows, TopRows):
            return self._draw_top(rows, samplings, rngs)
        draws: list[Draw] = []
        together = max(1, _TOGETHER // self._vocabulary)
        for begin in range(0, len(rows), together):
            part = slice(begin, begin + together)
            draws += self._draw(rows[part], samplings[part], rngs[part])
        return draws

    def _draw_top(
        self, rows: TopRows, samplings: Sequence[SamplingParams], rngs: Sequence[np.random.Generator]
    ) -> list[Draw]:
        groups, wanted = self._groups(samplings)
        top = rows.tokens.shape[1]
        if wanted.max(initial=0) > top or not all(bounded(sampling, self._vocabulary) for sampling in groups):
            raise BackendError(f"the {top} largest logits of a row do not suffice for {', '.join(map(str, groups))}")
        places = np.tile(np.arange(top), len(rows))
        overview = Overview(rows.logits[:, 0], rows.log_totals, places, np.arange(len(rows)) * top)
        picked = self._pick(rows.logits, overview, groups, rngs)
        return _draws(rows.tokens[np.arange(len(rows)), picked], rows.logits, picked, rows.log_totals)

    def _draw(
        self, rows: Logits, samplings: Sequence[SamplingParams], rngs: Sequence[np.random.Generator]
    ) -> list[Draw]:
        groups, wanted = self._groups(samplings)
        overview = self._overlook.look(rows, wanted)
        tokens = self._pick(rows, overview, groups, rngs)
        return _draws(tokens, rows, tokens, overview.log_totals)

    def _groups(self, samplings: Sequence[SamplingParams]) -> tuple[dict[SamplingParams, list[int]], Indices]:
        """The rows of each settings, and of how many largest tokens of each row one must know."""
        groups: dict[SamplingParams, list[int]] = {}
        for row, sampling in enumerate(samplings):
            groups.setdefault(sampling, []).append(row)
        wanted = np.empty(len(samplings), np.intp)
        for sampling, members in groups.items():
            wanted[members] = _wanted(sampling, self._vocabulary)
        return groups, wanted

    def _pick(
        self,
        rows: Logits,
        overview: Overview,
        groups: Mapping[SamplingParams, list[int]],
        rngs: Sequence[np.random.Generator],
    ) -> Indices:
        """A place in each row."""
        picked = np.empty(len(rows), np.intp)
        for sampling, members in groups.items():
            for which in [np.array(members)] if bounded(sampling, self._vocabulary) else np.array(members)[:, None]:
                short = shortlist(rows, overview, which, sampling)
                uniforms = np.array([rngs[row].random() if sampling.temperature else 0.0 for row in which])
                picked[which] = short.tokens[np.arange(which.size), pick(short.odds, short.kept, uniforms)]
        return picked


def _draws(tokens: Indices, rows: Logits, places: Indices, log_totals: Sums) -> list[Draw]:
    """These tokens, whose logits lie at these places of the rows."""
    logprobs = np.minimum(rows[np.arange(len(rows)), places] - log_totals, 0.0)
    return list(map(Draw, tokens.tolist(), logprobs.tolist()))


def bounded(sampling: SamplingParams, vocabulary: int) -> bool:
    """Whether a number of tokens is left that is known beforehand."""
    return sampling.temperature == 0 or 0 < sampling.top_k < vocabulary


def _wanted(sampling: SamplingParams, vocabulary: int) -> int:
    """How many of the largest tokens to look for."""
    if bounded(sampling, vocabulary):
        return sampling.top_k if sampling.temperature else 1
    return min(_FIRST_LOOK, vocabulary) if sampling.top_p < 1 or sampling.min_p > 0 else 0


def shortlist(rows: Logits, overview: Overview, which: Indices, sampling: SamplingParams) -> Shortlist:
    """What `which` of the rows can draw: several where top-k is on, one at a time where it is not."""
    vocabulary = rows.shape[1]
    count = _wanted(sampling, vocabulary)
    peaks = overview.peaks[which, None].astype(np.float64)
    temperature = sampling.temperature or 1.0
    if not count:
        odds = _tempered(rows[which], peaks, temperature)
        return Shortlist(np.arange(vocabulary)[None], odds, np.full(which.size, vocabulary))
    tokens = overview.tokens[overview.starts[which, None] + np.arange(count)]
    odds = _tempered(rows[which[:, None], tokens], peaks, temperature)
    totals = odds.sum(axis=1)
    if not bounded(sampling, vocabulary) and count < vocabulary:
        everything = _tempered(rows[which], peaks, temperature)
        totals = everything.sum(axis=1)
        enough = (
            odds.sum() >= sampling.top_p * totals if sampling.top_p < 1 else odds[0, -1] < sampling.min_p * odds[0, 0]
        )
        if not enough:
            tokens = np.argsort(-rows[which], axis=1, kind="stable")
            odds = np.take_along_axis(everything, tokens, axis=1)
    kept = np.full(which.size, tokens.shape[1])
    if sampling.top_p < 1:
        below = (odds.cumsum(axis=1) < sampling.top_p * totals[:, None]).sum(axis=1)
        kept = np.minimum(kept, below + 1)
    if sampling.min_p > 0:
        kept = np.minimum(kept, (odds >= sampling.min_p * odds[:, :1]).sum(axis=1))
    return Shortlist(tokens, odds, kept)


def pick(odds: Odds, kept: Indices, uniforms: NDArray[np.float64]) -> Indices:
    """Index of each line drawn in proportion to its first `kept` odds by a number in [0, 1)."""
    ladder = odds.cumsum(axis=1)
    height = ladder[np.arange(len(odds)), kept - 1]
    picked: Indices = np.minimum((ladder <= (uniforms * height)[:, None]).sum(axis=1), kept - 1)
    return picked


def _tempered(logits: Logits, peaks: NDArray[np.float64], temperature: float) -> Odds:
    return np.exp((logits.astype(np.float64) - peaks) / temperature)


def generator(*key: int) -> np.random.Generator:
    """The generator of one candidate: its draws depend on the key (seed, problem, index) alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
