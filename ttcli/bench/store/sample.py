"""An independent solution of a problem, which every vote over n of them is made of, and what verifiers say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ttcli.seams import Extension, StepScores
from ttcli.search.sampling import candidate
from ttcli.solution import Ended, Prefix, Step
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

    @classmethod
    def of(cls, key: SampleKey, extension: Extension) -> Sample:
        """A finished extension of a root as a sample."""
        prefix = extension.prefix
        answer = candidate(key.number, prefix).answer
        told = (prefix.steps, prefix.ended, answer, prefix.prompt_tokens, extension.seconds, prefix.thought)
        return cls(key, *told)

    @property
    def tokens(self) -> int:
        """Sampled tokens, those of its thought included."""
        return sum(step.tokens for step in self.steps) + (self.thought.tokens if self.thought else 0)

    def on(self, root: Prefix) -> Prefix:
        """The sample as a prefix grown from a root of its problem."""
        return Prefix(root.problem, 0, root.prompt_tokens, self.steps, self.ended, thought=self.thought)


class Rating(NamedTuple):
    """A verifier's opinion of a sample."""

    sample: SampleKey
    verifier: str
    scores: StepScores | None  # None: it is too long for the verifier
    seconds: float  # that it took
