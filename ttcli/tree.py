"""What a search grows: steps, prefixes of solutions, and candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ttcli.problem import Problem


class Ended(StrEnum):
    """Why a text stopped growing."""

    OPEN = "open"  # it can go on: a root, or a text that stopped at a step separator
    STOP = "stop"  # the model ended its turn
    LENGTH = "length"  # the token limit was reached
    CUT = "cut"  # interrupted: Ctrl-C, a deadline or the budget


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a solution up to and including its separator."""

    text: str
    tokens: int  # sampled tokens, the end-of-turn token included
    logprob: float  # sum over its tokens at temperature 1, full vocabulary; <= 0

    @property
    def confidence(self) -> float:
        """Geometric mean of the token probabilities, in [0, 1]; 1 for an empty step."""
        return math.exp(self.logprob / self.tokens) if self.tokens else 1.0


@dataclass(frozen=True, slots=True)
class Prefix:
    """An immutable handle on a partial or finished solution; behind `id` its policy keeps what it needs to go on."""

    problem: Problem
    id: int  # unique within its policy
    prompt_tokens: int = 0  # before the first sampled token
    steps: tuple[Step, ...] = ()
    ended: Ended = Ended.OPEN

    @property
    def text(self) -> str:
        """The solution so far."""
        return "".join(step.text for step in self.steps)

    @property
    def tokens(self) -> int:
        """Sampled tokens of the solution so far."""
        return sum(step.tokens for step in self.steps)

    @property
    def logprob(self) -> float:
        """Sum of token log-probabilities; <= 0."""
        return sum(step.logprob for step in self.steps)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A solution that takes part in the vote."""

    index: int  # order of drawing: ties break by it
    text: str
    answer: str | None  # as written by the model; None: it gave no answer
    ended: Ended
    tokens: int  # sampled
    logprob: float  # sum over tokens; <= 0
    score: float | None = None  # in [0, 1]; None: not scored
    step_scores: tuple[float, ...] = ()  # in [0, 1], one per step where the verifier gives them
