"""What a scripted policy follows: solutions as a file has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttcli.errors import ModelError
from ttcli.problem import Problem
from ttcli.solution import Attempt, Step
from ttcli.thought import USUAL_TAGS

SEPARATOR = "\n\n"


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """A solution as the script has it."""

    text: str  # steps end at blank lines
    logprob: float = -0.5  # of each token (a word is one), <= 0
    score: float = 0.5  # the verifier's opinion of the whole and of each step, in [0, 1]
    length: bool = False  # it runs into the token limit instead of ending
    scores: tuple[float, ...] | None = None  # its opinion after each step, in [0, 1]; None: `score`, whatever the step
    after: str | None = None  # it revises an attempt with this in it; None: it revises nothing, or what has no other
    again: str = ""  # what follows where it is asked for its answer again, from within the box on
    # trial answers, where it is asked in its thought, after each of its paragraphs: from within the box on
    trials: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"a text is a string, not {self.text!r}")
        if not (self.logprob <= 0 <= self.score <= 1):
            raise ValueError(f"logprob {self.logprob} and score {self.score} must be at most 0, and from 0 to 1")
        if not isinstance(self.after, str | None):
            raise TypeError(f"what it comes after is a string, not {self.after!r}")
        if not isinstance(self.again, str):
            raise TypeError(f"what it says again is a string, not {self.again!r}")
        if self.scores is not None:
            steps = len(steps_of(self.spoken, self.logprob))
            if len(self.scores) != steps or not all(0 <= score <= 1 for score in self.scores):
                raise ValueError(f"the scores {self.scores} must be {steps}, one per step, and from 0 to 1")

    @property
    def thought(self) -> str | None:
        """What it thinks first, between the tags <think> and </think> of its text; None: nothing."""
        before, opened, rest = self.text.partition(USUAL_TAGS.opening)
        return rest.partition(USUAL_TAGS.closing)[0] if opened and not before.strip() else None

    @property
    def spoken(self) -> str:
        """The text without that."""
        return self.text if self.thought is None else self.text.partition(USUAL_TAGS.closing)[2].lstrip()

    @property
    def closes(self) -> bool:
        """Whether its thought comes to its end."""
        return self.thought is not None and USUAL_TAGS.closing in self.text

    def scores_after(self, steps: int) -> tuple[float, ...]:
        """The verifier's opinions after each of the first so many steps."""
        return (self.score,) * steps if self.scores is None else self.scores[:steps]


@dataclass(frozen=True, slots=True)
class Script:
    """Solutions by problem; a problem without its own gets those under ""."""

    lines: Mapping[str, Sequence[ScriptLine]]

    @classmethod
    def read(cls, path: Path) -> Script:
        """Read `{"problem text or empty": [{"text": …, "logprob": …, "score": …, "scores": […], "after": …}, …]}`.

        A text may begin with `<think>…</think>`, which is its thought; a word of that is a token too.

        Raises:
            ModelError: no such file, or not of this form.
        """
        try:
            content: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
            return cls({problem: [_line(line) for line in lines] for problem, lines in content.items()})
        except OSError as error:
            raise ModelError(f"cannot read the script {path}: {error.strerror}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is no script: {error}", hint='{"": [{"text": "…", "score": 0.5}]}') from error

    def of(self, problem: Problem) -> Sequence[ScriptLine]:
        """The solutions of a problem.

        Raises:
            ModelError: the script has none for it.
        """
        lines = self.lines.get(problem.text) or self.lines.get("")
        if not lines:
            raise ModelError(f"the script has no solution of {problem.text!r}")
        return lines

    def drawn(self, problem: Problem, attempts: Sequence[Attempt]) -> Sequence[ScriptLine]:
        """The solutions that can be drawn for a problem, or as a revision of the last of these attempts.

        Raises:
            ModelError: the script has none.
        """
        lines = self.of(problem)
        answers = [
            line
            for line in lines
            if attempts and line.after is not None and line.after in attempts[-1].text + (attempts[-1].doubt or "")
        ]
        found = answers or [line for line in lines if line.after is None]
        if not found:
            raise ModelError(f"the script has no solution of {problem.text!r} that is no revision")
        return found


def _line(content: dict[str, Any]) -> ScriptLine:
    """A line as JSON has it, where a tuple is a list."""
    told: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return ScriptLine(**told)


def steps_of(text: str, logprob: float) -> list[Step]:
    """The steps of a text, each up to and with its blank line; `logprob` is that of each word."""
    parts = text.split(SEPARATOR)
    texts = [part for part in (*(part + SEPARATOR for part in parts[:-1]), parts[-1]) if part]
    words = [(part, len(words_of(part))) for part in texts or [""]]
    return [Step(part, count, logprob * count) for part, count in words]


def words_of(text: str) -> list[str]:
    """The text cut before each space; an empty text is one empty word, the end of the turn."""
    return [word for word in re.split("(?= )", text) if word] or [""]
