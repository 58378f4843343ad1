"""A text in the making: its tokens, its steps, and when it has come to its end."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ttcli.engine.branch import Branch, States
from ttcli.engine.params import SamplingParams
from ttcli.solution import Ended, Step


@dataclass(frozen=True, slots=True)
class StopCriteria:
    """When a text stops growing, besides the end of the model's turn."""

    max_tokens: int  # sampled tokens, at least 1
    separator: str | None = None  # closes a step; None: the text is one step
    steps: int | None = None  # stop after so many steps; None: go on to the end
    count: Callable[[Sequence[str]], int] = len  # how many steps these come to, in the order of their texts
    watch: Callable[[str, bool], bool] | None = None  # see Extend
    closes: bool = False  # a step ends where more braces have been closed than opened, too


class Job:
    """A text in the making on top of a branch."""

    __slots__ = (
        "_decoder",
        "_grown_text",
        "_logprob",
        "_states",
        "_step_tokens",
        "_text",
        "branch",
        "ended",
        "grown",
        "keep",
        "parent",
        "rng",
        "sampling",
        "steps",
        "stopped",
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
    ) -> None:
        self.keep = keep  # its cells, when it has come to its end
        self.parent = parent
        self.branch = Branch(parent)
        self.sampling = sampling
        self.until = until
        self.rng = rng
        self.steps: list[Step] = []
        self.ended = Ended.OPEN
        self.grown = 0  # sampled tokens
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.stopped = False  # by whoever watches it
        self._grown_text = ""  # kept where somebody watches it
        self._text = begun.text if begun else ""  # of the step in the making
        self._step_tokens = begun.tokens if begun else 0
        self._logprob = (begun.logprob or 0.0) if begun else 0.0
        self._states: States = {}  # that the last token was drawn from

    def take(self, token: int, piece: bytes | None, logprob: float, states: States) -> str:
        """Append a token drawn from these states (`piece` None: it ended the turn); return the text now readable."""
        until = self.until
        self.branch.tokens.append(token)
        self.grown += 1
        self._step_tokens += 1
        self._logprob += logprob
        self._states = states
        text = self._decoder.decode(piece or b"", final=piece is None)
        self._text += text
        if until.watch is not None:
            self._grown_text += text
            if until.watch(self._grown_text, piece is None):
                self.stopped = True
                self._close_step(Ended.OPEN)
                return text
        if piece is None:
            self._close_step(Ended.STOP)
        elif (until.separator and until.separator in self._text.lstrip()) or self._closes:
            self._close_step(Ended.OPEN)
        if self.ended is Ended.OPEN and self.grown >= until.max_tokens:  # even at the end of a step: nothing may follow
            self._close_step(Ended.LENGTH)
        return text

    @property
    def finished(self) -> bool:
        """Whether it has reached what it was asked for, or its end."""
        wanted = self.until.steps
        return (
            self.stopped
            or self.ended is not Ended.OPEN
            or (
                wanted is not None
                and len(self.steps) >= wanted
                and self.until.count([step.text for step in self.steps]) >= wanted
            )
        )

    @property
    def _closes(self) -> bool:
        """Whether it has just closed what was open before it began."""
        return self.until.closes and self._text.count("}") > self._text.count("{")

    def cut(self) -> None:
        """End it where it stands."""
        self._close_step(Ended.CUT)

    def _close_step(self, ended: Ended) -> None:
        if ended is not Ended.OPEN:
            self._text += self._decoder.decode(b"", final=True)
        if self._step_tokens:
            step = Step(self._text, self._step_tokens, self._logprob, self._states)
            if self.steps and not step.text.strip():  # an end of turn right after a separator is no step of its own
                step = self.steps.pop().joined(step)
            self.steps.append(step)
        self._text, self._step_tokens, self._logprob = "", 0, 0.0
        self.ended = ended


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
