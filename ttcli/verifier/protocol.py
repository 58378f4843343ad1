"""The seam between a search and whatever scores its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ttcli.tree import Prefix


class StepScores(NamedTuple):
    """A verifier's opinion of a prefix."""

    score: float  # of the whole, in [0, 1]
    steps: tuple[float, ...]  # one per step so far, in [0, 1]; () where the verifier only judges the whole
    tokens: int  # evaluated by the verifier's own model for it


class Verifier(Protocol):
    """Scores prefixes; only what is new since the last call is computed."""

    parameters: int  # of its own model, for FLOPs; 0 where it has none
    name: str

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One opinion per prefix, in order.

        Raises:
            Interrupted: the scoring was called off.
        """
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class Interrupted(Exception):
    """A scoring was called off before it was done."""
