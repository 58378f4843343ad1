"""Candidates that are drawn in parts: a thought or a paragraph of it, a question put in between, the text."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from ttcli.cost import Cost, Meter
from ttcli.events import (
    CandidateFinished,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    TextMended,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Mended, Policy, Verifier
from ttcli.search.sampling import Count, candidate, scored
from ttcli.solution import Candidate, Ended, Prefix


class Part(NamedTuple):
    """A continuation that belongs to a candidate."""

    candidate: int  # its index
    request: Extend
    aside: bool = False  # it is none of the candidate's own text, and is not shown


class Parts:
    """Counts what the parts of candidates take, and tells of them; `release` at the end.

    Args:
        seed: candidate i draws its k-th part from the generator keyed by (seed, problem, i, k), the first by (seed,
            problem, i), as a candidate that is drawn in one go does.
    """

    def __init__(self, problem: Problem, policy: Policy, meter: Meter, *, seed: int) -> None:
        self.under_way: dict[int, int] = {}  # tokens of candidates that are not finished, by index
        self.held: list[Prefix] = []
        self._problem = problem
        self._policy = policy
        self._meter = meter
        self._seed = seed
        self._drawn: dict[int, int] = {}  # parts, by index
        self._opened: list[int] = []

    def begin(self, index: int) -> None:
        """Begin a candidate."""
        self._meter.add(Cost(generations=1))
        self.under_way[index] = 0
        self._opened.append(index)

    def key(self, index: int) -> tuple[int, ...]:
        """What keys the generator of the next part of a candidate."""
        number = self._drawn[index] = self._drawn.get(index, -1) + 1
        return (self._seed, self._problem.key, index, *([number] if number else []))

    def draw(
        self,
        parts: Iterable[Part | None],
        heard: Callable[[Part, Extension], None],
        enough: Callable[[], bool] = lambda: False,
    ) -> Generator[Event, None, None]:
        """Draw parts side by side; `heard` is told of each that is over, `enough` asked whether that is all.

        None among the parts means "none now".
        """
        asked: list[Part] = []
        seen: list[int] = []

        def requests() -> Iterator[Extend | None]:
            for part in parts:
                if part is None:
                    yield None
                    continue
                asked.append(part)
                seen.append(0)
                yield part.request

        running = self._policy.extend(requests(), stop=lambda tokens: not self._meter.allows(tokens))
        for happenings in running:
            events: list[Event] = [*map(CandidateStarted, self._opened)]
            self._opened.clear()
            grown = 0
            for happening in happenings:
                part = asked[happening.request]
                more = 1
                if isinstance(happening, Extension):
                    more = happening.tokens - seen[happening.request]
                    self._meter.add(Cost(shared_tokens=happening.shared))
                    self.held.append(happening.prefix)
                    heard(part, happening)
                elif isinstance(happening, Mended):
                    more = happening.tokens
                    events.append(TextMended(part.candidate, None, happening.repair))
                elif not part.aside:
                    events.append(CandidateToken(part.candidate, happening.text, happening.thought))
                seen[happening.request] += more
                grown += more
                if part.candidate in self.under_way:
                    self.under_way[part.candidate] += more
            self._meter.add(Cost(policy_tokens=grown, flops=2.0 * self._policy.parameters * grown))
            yield from events
            yield CostUpdated(self._meter.total())
            if enough():
                break
        running.close()  # type: ignore[attr-defined] # what is left is called off

    def finish(
        self, index: int, prefix: Prefix, before: Sequence[Candidate], count: Count, verifier: Verifier | None
    ) -> Generator[Event, None, Candidate]:
        """A candidate that has come to its end, scored and voted upon."""
        self.under_way.pop(index, None)
        drawn = candidate(index, prefix)
        if drawn.ended is not Ended.CUT:
            self._meter.finished(drawn.tokens)
        yield CandidateFinished(drawn)
        done = yield from scored(drawn, prefix, verifier, self._meter)
        yield VoteUpdated(count([*before, done]))
        return done

    def let_go(self, prefixes: Iterable[Prefix]) -> None:
        """Give up prefixes that nothing goes on from any more."""
        gone = {prefix.id for prefix in prefixes} - {0}
        self._policy.release([prefix for prefix in self.held if prefix.id in gone])
        self.held = [prefix for prefix in self.held if prefix.id not in gone]

    def release(self) -> None:
        """Give up all that is held."""
        self._policy.release(self.held)
        self.held.clear()
