"""The policy's own confidence as a verifier: no model, no tokens (cf. DeepConf, arXiv 2508.15260)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ttcli.errors import BackendError
from ttcli.seams import StepScores
from ttcli.solution import Prefix


class Confidence:
    """exp of the mean token log-probability: of the solution without its thought, or of its weakest step."""

    parameters = 0
    partial = True

    def __init__(self, *, weakest: bool = False) -> None:
        self._weakest = weakest
        self.name = "confidence:weakest" if weakest else "confidence"

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Score by the log-probabilities that the prefixes carry.

        Raises:
            BackendError: they carry none, because the server that wrote them did not tell.
        """
        return [self._score(prefix) for prefix in prefixes]

    def _score(self, prefix: Prefix) -> StepScores:
        steps = tuple(step.confidence for step in prefix.steps if step.confidence is not None)
        if prefix.logprob is None or len(steps) < len(prefix.steps):
            raise BackendError(
                "the server gives no log-probabilities, so confidence has nothing to score by",
                hint="--method adaptive, --verifier judge:MODEL, or a server that gives them",
            )
        spoken = prefix.spoken_tokens
        mean = math.exp(prefix.logprob / spoken) if spoken else 1.0
        score = min(steps, default=1.0) if self._weakest else mean
        return StepScores(score, steps, 0, value=score)  # what a step scores tells nothing of those before it

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free."""
