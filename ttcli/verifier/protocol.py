"""The seam between a search and whatever scores its candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    partial: bool  # whether it can score what has not come to its end

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Tokens that scoring these would put through its own model at most."""
        ...

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One opinion per prefix, in order.

        Raises:
            Interrupted: the scoring was called off.
            PromptTooLong: one of them does not fit the context of its model.
        """
        ...

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Free what is kept for these prefixes and, under a root, for all that grew from it."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class Interrupted(Exception):
    """A scoring was called off before it was done."""
