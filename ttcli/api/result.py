"""What solving a problem, or scoring solutions of it, comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ttcli.cost import Cost
from ttcli.events import Outcome, RunStarted
from ttcli.record.encode import record
from ttcli.solution import Candidate
from ttcli.tally import AnswerClass


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and what stands behind it."""

    began: RunStarted  # problem, method, model, verifier, budget and seed
    outcome: Outcome

    @property
    def answer(self) -> str | None:
        """The answer that won, as its first drawn candidate wrote it; None: no candidate gave one."""
        return self.outcome.answer

    @property
    def text(self) -> str | None:
        """The first drawn solution with that answer; None as above."""
        leader = self.outcome.ballot.leader
        return next((each.text for each in self.candidates if leader and each.index == leader.members[0]), None)

    @property
    def support(self) -> float:
        """The part of all candidates that agree with it, in [0, 1]."""
        return self.outcome.ballot.support

    @property
    def confidence(self) -> float:
        """The chance that it stays ahead in the long run, in [0, 1]."""
        return self.outcome.ballot.confidence

    @property
    def votes(self) -> Sequence[AnswerClass]:
        """Classes of equal answers, the best first."""
        return self.outcome.ballot.votes

    @property
    def candidates(self) -> Sequence[Candidate]:
        """All solutions, in order of drawing."""
        return self.outcome.candidates

    @property
    def cost(self) -> Cost:
        """Tokens by role, FLOPs, seconds."""
        return self.outcome.cost

    def to_json(self) -> dict[str, Any]:
        """The object that `ttc solve --json` prints."""
        return record(self.began, self.outcome)


@dataclass(frozen=True, slots=True)
class Score:
    """What a verifier says of a solution."""

    score: float | None  # of the whole, in [0, 1]; None: it is too long for the verifier
    steps: tuple[float, ...]  # one per step, in [0, 1]; () where the verifier judges only the whole
