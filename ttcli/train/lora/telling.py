"""Which step of an attempt is told to be in doubt, where a reviser is to learn from what a verifier thinks."""

from __future__ import annotations

from collections.abc import Sequence

from ttcli.errors import PromptTooLong
from ttcli.seams import StepScores, Verifier
from ttcli.search.revise import shown_to_doubt
from ttcli.solution import Attempt, Prefix
from ttcli.train.lora.pool import PooledProblem


class Telling:
    """A verifier that is asked which step of an attempt it doubts.

    Args:
        floor: an attempt is shown up to its first step that is scored below it, which is told.
    """

    def __init__(self, verifier: Verifier, floor: float) -> None:
        self._verifier = verifier
        self._floor = floor

    def attempts(self, prefixes: Sequence[Prefix]) -> list[Attempt]:
        """Solutions of one problem, at least one, as whoever revises them is shown them.

        All of one that is too long for the verifier, as in a run.

        Raises:
            Interrupted: as the verifier does.
        """
        try:
            scores = self._scores(prefixes)
        except PromptTooLong:
            scores = [each for prefix in prefixes for each in self._one(prefix)]
        return [shown_to_doubt(one, each.steps, self._floor) for one, each in zip(prefixes, scores, strict=True)]

    def of(self, pooled: PooledProblem) -> dict[str, Attempt]:
        """The solutions of a problem, at least one, by their texts; raises as `attempts` does."""
        prefixes = pooled.prefixes
        return {one.text: shown for one, shown in zip(prefixes, self.attempts(prefixes), strict=True)}

    def _one(self, prefix: Prefix) -> list[StepScores]:
        try:
            return self._scores([prefix])
        except PromptTooLong:
            return [StepScores(0.0, (), 0)]

    def _scores(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        try:
            return self._verifier.score(prefixes)
        finally:
            self._verifier.release([*prefixes, Prefix(prefixes[0].problem, 0)])
