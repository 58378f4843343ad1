"""DeepConf (Fu et al. 2025, arXiv 2508.15260): how sure the model was of its tokens, over windows of them.

With C_i the certainty of token i (`engine/certainty`), a window G_i is the mean of the last w of them, and a trace, its
thought and its text together, scores by

    tail      the mean of its last w tokens
    lowest    min_i G_i

in units of 32 nats, so that votes weighted by it are weighted by the paper's own measure. The paper's w is 2,048, for
traces of tens of thousands of tokens; here it is an eighth of the trace, from 16 to 2,048 tokens, unless it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal

from ttcli.errors import BackendError
from ttcli.seams import StepScores
from ttcli.solution import Prefix

UNIT = 32.0  # nats; twenty tokens whose mean is further below the first would be no choice at all
_PART, _SHORTEST, _LONGEST = 8, 16, 2048


class WindowCertainty:
    """Scores traces by their last, or their least certain, window.

    Args:
        window: tokens; None: see above.
    """

    parameters = 0
    partial = True

    def __init__(self, kind: Literal["tail", "lowest"], window: int | None = None) -> None:
        self.name = f"confidence:{kind}" + (f":{window}" if window else "")
        self._kind = kind
        self._window = window

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Score by the certainties that the prefixes carry.

        Raises:
            BackendError: they carry none.
        """
        return [StepScores(self._score(prefix.certainty, prefix), (), 0) for prefix in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free."""

    def _score(self, certainty: Sequence[float], prefix: Prefix) -> float:
        if not certainty and prefix.tokens:
            raise BackendError(
                f"nothing is known of how sure the model was of its tokens, so {self.name} has nothing to score by",
                hint="--verifier confidence, or a model that runs here",
            )
        if not certainty:
            return 1.0
        width = self._window or min(max(len(certainty) // _PART, _SHORTEST), _LONGEST)
        means = windows(certainty, min(width, len(certainty)))
        nats = means[-1] if self._kind == "tail" else min(means)
        return min(max(nats / UNIT, 0.0), 1.0)


def windows(values: Sequence[float], width: int) -> list[float]:
    """The means of all runs of `width` values, from 1 to as many as there are."""
    sums = [0.0, *accumulate(values)]
    return [(end - begin) / width for begin, end in zip(sums, sums[width:], strict=False)]
