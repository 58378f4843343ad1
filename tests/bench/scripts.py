"""Scripted policies, verifiers and engines for the tests of bench."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ttcli.bench.execute.work import Engine
from ttcli.bench.store.task import News, Record, Task, Work
from ttcli.cost import Budget
from ttcli.errors import TtcError
from ttcli.interrupt import Interrupt
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.runtime.runtime import Runtime
from ttcli.runtime.settings import Settings
from ttcli.seams import Extend, Extension, Growth, StepScores, Verifier
from ttcli.solution import Attempt, Prefix

FOUR = ScriptLine("Two and two.\n\nIt is \\boxed{4}.", score=0.9)
FIVE = ScriptLine("I guess \\boxed{5}", score=0.2)
SIX = ScriptLine("Surely, \\boxed{6}", score=0.4)
SILENT = ScriptLine("I do not know this at all.", score=0.1)
SCRIPT = Script({"": [FOUR, FOUR, FIVE, SIX, SILENT]})


class CountingPolicy(ScriptedPolicy):
    """Knows what it was asked for, and fails where it is told to."""

    def __init__(self, script: Script = SCRIPT, **options: Any) -> None:
        super().__init__(script, **options)
        self.asked: list[Extend] = []
        self.expected: list[Problem] = []
        self.fail: Callable[[Problem], TtcError | None] = lambda _problem: None

    def expect(self, problems: Sequence[Problem]) -> None:
        self.expected += problems

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        if error := self.fail(problem):
            raise error
        return super().start(problem, attempts=attempts)

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[list[Growth | Extension]]:
        def counted() -> Iterator[Extend | None]:
            for request in requests:
                if request is not None:
                    self.asked.append(request)
                yield request

        return super().extend(counted(), stop=stop)


class CountingVerifier(ScriptedVerifier):
    """Knows what it was asked about, and takes tokens for it."""

    parameters = 3

    def __init__(self, script: Script = SCRIPT) -> None:
        super().__init__(script)
        self.asked: list[str] = []
        self.error: Exception | None = None

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        self.asked += [prefix.text for prefix in prefixes]
        if self.error is not None:
            raise self.error
        return [opinion._replace(tokens=prefix.tokens + 7) for opinion, prefix in self._pairs(prefixes)]

    def _pairs(self, prefixes: Sequence[Prefix]) -> list[tuple[StepScores, Prefix]]:
        return list(zip(super().score(prefixes), prefixes, strict=True))


class ScriptedRuntime(Runtime):
    """A runtime of a script; it has no weights to tell of."""

    policy: CountingPolicy

    def __init__(
        self,
        policy: CountingPolicy,
        verifiers: Mapping[str, Verifier],
        interrupt: Interrupt | None = None,
        layers: Sequence[int] = (),
    ) -> None:
        super().__init__(Settings(), policy, verifiers, interrupt or Interrupt(), lambda _: "", layers=layers)


def make_engine(runtime: Runtime, *, seed: int = 0, max_tokens: int = 50) -> Engine:
    return Engine(runtime, seed=seed, temperature=0.8, max_tokens=max_tokens)


def task(method: str, budget: str, verifier: str = "") -> Task:
    return Task(method, verifier, Budget.parse(budget))


def make_works(count: int, *tasks: Task) -> list[Work]:
    return [Work(at, Problem(f"What is {at} + {at} ?", str(at), "4"), tasks) for at in range(count)]


def told(records: Iterable[Record], kind: type) -> list[tuple[int, Any]]:
    """What is new of one kind, with its position."""
    return [(each.position, each.item) for each in records if isinstance(each, News) and isinstance(each.item, kind)]
