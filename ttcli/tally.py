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

    @property
    def confidence(self) -> float:
        """The chance that the leader has more votes in the long run than the next one, in [0, 1]; 0: there is none."""
        if not self.votes:
            return 0.0
        leader, *others = (len(vote.members) for vote in self.votes)
        return leader_stays(leader, max(others, default=0))


def leader_stays(leader: int, runner_up: int) -> float:
    """The chance, in [0, 1], that the leading answer is the more frequent one of the first two.

    With a votes for the leader and b for the runner-up, and a uniform prior over which of the two a further candidate
    sides with (Aggarwal et al. 2023, arXiv 2305.11860), it is

        P(p > 1/2),  p ~ Beta(a + 1, b + 1)  =  1 - I_{1/2}(a + 1, b + 1)

    which for whole a and b is the chance that Binomial(a + b + 1, 1/2) is at most a.
    """
    tosses = leader + runner_up + 1
    favourable, ways = 0, 1  # of C(tosses, heads), the next from the last
    for heads in range(leader + 1):
        favourable += ways
        ways = ways * (tosses - heads) // (heads + 1)
    return favourable / (1 << tosses)
