"""A text in the making: its thought, its steps, and when it has come to its end."""

# over 300 lines: the thought, the steps and what may end them are one account of each token

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from ttcli.engine.branch import Branch, States
from ttcli.engine.params import SamplingParams
from ttcli.solution import Ended, Step
from ttcli.thought import Phase, Tags, Thought, ThoughtReader, Told

_MIDDLE = 4  # tokens that a thought may take beyond its budget's end, if a character is in its middle there: kept free
_PARAGRAPH = "\n\n"
_ANOTHER = 16  # tokens that are left of a budget where a thought is gone on with by the paragraph


@dataclass(frozen=True, slots=True)
class ThinkLimit:
    """The thought before a text: how it is known, and how long it may be."""

    tags: Tags
    phase: Phase  # at the beginning of the job
    tokens: int  # of the thought at most, `forced` included
    forced: tuple[int, ...]  # tokens that end it there
    words: str = ""  # that they say


@dataclass(frozen=True, slots=True)
class StopCriteria:
    """When a text stops growing, besides the end of the model's turn."""

    max_tokens: int  # sampled tokens of the text, at least 1
    separator: str | None = None  # closes a step; None: the text is one step
    steps: int | None = None  # stop after so many steps; None: go on to the end
    count: Callable[[Sequence[str]], int] = len  # how many steps these come to, in the order of their texts
    watch: Callable[[str, bool], bool] | None = None  # see Extend
    closes: bool = False  # a step ends where more braces have been closed than opened, too
    think: ThinkLimit | None = None  # None: all of it is text
    pause: Literal["thought", "paragraph"] | None = None  # stop where the thought, or a paragraph of it, is over

    @property
    def most(self) -> int:
        """Tokens that a job may take."""
        return self.max_tokens + (self.think.tokens if self.think else 0)


@dataclass(slots=True)
class _Part:
    """A step or a thought in the making."""

    text: str = ""
    tokens: int = 0
    logprob: float = 0.0
    certainty: list[float] = field(default_factory=list)

    def take_over(self, other: _Part, *, text: bool) -> None:
        """Have the tokens of another part; with its words, or without."""
        self.text += other.text if text else ""
        self.tokens += other.tokens
        self.logprob += other.logprob
        self.certainty += other.certainty
        other.text, other.tokens, other.logprob, other.certainty = "", 0, 0.0, []


