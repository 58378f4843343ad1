"""A policy and a verifier that follow a script: for tests, demonstrations, and displays without a model."""

# over 300 lines: the policy and the verifier of one script are told together

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ttcli.policy.rewriting import rewritten_steps
from ttcli.policy.script import SEPARATOR, Script, ScriptLine, steps_of, words_of
from ttcli.problem import Problem
from ttcli.seams import ASK, Extend, Extension, Growth, Load, Rewritten, StepScores
from ttcli.solution import Attempt, Ended, Prefix, Step
from ttcli.thought import Thought

WIDTH = 4  # texts at once, unless another number is asked for


class ScriptedPolicy:
    """Draws whole solutions from the script by the request's seed, and gives them out a word at a time.

    A prefix goes on with a solution that begins as it does. Texts grow `width` at a time, all by one word per step, as
    a real batch does. `interrupted` is asked before every step. A revision goes on from an attempt that was kept, and
    else from the problem alone; a request for one takes a word.
    """

    parameters = reviser_parameters = 1

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
        self.thought_tokens = 0  # whatever its lines think counts as part of their length
        self.live: set[int] = set()  # ids of prefixes not released: a test asserts that none is left
        self._script = script
        self._kept: dict[int, tuple[Attempt, ...]] = {}  # by id of a finished solution: the attempts before it, and it
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

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The root of a problem, or of a revision."""
        shown = tuple(attempts)
        self._script.drawn(problem, shown)
        words = len(problem.text.split())
        prompt = words + sum(len(words_of(attempt.text + (attempt.doubt or ""))) + 1 for attempt in shown)
        known = 0 if not shown else prompt - 1 if shown in self._kept.values() else words
        return self._handle(Prefix(problem, 0, prompt_tokens=prompt, attempts=shown, known_tokens=known))

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """What was written before, on a root."""
        return self._handle(replace(root, steps=tuple(steps)))

    def ask(self, root: Prefix, solution: str, thought: str | None = None) -> Prefix:  # noqa: ARG002 - of no account
        """A finished solution, to be extended until it has named its answer."""
        return self._handle(replace(root, steps=(Step(solution + ASK, len(words_of(solution + ASK)), 0.0),)))

    def speak(self, prefix: Prefix, words: str) -> Prefix:
        """A fork of a prefix whose thought is closed, and these words said."""
        thought = prefix.thought
        assert thought is not None  # else there is nothing to close
        assert not thought.closed
        steps = (Step(words, len(words_of(words)), None),) if words else ()
        return self._handle(replace(prefix, thought=thought.joined(Thought("", 1, 0.0, forced=1)), steps=steps))

    def rewrites(self, problem: Problem) -> bool:  # noqa: ARG002 - as the protocol calls it
        """As far as the script has solutions that begin so."""
        return True

    def rewrite(self, prefix: Prefix, keep: int, text: str) -> Rewritten | None:
        """A prefix with another end, a token for each of its words; None: no solution in the script begins so."""
        written = prefix.text[:keep] + text
        if not any(line.spoken.startswith(written) for line in self._script.drawn(prefix.problem, prefix.attempts)):
            return None
        tokens = sum(step.tokens for step in steps_of(written, 0.0))
        self.live.discard(prefix.id)
        steps = rewritten_steps(prefix, keep, text, tokens)
        return Rewritten(self._handle(replace(prefix, steps=steps, partial=True)), 1)

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
                happened.append(Growth(number, *text.grow()))
                if text.stops:
                    happened.append(self._finish(number, growing.pop(number), cut=True))
                elif text.done:
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
            return self._answering(request)
        known = self._script.drawn(prefix.problem, prefix.attempts)
        lines = [line for line in known if _begins(line, prefix)]
        if prefix.repairs and not lines:  # nothing in the script goes on from what was put there: it ends
            lines = [ScriptLine(prefix.text)]
        line = lines[0] if request.temperature == 0 else random.Random(repr(request.seed)).choice(lines)
        thought = _thought_left(line, prefix)
        if request.until == "paragraph" and len(thought) > 1:
            return _ScriptedText(request, line, (), thought[:1])
        complete = len(prefix.steps) - prefix.partial
        steps = steps_of(line.spoken, line.logprob)[complete:] or [Step("", 1, line.logprob)]
        forced = prefix.thought is not None and prefix.thought.forced
        never_speaks = line.thought is not None and not (line.closes or forced)
        if never_speaks or (thought and request.until in ("thought", "paragraph")):
            steps = []
        wanted = steps[: request.steps] if request.until == "step" else steps
        return _ScriptedText(request, line, wanted, thought)

    def _answering(self, request: Extend) -> _ScriptedText:
        """What names an answer: a trial in the middle of a thought, or the end of a solution."""
        prefix = request.prefix
        lines = self._script.of(prefix.problem)
        if prefix.thought is not None and prefix.thought.forced:
            line = next(each for each in lines if (each.thought or "").startswith(prefix.thought.text))
            said = line.trials[min(len(_paragraphs(prefix.thought.text)), len(line.trials)) - 1] if line.trials else ""
        else:
            line = next(each for each in lines if prefix.text.startswith(each.spoken))
            said = line.again
        return _ScriptedText(request, line, steps_of(said, line.logprob))

    def _finish(self, number: int, text: _ScriptedText, *, cut: bool = False) -> Extension:
        prefix = text.so_far() if cut else text.whole()
        if prefix.ended is Ended.OPEN or (text.request.keep and not cut):
            prefix = self._handle(prefix)
            if prefix.ended is not Ended.OPEN:
                self._kept[prefix.id] = (*prefix.attempts, Attempt(prefix.text))
        known = text.prefix.known_tokens if prefix.attempts else text.prefix.prompt_tokens
        return Extension(number, prefix, text.taken, known + text.prefix.tokens)


class _ScriptedText:
    """A continuation in the making."""

    def __init__(self, request: Extend, line: ScriptLine, steps: Sequence[Step], thought: Sequence[str] = ()) -> None:
        prefix = request.prefix
        self.prefix = prefix
        self.request = request
        self.stops = False  # whoever watches it says so
        self.taken = 0  # words
        self._line = line
        self.steps_of = steps
        self._before = prefix.steps[:-1] if prefix.partial else prefix.steps
        self._begun = prefix.steps[-1].text if prefix.partial else ""
        texts = [step.text for step in steps]
        texts[:1] = [text.removeprefix(self._begun) for text in texts[:1]]
        self._thought = [word for part in thought for word in words_of(part)]
        self.words_of = [*self._thought, *(word for text in texts for word in words_of(text))]
        most = request.max_tokens
        left = len(self.words_of) if most is None else max(most - prefix.spoken_tokens, 1) + len(self._thought)
        self._most = min(len(self.words_of), left)

    @property
    def done(self) -> bool:
        return self.taken >= self._most

    def grow(self) -> tuple[str, bool]:
        """The next word, and whether it is part of a thought."""
        self.taken += 1
        thinks = self.taken <= len(self._thought)
        if self.request.watch is not None and not thinks:
            spoken = "".join(self.words_of[len(self._thought) : self.taken])
            self.stops = self.request.watch(spoken, self.done and self.whole().ended is Ended.STOP)
        return self.words_of[self.taken - 1], thinks

    def whole(self) -> Prefix:
        if self.taken == self._most < len(self.words_of):
            return replace(self.so_far(), ended=Ended.LENGTH, partial=False)
        grown = self._grown(self.steps_of, len(self._thought))
        thought = grown.thought
        all_thought = thought is None or thought.closed or thought.text == self._line.thought
        finished = grown.text == self._line.spoken and all_thought
        ended = (Ended.LENGTH if self._line.length else Ended.STOP) if finished else Ended.OPEN
        if thought is not None and thought.closed and not grown.steps:
            ended = Ended.OPEN  # it has not spoken yet
        return replace(grown, ended=ended, partial=False)

    def so_far(self) -> Prefix:
        text = self._begun + "".join(self.words_of[len(self._thought) : self.taken])
        steps = steps_of(text, self._line.logprob) if text else []
        ended = Ended.OPEN if self.stops else Ended.CUT
        grown = self._grown(steps, min(self.taken, len(self._thought)))
        return replace(grown, ended=ended, partial=self.stops)

    def _grown(self, steps: Sequence[Step], words: int) -> Prefix:
        """The prefix with these steps more, and so many words of its thought."""
        before = self.prefix.thought
        text = (before.text if before else "") + "".join(self._thought[:words])
        thought = before
        if self._thought:
            logprob = (before.logprob or 0.0 if before else 0.0) + self._line.logprob * words
            closed = self._line.closes and text == self._line.thought
            thought = Thought(text, (before.tokens if before else 0) + words, logprob, closed)
        return replace(self.prefix, id=0, thought=thought, steps=(*self._before, *steps))


def _paragraphs(thought: str) -> list[str]:
    """The paragraphs of a thought, each with the blank line behind it."""
    parts = thought.split(SEPARATOR)
    return [part for part in (*(part + SEPARATOR for part in parts[:-1]), parts[-1]) if part] or [""]


def _begins(line: ScriptLine, prefix: Prefix) -> bool:
    """Whether a solution begins as a prefix does."""
    thought = prefix.thought
    if thought is None and not prefix.steps:
        return True
    if thought is not None and thought.forced:  # its text is what follows, whatever was asked in between
        return (line.thought or "").startswith(thought.text)
    if thought is not None and not (line.thought or "").startswith(thought.text):
        return False
    whole = thought is None or not thought.closed or line.thought == thought.text
    return whole and line.spoken.startswith(prefix.text)


def _thought_left(line: ScriptLine, prefix: Prefix) -> list[str]:
    """What a solution is still to think, by paragraphs."""
    known = prefix.thought
    if line.thought is None or prefix.steps or (known is not None and known.closed):
        return []
    return _paragraphs(line.thought.removeprefix(known.text if known else ""))


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
        told = replace(prefix, steps=(Step(text, 0, None),))
        line = next(line for line in self._script.of(prefix.problem) if _begins(line, told))
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
