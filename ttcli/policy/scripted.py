"""A policy and a verifier that follow a script: for tests, demonstrations, and displays without a model."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ttcli.errors import ModelError
from ttcli.policy.protocol import Extend, Extension, Growth, Load
from ttcli.problem import Problem
from ttcli.tree import Ended, Prefix, Step
from ttcli.verifier.protocol import StepScores

SEPARATOR = "\n\n"


@dataclass(frozen=True, slots=True)
class Line:
    """A solution as the script has it."""

    text: str  # steps end at blank lines
    logprob: float = -0.5  # of each token (a word is one), <= 0
    score: float = 0.5  # the verifier's opinion of the whole and of each step, in [0, 1]
    length: bool = False  # it runs into the token limit instead of ending

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"a text is a string, not {self.text!r}")
        if not (self.logprob <= 0 <= self.score <= 1):
            raise ValueError(f"logprob {self.logprob} and score {self.score} must be at most 0, and from 0 to 1")


@dataclass(frozen=True, slots=True)
class Script:
    """Solutions by problem; a problem without its own gets those under ""."""

    lines: Mapping[str, Sequence[Line]]

    @classmethod
    def read(cls, path: Path) -> Script:
        """Read `{"problem text or empty": [{"text": …, "logprob": …, "score": …}, …]}`.

        Raises:
            ModelError: no such file, or not of this form.
        """
        try:
            content: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
            return cls({problem: [Line(**line) for line in lines] for problem, lines in content.items()})
        except OSError as error:
            raise ModelError(f"cannot read the script {path}: {error.strerror}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is no script: {error}", hint='{"": [{"text": "…", "score": 0.5}]}') from error

    def of(self, problem: Problem) -> Sequence[Line]:
        """The solutions of a problem.

        Raises:
            ModelError: the script has none for it.
        """
        lines = self.lines.get(problem.text) or self.lines.get("")
        if not lines:
            raise ModelError(f"the script has no solution of {problem.text!r}")
        return lines


class ScriptedPolicy:
    """Draws whole solutions from the script by the request's seed, and gives them out a word at a time.

    A prefix goes on with a solution that begins as it does. Texts grow `width` at a time, all by one word per step, as
    a real batch does. `interrupted` is asked before every step.
    """

    parameters = 1

    def __init__(
        self,
        script: Script,
        *,
        width: int = 4,
        interrupted: Callable[[], bool] = lambda: False,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = "scripted"
        self.width = width
        self.live: set[int] = set()  # ids of prefixes not released: a test asserts that none is left
        self._script = script
        self._interrupted = interrupted
        self._between = between  # called before each step; a demonstration sleeps in it
        self._next_id = 0
        self._decodes = 0
        self._rows = 0

    @property
    def recipe(self) -> Mapping[str, object]:
        """Nothing: the script is all there is."""
        return {}

    @property
    def load(self) -> Load:
        """How full its batches were; each call has batches of its own."""
        return Load(self._decodes, self._rows)

    def expect(self, problems: Sequence[Problem]) -> None:
        """Any problem finds room."""

    def start(self, problem: Problem) -> Prefix:
        """The root of a problem."""
        self._script.of(problem)
        return self._handle(Prefix(problem, 0, prompt_tokens=len(problem.text.split())))

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[list[Growth | Extension]]:
        """Continue prefixes; see the protocol."""
        source, numbers = iter(requests), itertools.count()
        growing: dict[int, _Text] = {}
        while True:
            while len(growing) < self.width:
                request = next(source, None)
                if request is None:
                    break
                growing[next(numbers)] = self._begin(request)
            if not growing:
                return
            self._between()
            if stop(len(growing)) or self._interrupted():
                yield [self._finish(number, text, cut=True) for number, text in growing.items() if text.taken]
                return
            self._decodes += 1
            self._rows += len(growing)
            happened: list[Growth | Extension] = []
            for number, text in list(growing.items()):
                happened.append(Growth(number, text.grow()))
                if text.done:
                    happened.append(self._finish(number, growing.pop(number)))
            yield happened

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget prefixes."""
        self.live.difference_update(prefix.id for prefix in prefixes)

    def close(self) -> None:
        """Nothing to free."""

    def _handle(self, prefix: Prefix) -> Prefix:
        self._next_id += 1
        self.live.add(self._next_id)
        return replace(prefix, id=self._next_id)

    def _begin(self, request: Extend) -> _Text:
        prefix = request.prefix
        if prefix.id not in self.live:
            raise ValueError(f"prefix {prefix.id} has been released or has ended")
        lines = [line for line in self._script.of(prefix.problem) if line.text.startswith(prefix.text)]
        line = lines[0] if request.temperature == 0 else random.Random(repr(request.seed)).choice(lines)
        steps = _steps(line)[len(prefix.steps) :] or [Step("", 1, line.logprob)]
        return _Text(prefix, line, steps[: request.steps] if request.until == "step" else steps)

    def _finish(self, number: int, text: _Text, *, cut: bool = False) -> Extension:
        prefix = text.so_far() if cut else text.whole()
        if prefix.ended is Ended.OPEN:
            prefix = self._handle(prefix)
        return Extension(number, prefix, text.taken, text.prefix.prompt_tokens + text.prefix.tokens)


class _Text:
    """A continuation in the making."""

    def __init__(self, prefix: Prefix, line: Line, steps: Sequence[Step]) -> None:
        self.prefix = prefix
        self.taken = 0  # words
        self._line = line
        self._steps = steps
        self._words = [word for step in steps for word in _words(step.text)]

    @property
    def done(self) -> bool:
        return self.taken == len(self._words)

    def grow(self) -> str:
        self.taken += 1
        return self._words[self.taken - 1]

    def whole(self) -> Prefix:
        steps = (*self.prefix.steps, *self._steps)
        finished = "".join(step.text for step in steps) == self._line.text
        ended = (Ended.LENGTH if self._line.length else Ended.STOP) if finished else Ended.OPEN
        return replace(self.prefix, id=0, steps=steps, ended=ended)

    def so_far(self) -> Prefix:
        text = "".join(self._words[: self.taken])
        steps = (*self.prefix.steps, *_steps(replace(self._line, text=text)))
        return replace(self.prefix, id=0, steps=steps, ended=Ended.CUT)


class ScriptedVerifier:
    """Gives every solution, and each of its steps, the score that the script has for it."""

    parameters = 0
    name = "scripted"
    partial = True

    def __init__(self, script: Script) -> None:
        self._script = script

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Scores of the first line that begins with the prefix's text."""
        return [self._score(prefix) for prefix in prefixes]

    def _score(self, prefix: Prefix) -> StepScores:
        line = next(line for line in self._script.of(prefix.problem) if line.text.startswith(prefix.text))
        return StepScores(line.score, (line.score,) * len(prefix.steps), 0)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free."""


def _steps(line: Line) -> list[Step]:
    parts = line.text.split(SEPARATOR)
    texts = [text for text in (*(part + SEPARATOR for part in parts[:-1]), parts[-1]) if text]
    words = [(text, len(_words(text))) for text in texts or [""]]
    return [Step(text, count, line.logprob * count) for text, count in words]


def _words(text: str) -> list[str]:
    """The text cut before each space; an empty text is one empty word, the end of the turn."""
    return [word for word in re.split("(?= )", text) if word] or [""]