class Job:
    """A text in the making on top of a branch."""

    __slots__ = (
        "_begun",
        "_closed",
        "_decoder",
        "_forced",
        "_grown_text",
        "_open",
        "_reader",
        "_states",
        "_thought",
        "aloud",
        "branch",
        "ended",
        "grown",
        "keep",
        "parent",
        "rng",
        "sampling",
        "steps",
        "stopped",
        "traced",
        "until",
    )

    def __init__(
        self,
        parent: Branch,
        sampling: SamplingParams,
        until: StopCriteria,
        rng: np.random.Generator,
        *,
        keep: bool = False,
        begun: Step | None = None,
        traced: bool = False,
    ) -> None:
        self.keep = keep  # its cells, when it has come to its end
        self.traced = traced  # whether it is to know how sure the model was of each token
        self.parent = parent
        self.branch = Branch(parent)
        self.sampling = sampling
        self.until = until
        self.rng = rng
        self.steps: list[Step] = []
        self.ended = Ended.OPEN
        self.grown = 0  # tokens, those that were forced included
        self.aloud = True  # whether the last token that was drawn is part of the text, and not of a thought
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.stopped = False  # by whoever watches it
        self._grown_text = ""  # kept where somebody watches it
        self._reader = ThoughtReader(until.think.tags, until.think.phase) if until.think else None
        self._thought = _Part()
        self._closed = False  # its thought has come to its end
        self._forced = 0
        self._begun = begun.tokens if begun else 0  # of the first step, which were there before
        # the step in the making
        self._open = _Part(begun.text, begun.tokens, begun.logprob or 0.0, [*begun.certainty]) if begun else _Part()
        self._states: States = {}  # that the last token was drawn from

    def take(
        self, token: int, piece: bytes | None, logprob: float, states: States, certainty: float | None = None
    ) -> str:
        """Append a token drawn from these states (`piece` None: it ended the turn); return the text now readable."""
        until = self.until
        self.branch.tokens.append(token)
        self.grown += 1
        self._states = states
        text = self._decoder.decode(piece or b"", final=piece is None)
        thought_before = self.thinking
        told = self._reader.take(text, final=piece is None) if self._reader else Told(text=text)
        part = self._thought if thought_before or told.opened or told.closed else self._open
        part.tokens += 1
        part.logprob += logprob
        if certainty is not None:
            part.certainty.append(certainty)
        shown = self._read(told)
        self.aloud = part is self._open or bool(told.text)
        if until.watch is not None and self.aloud:
            self._grown_text += shown
            if until.watch(self._grown_text, piece is None):
                self.stopped = True
                self._close_step(Ended.OPEN)
                return shown
        if piece is None:
            self._close_step(Ended.STOP)
        elif (until.separator and until.separator in self._open.text.lstrip()) or self._closes:
            self._close_step(Ended.OPEN)
        # even at the end of a step: nothing may follow
        if self.ended is Ended.OPEN and (self._spoken >= until.max_tokens or self.grown >= until.most):
            self._close_step(Ended.LENGTH)
        return shown

    def force(self) -> list[str]:
        """End the thought: append the tokens that do; what each makes readable."""
        think, reader = self.until.think, self._reader
        assert think is not None  # only what thinks runs out of thoughts
        assert reader is not None
        self.branch.tokens.extend(think.forced)
        self.grown += len(think.forced)
        self._thought.text += self._decoder.decode(b"", final=True) + reader.close() + think.words
        self._thought.tokens += len(think.forced)
        self._forced, self._closed = len(think.forced), True
        return [think.words, *[""] * (len(think.forced) - 1)]

    @property
    def thinking(self) -> bool:
        """Whether it is in the middle of a thought."""
        return self._reader is not None and self._reader.phase == "thinking"

    @property
    def due(self) -> bool:
        """Whether its thought must be ended now: at the end of a character, unless none comes."""
        think = self.until.think
        if think is None or not self.thinking or self._forced or self.ended is not Ended.OPEN:
            return False
        left = think.tokens - self._thought.tokens - len(think.forced) - self._ahead
        return left <= 0 or (left <= _MIDDLE and not self._decoder.getstate()[0])

    @property
    def next_tokens(self) -> int:
        """Tokens that it may take with the next decode at most."""
        think = self.until.think
        if think is None or self._forced or self._closed:
            return 1
        near = self._thought.tokens + len(think.forced) + self._ahead + _MIDDLE + 1 >= think.tokens
        return 1 + (len(think.forced) if near else 0)

    @property
    def _ahead(self) -> int:
        return _ANOTHER if self.until.pause == "paragraph" else 0

    @property
    def thought(self) -> Thought | None:
        """What it has thought so far; None where nothing."""
        part = self._thought
        if not part.tokens:
            return None
        return Thought(part.text, part.tokens, part.logprob, self._closed, self._forced, tuple(part.certainty))

    @property
    def finished(self) -> bool:
        """Whether it has reached what it was asked for, or its end."""
        return self.stopped or self._paused or self.ended is not Ended.OPEN or self._has_all_steps

    @property
    def _has_all_steps(self) -> bool:
        wanted = self.until.steps
        if wanted is None or len(self.steps) < wanted:
            return False
        return self.until.count([step.text for step in self.steps]) >= wanted

    @property
    def _paused(self) -> bool:
        """Whether the part of a thought that was asked for is there."""
        if self.until.pause is None or self._reader is None:
            return False
        if self._closed and not self.thinking:
            return True
        whole = not (self._reader.held or self._decoder.getstate()[0])
        return self.until.pause == "paragraph" and self.thinking and whole and _PARAGRAPH in self._thought.text.lstrip()

    @property
    def _spoken(self) -> int:
        """Tokens of the text that came with it."""
        return self._open.tokens + sum(step.tokens for step in self.steps) - self._begun

    @property
    def _closes(self) -> bool:
        """Whether it has just closed what was open before it began."""
        return self.until.closes and self._open.text.count("}") > self._open.text.count("{")

    def cut(self) -> None:
        """End it where it stands."""
        self._close_step(Ended.CUT)

    def _read(self, told: Told) -> str:
        """Put what a piece brought where it belongs; what of it is to be shown."""
        if told.opened and not (self.steps or self._open.text):
            self._thought.take_over(self._open, text=False)  # white space, and the tag
        if told.reclaims:
            for step in self.steps:
                known = _Part(step.text, step.tokens, step.logprob or 0.0, [*step.certainty])
                self._thought.take_over(known, text=True)
            self.steps.clear()
            self._thought.take_over(self._open, text=True)
        self._closed |= told.closed
        self._thought.text += told.thought
        text = told.text
        if self._closed and not self.steps and not self._open.text:
            text = text.lstrip()
        self._open.text += text
        return text or told.thought

    def _close_step(self, ended: Ended) -> None:
        if ended is not Ended.OPEN:
            self._finish_text()
        part = self._open
        if part.tokens:
            step = Step(part.text, part.tokens, part.logprob, self._states, tuple(part.certainty))
            if self.steps and not step.text.strip():  # an end of turn right after a separator is no step of its own
                step = self.steps.pop().joined(step)
            self.steps.append(step)
        self._open = _Part()
        self.ended = ended

    def _finish_text(self) -> None:
        """Have what was held back: half a character, or what might have become a tag."""
        rest = self._decoder.decode(b"", final=True)
        if self._reader is None:
            self._open.text += rest
        elif self.thinking:
            told = self._reader.take(rest, final=True)
            self._thought.text += told.thought
        else:
            self._open.text += self._reader.take(rest, final=True).text


class JobUpdate(NamedTuple):
    """A token that a job took."""

    job: Job
    text: str  # that became readable with it; "" inside a multi-byte character
    thought: bool = False  # whether it is part of a thought


def split_steps(text: str, separator: str) -> list[str]:
    """The steps of a whole solution, as a job closes them; only a token that goes on after a separator may differ."""
    steps: list[str] = []
    rest = text
    while rest.strip():
        begin = len(rest) - len(rest.lstrip())
        at = rest.find(separator, begin)
        end = at + len(separator) if at >= 0 else len(rest)
        steps.append(rest[:end])
        rest = rest[end:]
    if rest and steps:  # white space behind the last step belongs to it
        steps[-1] += rest
    return steps or [text]
