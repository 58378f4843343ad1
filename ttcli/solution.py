"""What a search grows: steps, prefixes of solutions, and candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ttcli.problem import Problem
from ttcli.thought import Thought

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Ended(StrEnum):
    """Why a text stopped growing."""

    OPEN = "open"  # it can go on: a root, or a text that stopped at a step separator
    STOP = "stop"  # the model ended its turn
    LENGTH = "length"  # the token limit was reached
    CUT = "cut"  # interrupted: Ctrl-C, a deadline or the budget


def confidence(logprob: float | None, tokens: int) -> float | None:
    """exp of the mean log-probability of some tokens, in [0, 1]; 1 where there are none; None: it is not known."""
    if logprob is None:
        return None
    return math.exp(logprob / tokens) if tokens else 1.0


class AnswerKind(StrEnum):
    """How an answer is compared with others."""

    SHORT = "short"  # as a value: a number, an option, a few words
    TEXT = "text"  # word by word
    CODE = "code"  # without regard to layout and comments
    EACH = "each"  # with none: every text stands for itself


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a solution up to and including its separator."""

    text: str
    tokens: int  # sampled tokens, the end-of-turn token included
    logprob: float | None  # sum over its tokens at temperature 1, full vocabulary; <= 0; None: a server did not tell
    # by layer: the hidden state, float32 [n_embd], from which its last token was drawn; where the policy keeps any
    states: Mapping[int, NDArray[np.float32]] = field(default_factory=dict, compare=False, repr=False)
    # by token: minus the mean log-probability of the likeliest ones; () where nobody asked for it
    certainty: tuple[float, ...] = field(default=(), compare=False, repr=False)

    @property
    def confidence(self) -> float | None:
        """Geometric mean of the token probabilities, in [0, 1]; 1 for an empty step; None: not known."""
        return 1.0 if not self.tokens else confidence(self.logprob, self.tokens)

    def joined(self, other: Step) -> Step:
        """One step of this and what follows it."""
        known = self.logprob is not None and other.logprob is not None
        logprob = (self.logprob or 0.0) + (other.logprob or 0.0) if known else None
        certainty = (*self.certainty, *other.certainty)
        return Step(self.text + other.text, self.tokens + other.tokens, logprob, other.states, certainty)


def total_logprob(steps: Sequence[Step]) -> float | None:
    """Sum of the log-probabilities of some steps; <= 0; None: that of one is not known."""
    known = [step.logprob for step in steps if step.logprob is not None]
    return sum(known) if len(known) == len(steps) else None


@dataclass(frozen=True, slots=True)
class Repair:
    """A number that was wrong, and was put right while the text was drawn."""

    at: int  # offset in the solution's text of what stands there now
    wrote: str  # what the model wrote
    mended: str  # what stands in its place
    dropped: str  # what the model had written behind it, and wrote anew


class Attempt(NamedTuple):
    """An earlier solution, as whoever revises it is shown it."""

    text: str  # all of it, or what comes before the step that is in doubt
    doubt: str | None = None  # that step, which is told; None: none is


@dataclass(frozen=True, slots=True)
class Prefix:
    """An immutable handle on a partial or finished solution; behind `id` its policy keeps what it needs to go on."""

    problem: Problem
    id: int  # unique within its policy
    prompt_tokens: int = 0  # before the first sampled token
    steps: tuple[Step, ...] = ()
    ended: Ended = Ended.OPEN
    attempts: tuple[Attempt, ...] = ()  # that the prompt shows, the oldest first; (): it is no revision
    known_tokens: int = 0  # of the prompt of a revision: decoded before, for what it goes on from
    repairs: tuple[Repair, ...] = ()  # made so far, in order
    partial: bool = False  # its last step has been stopped in the middle, and what comes next belongs to it
    thought: Thought | None = None  # before the first step; None: it had none

    @property
    def text(self) -> str:
        """The solution so far, without its thought."""
        return "".join(step.text for step in self.steps)

    @property
    def spoken_tokens(self) -> int:
        """Sampled tokens of its text."""
        return sum(step.tokens for step in self.steps)

    @property
    def tokens(self) -> int:
        """Tokens of the solution so far, its thought included."""
        return self.spoken_tokens + (self.thought.tokens if self.thought else 0)

    @property
    def certainty(self) -> tuple[float, ...]:
        """How sure the model was of each token that was drawn, from the first of its thought on; () where not known."""
        parts = [self.thought.certainty if self.thought else (), *(step.certainty for step in self.steps)]
        return tuple(each for part in parts for each in part)

    @property
    def logprob(self) -> float | None:
        """Sum of token log-probabilities of its text; <= 0; None: that of a step is not known."""
        return total_logprob(self.steps)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A solution that takes part in the vote."""

    index: int  # order of drawing: ties break by it
    text: str
    answer: str | None  # as written by the model; None: it gave no answer
    ended: Ended
    tokens: int  # sampled, those of its thought included
    logprob: float | None  # sum over tokens of the text; <= 0; None: not known
    score: float | None = None  # in [0, 1]; None: not scored
    step_scores: tuple[float, ...] = ()  # in [0, 1], one per step where the verifier gives them
    node: int | None = None  # of a search tree: where it ends; None: it was drawn in one go
    chain: int | None = None  # of revisions, from 0; None: it belongs to none
    attempt: int | None = None  # its place in the chain, from 0; None: as above
    kind: AnswerKind = AnswerKind.SHORT  # of its answer
    asked_again: bool = False  # it ended without an answer, and was made to go on until it named one
    lineage: int | None = None  # of a search tree: the first step that it comes down from; None: as with `node`
    places: int | None = None  # it has in the last population, and so votes; None: it was in none
    repairs: tuple[Repair, ...] = ()  # made while it was drawn
    thought: str | None = None  # what it thought before it spoke; None: nothing
    thought_tokens: int = 0  # of `tokens`
    thought_open: bool = False  # whether it was broken off, or ended, in the middle of its thought
    # by token, from the first of its thought on; see `Step.certainty`
    certainty: tuple[float, ...] = field(default=(), compare=False, repr=False)

    @property
    def confidence(self) -> float | None:
        """Geometric mean of the probabilities of the tokens of its text, in [0, 1]; None: not known."""
        return confidence(self.logprob, self.tokens - self.thought_tokens)

    @property
    def truncated(self) -> bool:
        """Whether it ran into a token limit: what it would have come to is not known."""
        return self.ended is Ended.LENGTH


@dataclass(frozen=True, slots=True)
class Node:
    """A step in a search tree; the path from the prompt down to it is a prefix."""

    number: int  # from 1, in the order of beginning
    parent: int  # the number of the step it grew from; 0: the prompt
    text: str
    tokens: int  # sampled
    logprob: float | None  # sum over its tokens; <= 0; None: not known
    ended: Ended
    score: float | None = None  # of the path down to here, in [0, 1]; None: not scored
    pruned: bool = False  # the search gave it up
    rollout: bool = False  # drawn greedily to look ahead
    repairs: tuple[Repair, ...] = ()  # made while it was drawn; offsets in the text of the path down to here
