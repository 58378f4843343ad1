"""A policy and a reader that follow a script, with hidden states that somebody made up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ttcli.bench.execute.worker import describe
from ttcli.bench.store.store import Store
from ttcli.data.dataset import Row
from ttcli.data.solutions import Given, GivenSolutions
from ttcli.engine.branch import States
from ttcli.interrupt import Interrupt
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.problem import Problem
from ttcli.runtime.runtime import Runtime
from ttcli.runtime.settings import Settings
from ttcli.seams import Extend, Extension, Growth, Interrupted
from ttcli.solution import Ended, Prefix, Step
from ttcli.train.collect import Collection
from ttcli.train.parts import begin
from ttcli.train.spec import Source, TrainSpec
from ttcli.verifier.growing import Reading

LAYERS = (2, 4)
RIGHT = ScriptLine("One and one.\n\nThat makes two.\n\nSo \\boxed{4}.")
WRONG = ScriptLine("Let me guess.\n\nI say \\boxed{5}.")
SILENT = ScriptLine("I do not know.")
SCRIPT = Script({"": [RIGHT, RIGHT, WRONG, WRONG, SILENT]})


def make_rows(count: int) -> tuple[Row, ...]:
    return tuple(
        Row(Problem(f"What is 2 + 2 on day {at} ?", str(at + 1), "4"), at + 1, None, None) for at in range(count)
    )


def given(solutions: Mapping[int, Sequence[ScriptLine]]) -> GivenSolutions:
    """A file of solutions, by the position of their problem."""
    each = [Given(at + 1, line.text, Ended.STOP) for at, lines in solutions.items() for line in lines]
    content = "".join(f"{one.line} {one.text}" for one in each)
    return GivenSolutions("rollouts.jsonl", hashlib.sha256(content.encode()).hexdigest(), tuple(each))


def made_up(problem: Problem, text: str, layer: int) -> np.ndarray:
    """A state, always the same, which in layer 4 alone tells right solutions from wrong ones."""
    digest = hashlib.blake2b(f"{problem.text} {text} {layer}".encode(), digest_size=4).digest()
    state = np.random.default_rng(int.from_bytes(digest)).normal(size=8).astype(np.float32)
    if layer == 4:
        state[0] += 3 * ("4" in text or "One" in text or "two" in text) - 1.5
    return state


def stateful(prefix: Prefix) -> Prefix:
    """The prefix with states in its steps."""
    steps = [replace(step, states=states_of(prefix.problem, step)) for step in prefix.steps]
    return replace(prefix, steps=tuple(steps))


def states_of(problem: Problem, step: Step) -> Mapping[int, np.ndarray]:
    return {layer: made_up(problem, step.text, layer) for layer in LAYERS}


class StatefulPolicy(ScriptedPolicy):
    """Its steps carry states, unless it is told not to observe; knows what it was asked for."""

    def __init__(self, script: Script = SCRIPT, *, observing: bool = True, interrupt: Interrupt | None = None) -> None:
        super().__init__(script, interrupted=interrupt or Interrupt())
        self.observing = observing
        self.asked: list[Extend] = []
        self.resumed: list[Prefix] = []

    @property
    def recipe(self) -> Mapping[str, object]:
        return {"prompt": {"step_separator": "\n\n"}, "sampler": {"temperature": 0.8}, "max_tokens": 50}

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        prefix = self._handle(replace(root, steps=tuple(steps)))
        self.resumed.append(prefix)
        return prefix

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[list[Growth | Extension]]:
        def noted() -> Iterator[Extend | None]:
            for request in requests:
                if request is not None:
                    self.asked.append(request)
                yield request

        for happenings in super().extend(noted(), stop=stop):
            yield [
                each._replace(prefix=stateful(each.prefix)) if self.observing and isinstance(each, Extension) else each
                for each in happenings
            ]


class ScriptedReader:
    """Knows what it was asked to read."""

    layers = LAYERS

    def __init__(self, interrupt: Interrupt) -> None:
        self.asked: list[Prefix] = []
        self.released: list[Prefix] = []
        self._interrupt = interrupt

    def read(self, prefixes: Sequence[Prefix]) -> list[Reading[States]]:
        if self._interrupt():
            raise Interrupted
        self.asked += prefixes
        return [Reading(tuple(states_of(each.problem, step) for step in each.steps), 0) for each in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        self.released += prefixes


@dataclass
class Class:
    """A spec with who takes part in it, over a store of its own."""

    path: Path
    spec: TrainSpec
    interrupt: Interrupt = field(default_factory=Interrupt)
    observing: bool = True
    script: Script = SCRIPT

    def __post_init__(self) -> None:
        self.policy = StatefulPolicy(self.script, observing=self.observing, interrupt=self.interrupt)
        self.reader = ScriptedReader(self.interrupt)

    @contextmanager
    def collection(self) -> Iterator[tuple[Store, Collection]]:
        runtime = Runtime(self.spec.settings, self.policy, {}, self.interrupt, lambda _name: "f" * 64)
        with Store(self.path) as store:
            parts = begin(store, self.spec, describe(runtime), lambda text: len(text.split()))
            reader = self.reader if self.spec.states else None
            yield store, Collection(store, self.spec, parts, runtime, reader)  # type: ignore[arg-type]


def make_spec(problems: int = 4, *, held_out: Iterable[int] = (0,), **options: Any) -> TrainSpec:
    settings = Settings(model="tiny", max_tokens=50)
    spec = TrainSpec(
        settings,
        Source("data.jsonl", "a" * 64),
        make_rows(problems),
        4,
        frozenset(held_out),
        ("ttc", "train", "verifier", "data.jsonl"),
    )
    return replace(spec, **options)
