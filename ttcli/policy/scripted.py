"""A policy and a verifier that follow a script: for tests, demonstrations, and displays without a model."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ttcli.policy.script import Script, ScriptLine, steps_of, words_of
from ttcli.problem import Problem
from ttcli.seams import ASK, Extend, Extension, Growth, Load, StepScores
from ttcli.solution import Ended, Prefix, Step

WIDTH = 4  # texts at once, unless another number is asked for


class ScriptedPolicy:
    """Draws whole solutions from the script by the request's seed, and gives them out a word at a time.

    A prefix goes on with a solution that begins as it does. Texts grow `width` at a time, all by one word per step, as
    a real batch does. `interrupted` is asked before every step. A revision goes on from an attempt that was kept, and
    else from the problem alone; a request for one takes a word.
    """

    parameters = 1

    def __init__(
        self,
        script: Script,
        *,
        width: int = WIDTH,
        interrupted: Callable[[], bool] = lambda: False,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = "scripted"
        self.width = width
        self.live: set[int] = set()  # ids of prefixes not released: a test asserts that none is left
        self._script = script
        self._kept: dict[int, tuple[str, ...]] = {}  # by id of a finished solution: the attempts before it, and it
        self._interrupted = interrupted
        self._between = between  # called before each step; a demonstration sleeps in it
        self._next_id = 0
        self._decodes = self._rows = 0

    @property
    def recipe(self) -> Mapping[str, object]:
        """Nothing: the script is all there is."""
        return {}

    @property
    def revisions(self) -> Mapping[str, object]:
        """Nothing, likewise."""
        return {}

    @property
    def load(self) -> Load:
        """How full its batches were; each call has batches of its own."""
        return Load(self._decodes, self._rows)

    def holds(self, problems: int) -> bool:  # noqa: ARG002 - as the protocol calls it
        """Always: a script computes nothing."""
        return True

    def expect(self, problems: Sequence[Problem]) -> None:
        """Any problem finds room."""

    def start(self, problem: Problem, *, attempts: Sequence[str] = ()) -> Prefix:
        """The root of a problem, or of a revision."""
        shown = tuple(attempts)
        self._script.drawn(problem, shown)
        words = len(problem.text.split())
        prompt = words + sum(len(words_of(attempt)) + 1 for attempt in shown)
        known = 0 if not shown else prompt - 1 if shown in self._kept.values() else words
        return self._handle(Prefix(problem, 0, prompt_tokens=prompt, attempts=shown, known_tokens=known))

    def ask(self, root: Prefix, solution: str) -> Prefix:
        """A finished solution, to be extended until it has named its answer."""
        return self._handle(replace(root, steps=(Step(solution + ASK, len(words_of(solution + ASK)), 0.0),)))

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[list[Growth | Extension]]:
        """Continue prefixes; see the protocol."""
        source, numbers = iter(requests), itertools.count()
        growing: dict[int, _ScriptedText] = {}
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
        for prefix in prefixes:
            self.live.discard(prefix.id)
            self._kept.pop(prefix.id, None)

    def close(self) -> None:
        """Nothing to free."""

    def _handle(self, prefix: Prefix) -> Prefix:
        self._next_id += 1
        self.live.add(self._next_id)
        return replace(prefix, id=self._next_id)

    def _begin(self, request: Extend) -> _ScriptedText:
        prefix = request.prefix
        if prefix.id not in self.live:
            raise ValueError(f"prefix {prefix.id} has been released or has ended")
        if request.until == "box":
            line = next(each for each in self._script.of(prefix.problem) if prefix.text.startswith(each.text))
            return _ScriptedText(prefix, line, steps_of(line.again, line.logprob), keep=False)
        known = self._script.drawn(prefix.problem, prefix.attempts)
        lines = [line for line in known if line.text.startswith(prefix.text)]
        line = lines[0] if request.temperature == 0 else random.Random(repr(request.seed)).choice(lines)
        steps = steps_of(line.text, line.logprob)[len(prefix.steps) :] or [Step("", 1, line.logprob)]
        wanted = steps[: request.steps] if request.until == "step" else steps
        return _ScriptedText(prefix, line, wanted, keep=request.keep)

    def _finish(self, number: int, text: _ScriptedText, *, cut: bool = False) -> Extension:
        prefix = text.so_far() if cut else text.whole()
        if prefix.ended is Ended.OPEN or (text.keep and not cut):
            prefix = self._handle(prefix)
            if prefix.ended is not Ended.OPEN:
                self._kept[prefix.id] = (*prefix.attempts, prefix.text)
        known = text.prefix.known_tokens if prefix.attempts else text.prefix.prompt_tokens
        return Extension(number, prefix, text.taken, known + text.prefix.tokens)


class _ScriptedText:
    """A continuation in the making."""

    def __init__(self, prefix: Prefix, line: ScriptLine, steps: Sequence[Step], *, keep: bool) -> None:
        self.prefix = prefix
        self.keep = keep
        self.taken = 0  # words
        self._line = line
        self.steps_of = steps
        self.words_of = [word for step in steps for word in words_of(step.text)]

    @property
    def done(self) -> bool:
        return self.taken == len(self.words_of)

    def grow(self) -> str:
        self.taken += 1
        return self.words_of[self.taken - 1]

    def whole(self) -> Prefix:
        steps = (*self.prefix.steps, *self.steps_of)
        finished = "".join(step.text for step in steps) == self._line.text
        ended = (Ended.LENGTH if self._line.length else Ended.STOP) if finished else Ended.OPEN
        return replace(self.prefix, id=0, steps=steps, ended=ended)

    def so_far(self) -> Prefix:
        text = "".join(self.words_of[: self.taken])
        steps = (*self.prefix.steps, *steps_of(text, self._line.logprob))
        return replace(self.prefix, id=0, steps=steps, ended=Ended.CUT)


class ScriptedVerifier:
    """Gives every solution, and each of its steps, the score that the script has for it."""

    parameters = 0
    name = "scripted"
    partial = True

    def __init__(self, script: Script) -> None:
        self.live: set[tuple[str, str]] = set()  # problems and texts scored and not released: a test asserts on it
        self._script = script

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Scores of the first line that begins with the prefix's text, or that was asked for its answer."""
        return [self._score(prefix) for prefix in prefixes]

    def _score(self, prefix: Prefix) -> StepScores:
        self.live.add((prefix.problem.text, prefix.text))
        text = prefix.text.partition(ASK)[0]
        line = next(line for line in self._script.of(prefix.problem) if line.text.startswith(text))
        steps = line.scores_after(len(prefix.steps))
        return StepScores(steps[-1] if steps else line.score, steps, 0)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget prefixes, and with a root all of its problem."""
        for prefix in prefixes:
            if prefix.steps:
                self.live.discard((prefix.problem.text, prefix.text))
            else:
                self.live = {(problem, text) for problem, text in self.live if problem != prefix.problem.text}

    def close(self) -> None:
        """Nothing to free."""
