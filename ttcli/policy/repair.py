"""Repair: what a solution states that is false for sure is put right while it is drawn.

A sequential revision begins anew, and mostly says the same again. Here place and value are known: the text goes back to
the wrong number, the right one is written, and the model goes on from there. A solution in which nothing is wrong is
the one that would have been drawn without.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ttcli.problem import Problem
from ttcli.seams import BatchPolicy, Extend, Extension, Flaw, Growth, Load, Mended, Repairer, Rewritten
from ttcli.solution import Attempt, Ended, Prefix, Repair, Step

MOST = 4  # repairs of a solution
_FEW = 8  # tokens that a number takes at most, as a rule
_WRITTEN = {"text", "code", "none"}  # forms of answers whose solutions are left alone: a number there is no result
_STOP = re.compile(r"\n|[.!?;]\s")  # behind it, what was said before is not added to


class RepairingPolicy:
    """A policy whose texts are mended as they grow.

    Args:
        policy: draws them; it is closed with this one.
        repairer: is asked at the end of each sentence and line.
        most: repairs of a solution.
    """

    def __init__(self, policy: BatchPolicy, repairer: Repairer, *, most: int = MOST) -> None:
        self.name = policy.name
        self.parameters = policy.parameters
        self.reviser_parameters = policy.reviser_parameters
        self.thought_tokens = policy.thought_tokens
        self._policy = policy
        self._repairer = repairer
        self._most = most

    @property
    def width(self) -> int:
        """The policy's."""
        return self._policy.width

    @width.setter
    def width(self, width: int) -> None:
        self._policy.width = width

    @property
    def recipe(self) -> Mapping[str, object]:
        """The policy's, and what mends: such solutions are distributed otherwise."""
        return {**self._policy.recipe, "repair": {**self._repairer.recipe, "most": self._most}}

    @property
    def revisions(self) -> Mapping[str, object]:
        """The policy's."""
        return self._policy.revisions

    @property
    def load(self) -> Load | None:
        """The policy's."""
        return self._policy.load

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The policy's root."""
        return self._policy.start(problem, attempts=attempts)

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """The policy's."""
        return self._policy.resume(root, steps)

    def speak(self, prefix: Prefix, words: str) -> Prefix:
        """The policy's."""
        return self._policy.speak(prefix, words)

    def ask(self, root: Prefix, solution: str, thought: str | None = None) -> Prefix:
        """The policy's."""
        return self._policy.ask(root, solution, thought)

    def rewrites(self, problem: Problem) -> bool:
        """The policy's."""
        return self._policy.rewrites(problem)

    def rewrite(self, prefix: Prefix, keep: int, text: str) -> Rewritten | None:
        """The policy's."""
        return self._policy.rewrite(prefix, keep, text)

    def holds(self, problems: int) -> bool:
        """The policy's."""
        return self._policy.holds(problems)

    def expect(self, problems: Sequence[Problem]) -> None:
        """Tell the policy."""
        self._policy.expect(problems)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Tell the policy."""
        self._policy.release(prefixes)

    def close(self) -> None:
        """Close the policy."""
        self._policy.close()

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[Sequence[Growth | Mended | Extension]]:
        """Continue prefixes, and mend what they come to; see the protocol."""
        work = _Work(self._policy, self._repairer, self._most, requests, stop)
        drawing = self._policy.extend(work.requests(), stop=stop)
        try:
            for happenings in drawing:
                yield [told for happening in happenings for told in work.follow(happening)]
        finally:
            getattr(drawing, "close", _nothing)()  # before what was written for it is given up
            self._policy.release(work.rewritten())


def _nothing() -> None:
    """For an iterator that has nothing to close."""


class _Watcher:
    """Reads a text as it grows, and stops it where something in it is wrong."""

    def __init__(self, repairer: Repairer, prefix: Prefix) -> None:
        self.flaw: Flaw | None = None
        self._repairer = repairer
        self._problem = prefix.problem
        self._before = prefix.text
        self._read = len(prefix.text)  # up to where nothing is wrong
        self.ended = False  # the turn, when it was stopped

    def __call__(self, grown: str, ended: bool) -> bool:
        tail = self._before[self._read :] + grown[max(self._read - len(self._before), 0) :]
        stops = [match.end() for match in _STOP.finditer(tail)]
        end = len(tail) if ended else max(stops, default=0)
        if not end:
            return False
        text = self._before + grown
        end += self._read
        self.flaw = self._repairer.flaw(self._problem, text[:end], self._read)
        self._read, self.ended = end, ended
        return self.flaw is not None


@dataclass(slots=True)
class _Growing:
    """A text of the call."""

    number: int  # of its request among those of the call
    request: Extend  # as the policy gets it now
    seed: tuple[int, ...]  # of the first one
    watcher: _Watcher | None
    tokens: int = 0  # of the policy's requests for it that are over, and what was written in between
    shared: int | None = None  # of the first of them
    seconds: float = 0.0


class _Work:
    """One call: which request of the policy grows which text."""

    def __init__(
        self,
        policy: BatchPolicy,
        repairer: Repairer,
        most: int,
        requests: Iterable[Extend | None],
        stop: Callable[[int], bool],
    ) -> None:
        self._policy = policy
        self._repairer = repairer
        self._most = most
        self._source = iter(requests)
        self._stop = stop
        self._numbers = itertools.count()
        self._texts: dict[int, _Growing] = {}  # by number of the policy's request
        self._again: deque[_Growing] = deque()  # mended, and to be extended
        self._given = itertools.count()

    def requests(self) -> Iterator[Extend | None]:
        """What the policy is asked for: texts that were mended first."""
        while True:
            text = self._again.popleft() if self._again else self._next()
            if text is not None:
                self._texts[next(self._given)] = text
            yield text.request if text else None

    def follow(self, happening: Growth | Mended | Extension) -> Iterator[Growth | Mended | Extension]:
        """What to tell of what the policy does."""
        text = self._texts[happening.request]
        if not isinstance(happening, Extension):
            yield happening._replace(request=text.number)
            return
        del self._texts[happening.request]
        if text.request.prefix.partial:  # made here, and taken over by what grew from it
            self._policy.release([text.request.prefix])
        text.tokens += happening.tokens
        text.seconds += happening.seconds
        text.shared = happening.shared if text.shared is None else text.shared
        prefix = happening.prefix
        if prefix.partial and not self._stop(_FEW):
            yield from self._goes_on(text, prefix)
            return
        if prefix.partial:
            self._policy.release([prefix])
            prefix = replace(prefix, id=0, ended=Ended.CUT, partial=False)
        yield Extension(text.number, prefix, text.tokens, text.shared, text.seconds)

    def rewritten(self) -> list[Prefix]:
        """Prefixes made here that nobody else knows of."""
        texts = (*self._again, *self._texts.values())
        return [text.request.prefix for text in texts if text.request.prefix.partial]

    def _next(self) -> _Growing | None:
        request = next(self._source, None)
        if request is None:
            return None
        text = _Growing(next(self._numbers), request, request.seed, None)
        prefix = request.prefix
        wanted = request.until != "box" and prefix.problem.form not in _WRITTEN and len(prefix.repairs) < self._most
        if wanted and self._policy.rewrites(prefix.problem):
            text.watcher = _Watcher(self._repairer, prefix)
            text.request = replace(request, watch=text.watcher)
        return text

    def _goes_on(self, text: _Growing, prefix: Prefix) -> Iterator[Mended | Extension]:
        """Queue a text that was stopped, with what was wrong in it put right where that can be."""
        watcher = text.watcher
        assert watcher is not None  # it has stopped the text
        assert watcher.flaw is not None
        start, end, right = watcher.flaw
        written = prefix.text
        new = self._policy.rewrite(prefix, start, right)
        if new is None and watcher.ended:
            self._policy.release([prefix])
            whole = replace(prefix, id=0, ended=Ended.STOP, partial=False)
            yield Extension(text.number, whole, text.tokens, text.shared or 0, text.seconds)
            return
        mended = prefix
        if new is not None:
            repair = Repair(start, written[start:end], right, written[end:])
            mended = replace(new.prefix, repairs=(*prefix.repairs, repair))
            text.tokens += new.tokens
            yield Mended(text.number, repair, new.tokens)
        again = new is not None and len(mended.repairs) < self._most
        text.watcher = _Watcher(self._repairer, mended) if again else None
        seed = (*text.seed, len(mended.repairs))
        text.request = replace(text.request, prefix=mended, seed=seed, watch=text.watcher)
        self._again.append(text)
