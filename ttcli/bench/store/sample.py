"""An independent solution of a problem, which every vote over n of them is made of, and what verifiers say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ttcli.seams import Extension, StepScores
from ttcli.search.sampling import candidate
from ttcli.solution import Ended, Prefix, Repair, Step
from ttcli.thought import Thought


class SampleKey(NamedTuple):
    """What decides a sample, besides its problem and what draws it."""

    temperature: float
    seed: int  # of the run
    number: int  # order of drawing, from 0


@dataclass(frozen=True, slots=True)
class Sample:
    """A solution drawn to its end, alone on the problem's own prompt."""

    key: SampleKey
    steps: tuple[Step, ...]
    ended: Ended  # STOP or LENGTH
    answer: str | None
    prompt_tokens: int
    seconds: float  # its share of the decodes it grew in
    thought: Thought | None = None  # before the first step
    repairs: tuple[Repair, ...] = ()  # made while it was drawn, in order
    dropped: int = 0  # tokens that went into it besides: repairs threw them away, or had them decoded again

    @classmethod
    def of(cls, key: SampleKey, extension: Extension) -> Sample:
        """A finished extension of a root as a sample."""
        prefix = extension.prefix
        answer = candidate(key.number, prefix).answer
        told = (prefix.steps, prefix.ended, answer, prefix.prompt_tokens, extension.seconds, prefix.thought)
        dropped = max(extension.tokens - prefix.tokens, 0) if prefix.repairs else 0
        return cls(key, *told, prefix.repairs, dropped)

    @property
    def tokens(self) -> int:
        """Tokens drawn for it, those of its thought and those that repairs took included."""
        return sum(step.tokens for step in self.steps) + (self.thought.tokens if self.thought else 0) + self.dropped

    def on(self, root: Prefix) -> Prefix:
        """The sample as a prefix grown from a root of its problem."""
        own = Prefix(root.problem, 0, root.prompt_tokens, self.steps, self.ended)
        return replace(own, repairs=self.repairs, thought=self.thought)


class Rating(NamedTuple):
    """A verifier's opinion of a sample."""

    sample: SampleKey
    verifier: str
    scores: StepScores | None  # None: it is too long for the verifier
    seconds: float  # that it took
