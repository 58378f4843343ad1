"""The three seams: whoever proposes continuations, whoever scores them, and whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeVar

from ttcli.problem import Problem
from ttcli.solution import Attempt, Prefix, Repair, Step

Shown_contra = TypeVar("Shown_contra", contravariant=True)


ASK = "\n\nThe final answer is \\boxed{"  # makes a solution that ended without an answer name one
BOX_TOKENS = 32  # for that at most


@dataclass(frozen=True, slots=True)
class Extend:
    """One continuation of one prefix."""

    prefix: Prefix
    seed: tuple[int, ...]  # keys the candidate's own random generator
    # box: the one that it begins in is closed, or BOX_TOKENS; thought: its thought is closed; paragraph: one of its
    # thought is over, or the thought is closed; what does not think goes on to its answer
    until: Literal["step", "answer", "box", "thought", "paragraph"] = "answer"
    steps: int = 1  # with until="step": how many that hold what the policy calls content
    temperature: float | None = None  # None: the policy's own; 0: greedy
    top_p: float | None = None  # in (0, 1]; None: the policy's own
    max_tokens: int | None = None  # of the whole solution, at most the policy's own; None: that
    # asked after each token, with the text that has grown and whether its turn has ended; True: it stops, partial
    watch: Callable[[str, bool], bool] | None = None
    keep: bool = False  # where it comes to its end: have a revision go on from what was computed, until released


class Growth(NamedTuple):
    """A token that a continuation took."""

    request: int  # position among the requests of this call, which a None is not
    text: str  # that became readable with it
    thought: bool = False  # whether it is part of a thought


class Mended(NamedTuple):
    """A continuation was cut back to what was wrong in it, and goes on from what is right."""

    request: int  # position among the requests of this call
    repair: Repair
    tokens: int  # that went through the model for it, besides those sampled


class Rewritten(NamedTuple):
    """A prefix that another text has been put into."""

    prefix: Prefix
    tokens: int  # that have to be decoded for it


class Flaw(NamedTuple):
    """What is wrong in a text, and what it should read."""

    start: int  # offsets in the text
    end: int
    right: str


class Extension(NamedTuple):
    """A finished continuation, or one that was cut short."""

    request: int  # position among the requests of this call
    prefix: Prefix  # the request's prefix with the new steps
    tokens: int  # sampled for it
    shared: int  # tokens of the request's prefix that were not decoded again for it
    seconds: float = 0.0  # of the machine: the time of each decode in equal parts to the texts that grew in it


class Load(NamedTuple):
    """How full the batch was since the policy was made."""

    decodes: int = 0
    rows: int = 0  # texts that grew, summed over the decodes


class Policy(Protocol):
    """Proposes continuations.

    `extend` takes requests when it has a place for them; None from the iterable means "none now, ask again after the
    next token", and ends the call when nothing is under way. Each step yields what grew, possibly nothing, so that one
    `next()` costs one decode at most and several calls can be driven in turn. `stop` is asked before every decode,
    with the tokens that it could add at most to those yielded so far; when it, or the policy's own interrupt, says so,
    continuations under way come back cut and those not begun do not come back. Closing the iterator cancels what is
    under way.
    """

    parameters: int  # that take part in a matrix product per token, for FLOPs; 0: not known
    reviser_parameters: int  # the same of whatever draws revisions: the model itself, or another one

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The root of a problem; with attempts, the oldest first, that of a revision of the last of them.

        What was computed for earlier solutions that are kept, or for other roots, is not computed again where the
        tokens are the same. The oldest attempts are left out where all do not fit; the root says which are in.

        Raises:
            PromptTooLong: the prompt without attempts and one answer do not fit the model's context.
        """
        ...

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[Sequence[Growth | Mended | Extension]]:
        """Continue prefixes, many at a time; finished ones are yielded as they finish."""
        ...

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """What was written before, on a root: to be extended as if it had just been drawn. It is decoded again."""
        ...

    def speak(self, prefix: Prefix, words: str) -> Prefix:
        """A fork of a prefix in the middle of its thought: the thought is closed there, and these words are said.

        Raises:
            UsageError: thoughts of this policy cannot be gone on with.
        """
        ...

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Free what is kept for these prefixes; they are not extended again."""
        ...


def writer(policy: Policy, prefix: Prefix) -> int:
    """The parameters of whatever draws the continuations of a prefix, for FLOPs; 0: not known."""
    return policy.reviser_parameters if prefix.attempts else policy.parameters


class AskingPolicy(Policy, Protocol):
    """One that can be asked for the answer of a finished solution."""

    name: str

    def ask(self, root: Prefix, solution: str, thought: str | None = None) -> Prefix:
        """A finished solution on the root of its problem, to be extended until it has named its answer.

        `thought`: what was thought before it. Its text ends in `ASK`, or is empty where that is asked for in a turn of
        its own. The solution is decoded again; a little of its end is left out where it does not fit.

        Raises:
            PromptTooLong: most of it does not fit.
        """
        ...


class BatchPolicy(AskingPolicy, Protocol):
    """A policy as a runtime holds it: it says what it is, and works on many problems in turn."""

    width: int  # texts that grow at once at most
    thought_tokens: int  # of the thought before a solution at most; 0: it does not think

    @property
    def recipe(self) -> Mapping[str, object]:
        """What besides the weights decides how its solutions are distributed, as JSON: prompt, sampler, token limit."""
        ...

    @property
    def revisions(self) -> Mapping[str, object]:
        """What besides the recipe decides how revisions are distributed, as JSON: the words that ask for them."""
        ...

    @property
    def load(self) -> Load | None:
        """How full its batches were; None where it cannot tell."""
        ...

    def rewrites(self, problem: Problem) -> bool:
        """Whether it can go on from a text that has been changed."""
        ...

    def rewrite(self, prefix: Prefix, keep: int, text: str) -> Rewritten | None:
        """A prefix that was stopped, cut back to so many characters, with this text after them, to be extended.

        The one given is used up. What is kept is not decoded again where the model's memory can be cut back; where it
        cannot, it is from where the prefix was last extended. The new tokens count as drawn with the mean
        log-probability of their step. None: this text cannot be put there, and the prefix is as it was.
        """
        ...

    def holds(self, problems: int) -> bool:
        """Whether so many could be worked on in turn with nothing to be computed again."""
        ...

    def expect(self, problems: Sequence[Problem]) -> None:
        """Learn what will be started, to have room for the longest of them and for as many as fill the batch."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class StepScores(NamedTuple):
    """A verifier's opinion of a prefix."""

    score: float  # of the whole, in [0, 1]
    steps: tuple[float, ...]  # one per step so far, in [0, 1]; () where the verifier only judges the whole
    tokens: int  # evaluated by the verifier's own model for it
    value: float | None = None  # of what is there so far, in [0, 1]; None: what the last step was scored

    @property
    def current(self) -> float:
        """What a search selects by, in [0, 1]: the value of the current step (Snell et al. 2024, s. 5.2).

        `score` is of a solution: what makes one of its steps' scores has no say in which prefix goes on.
        """
        if self.value is not None:
            return self.value
        return self.steps[-1] if self.steps else self.score


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


class Repairer(Protocol):
    """Finds what is wrong in a solution for sure, and knows what it should read."""

    name: str  # as the user calls it

    @property
    def recipe(self) -> Mapping[str, object]:
        """What decides what it finds, as JSON."""
        ...

    def flaw(self, problem: Problem, text: str, begin: int) -> Flaw | None:
        """The first wrong value of a text, up to whose end it has been written, that ends behind this offset."""
        ...


class Interrupted(Exception):
    """A scoring was called off before it was done."""


class Display(AbstractContextManager["Display[Shown_contra]"], Protocol[Shown_contra]):
    """Draws what happens as it comes: `Display[Event]` a run, `Display[Progress]` a bench.

    A context, so that the terminal is left as it was found.
    """

    def show(self, event: Shown_contra) -> None:
        """Take note of what happened, and draw it if it is time to."""
        ...
