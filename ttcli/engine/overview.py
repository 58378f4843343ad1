"""The largest logits of rows, and the sums of their exponentials, in one pass over the memory.

That pass finds the maxima of blocks. A block is every n-th logit, so that it runs along the memory. The k-th largest
maximum bounds the k-th largest logit from below: few blocks are left to look for it in. Exponentials are computed
where a block reaches near the largest logit of all. What the others add to the sum is estimated: of each its maximum
is known, and a sample stands for the rest. How far off that is stands in benchmarks/RESULTS.md, "Sampling".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.errors import ModelError

Logits = NDArray[np.float32]
Indices = NDArray[np.intp]
Sums = NDArray[np.float64]

NO_NUMBERS = "its file is damaged, or --gpu-layers 0 helps where the GPU does not compute it right"
_SMALL = 4096  # tokens: vocabularies up to here are searched and summed as they are
_BLOCK = 64  # tokens per block of a larger one
_REACH = 14.0  # below the largest logit: the exponentials of blocks that end lower are estimated
_SAMPLES, _SAMPLE = 16, 64  # places in the vocabulary, and tokens at each, that stand for those not looked at


class Overview(NamedTuple):
    """What is known of some rows."""

    peaks: Logits  # the largest logit of each
    log_totals: Sums  # logarithm of the sum of exponentials of each
    tokens: Indices  # at least as many of each row as were wanted: row after row, largest first, ties by index
    starts: Indices  # where those of each row begin


@dataclass(frozen=True, slots=True)
class TopRows:
    """The largest logits of some rows, and what the others add up to; see `backend_sampling`."""

    tokens: Indices  # [rows, top], of the largest logit first, ties by index
    logits: Logits  # [rows, top]
    log_totals: Sums  # [rows], logarithm of the sum of exponentials of each row, all of it

    @staticmethod
    def empty(top: int) -> TopRows:
        """No row at all."""
        return TopRows(np.empty((0, top), np.intp), np.empty((0, top), np.float32), np.empty(0))

    @staticmethod
    def joined(parts: Sequence[TopRows]) -> TopRows:
        """The rows of all parts in their order."""
        columns = ((part.tokens, part.logits, part.log_totals) for part in parts)
        return TopRows(*map(np.concatenate, zip(*columns, strict=True)))

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, which: slice | Sequence[int]) -> TopRows:
        return TopRows(self.tokens[which], self.logits[which], self.log_totals[which])


class _Bright(NamedTuple):
    """Blocks that reach near the largest logit of their row, or hold tokens that are wanted."""

    mask: NDArray[np.bool_]  # [rows, blocks]
    row: Indices  # of each
    block: Indices
    logits: Logits  # [of these blocks, tokens per block]


class Overlook:
    """Looks at rows of one vocabulary."""

    def __init__(self, vocabulary: int) -> None:
        self._size = _BLOCK if vocabulary > _SMALL else 1  # tokens per block
        self._blocks = vocabulary // self._size
        self._inside = self._size * self._blocks  # tokens in blocks: the others are few
        self._sample = min(
            _SAMPLE, self._blocks // _SAMPLES
        )  # tokens of a sample: those of the next lie in the next blocks
        self._apart = self._size // _SAMPLES * self._blocks + self._sample  # from one sample to the next
        self._bits = np.uint64(vocabulary.bit_length())

    def look(self, rows: Logits, wanted: Indices) -> Overview:
        """Look at `rows` [rows, n_vocab], of each of which so many largest tokens are wanted.

        Raises:
            ModelError: a row holds what is no number.
        """
        blocks = rows[:, : self._inside].reshape(len(rows), self._size, self._blocks)
        outside = rows[:, self._inside :]
        maxima = blocks.max(axis=1)
        peaks = maxima.max(axis=1)
        if outside.size:
            peaks = np.maximum(peaks, outside.max(axis=1))
        if not np.isfinite(peaks).all():
            raise ModelError("the model computes what are no numbers", hint=NO_NUMBERS)
        bounds = _bounds(maxima, wanted)
        mask = maxima >= (np.minimum(bounds, peaks - _REACH) if self._size > 1 else bounds)[:, None]
        row, block = _places(mask)
        bright = _Bright(mask, row, block, blocks[row, :, block])
        totals = self._totals(rows, maxima, peaks, bright)
        tokens, starts = self._largest(outside, bounds, bright)
        return Overview(peaks, peaks + np.log(totals), tokens, starts)

    def _totals(self, rows: Logits, maxima: Logits, peaks: Logits, bright: _Bright) -> Sums:
        """The sums of the rows' exponentials, relative to their peaks."""
        if self._size == 1:
            whole: Sums = np.exp(rows - peaks[:, None]).sum(axis=1, dtype=np.float64)
            return whole
        near = np.exp(bright.logits - peaks[bright.row, None]).sum(axis=1)
        totals: Sums = np.bincount(bright.row, near, len(rows)).astype(np.float64)
        totals += np.exp(rows[:, self._inside :] - peaks[:, None]).sum(axis=1)
        dim = self._blocks - np.bincount(bright.row, minlength=len(rows))
        if dim.any():
            ends = np.exp(maxima - peaks[:, None])
            np.copyto(ends, 0, where=bright.mask)
            totals += ends.sum(axis=1) + self._mean(rows, maxima, peaks, bright.mask) * dim * (self._size - 1)
        return totals

    def _mean(self, rows: Logits, maxima: Logits, peaks: Logits, bright: NDArray[np.bool_]) -> Sums:
        """The mean exponential of the sample's tokens that lie in other blocks and are not their maxima."""
        samples = self._inside // self._apart
        strips = rows[:, : samples * self._apart].reshape(len(rows), samples, self._apart)
        sample = strips[:, :, : self._sample].reshape(len(rows), -1)
        blocks = slice(0, sample.shape[1])
        rest = (sample < maxima[:, blocks]) > bright[:, blocks]
        tied = 2 * rest.sum(axis=1) < blocks.stop - bright[:, blocks].sum(axis=1)  # with their maxima, most of them
        if tied.any():
            rest[tied] = ~bright[tied, blocks]
        exponentials = np.exp(sample - peaks[:, None])
        exponentials *= rest
        mean: Sums = exponentials.sum(axis=1, dtype=np.float64) / np.maximum(rest.sum(axis=1), 1)
        return mean

    def _largest(self, outside: Logits, bounds: Logits, bright: _Bright) -> tuple[Indices, Indices]:
        """Tokens from the bounds on, and where those of each row begin: sorted as numbers of row, logit and token."""
        found, place = _places(bright.logits >= bounds[bright.row, None])
        row, token, logit = bright.row[found], place * self._blocks + bright.block[found], bright.logits[found, place]
        if outside.size:
            others, place = _places(outside >= bounds[:, None])
            row = np.concatenate([row, others])
            token = np.concatenate([token, place + self._inside])
            logit = np.concatenate([logit, outside[others, place]])
        bits = (logit + np.float32(0)).view(np.int32)  # there is a zero below zero
        falling = (bits ^ (~(bits >> 31) & 0x7FFFFFFF)).view(np.uint32)  # the larger the logit, the smaller
        key = ((row.astype(np.uint64) << np.uint64(32) | falling) << self._bits) | token.astype(np.uint64)
        key.sort()
        starts = np.searchsorted(key, np.arange(len(bounds), dtype=np.uint64) << (self._bits + np.uint64(32)))
        return (key & ((np.uint64(1) << self._bits) - np.uint64(1))).astype(np.intp), starts


def _bounds(maxima: Logits, wanted: Indices) -> Logits:
    """Lower bounds of the so-many-th largest logits; infinite where none is wanted."""
    if (wanted == wanted[0]).all():
        return _bound(maxima, int(wanted[0]))
    bounds = np.empty(len(maxima), np.float32)
    for count in set(wanted.tolist()):
        rows = np.flatnonzero(wanted == count)
        bounds[rows] = _bound(maxima[rows], count)
    return bounds


def _bound(maxima: Logits, count: int) -> Logits:
    if 0 < count < maxima.shape[1]:
        bound: Logits = np.partition(maxima, maxima.shape[1] - count, axis=1)[:, maxima.shape[1] - count]
        return bound
    return np.full(len(maxima), -np.inf if count else np.inf, np.float32)


def _places(mask: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Lines and columns where a matrix holds true; what np.nonzero says, in a fifth of the time."""
    lines, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return lines, columns
