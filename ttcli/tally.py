"""The outcome of a vote over candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerClass:
    """A class of candidates with the same answer."""

    answer: str  # as its first drawn member wrote it
    members: tuple[int, ...]  # indices of candidates, ascending
    weight: float  # what it is ranked by: members, sum of their scores, the highest of them, or the chains it won
    best: float | None  # highest score of a member, in [0, 1]; None where none is scored


@dataclass(frozen=True, slots=True)
class Tally:
    """Classes of equal answers, ranked."""

    votes: tuple[AnswerClass, ...] = ()  # best first
    abstained: int = 0  # candidates without an answer

    @property
    def leader(self) -> AnswerClass | None:
        """The vote that won; None where no candidate gave an answer."""
        return self.votes[0] if self.votes else None

    @property
    def share(self) -> float:
        """The leader's part of all weight, in [0, 1]; 0 where there is none."""
        total = math.fsum(vote.weight for vote in self.votes)
        return self.votes[0].weight / total if total else 0.0

    @property
    def support(self) -> float:
        """The part of all candidates, those without an answer included, that agree with the leader, in [0, 1]."""
        drawn = self.abstained + sum(len(vote.members) for vote in self.votes)
        return len(self.votes[0].members) / drawn if self.votes else 0.0
