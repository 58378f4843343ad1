"""An engine in a process of its own: problems go into its inbox, what comes of them is read from its outbox.

Nothing here knows how messages travel; `cluster` makes a Ray actor of a `Worker`, whose methods then run in threads.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ttcli import __version__
from ttcli.bench.execute.work import Engine
from ttcli.bench.store.config import VerifierConfig
from ttcli.bench.store.task import Failed, Finished, Happened, Record, Work
from ttcli.catalog.progress import NoProgress, size_text
from ttcli.events import TokenEvent
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.runtime import Runtime, load_runtime
from ttcli.runtime.settings import Settings
from ttcli.seams import Load
from ttcli.search.method import NO_DEMAND, Demand
from ttcli.verifier.spec import VerifierSpec

PATIENCE = 1.0  # seconds that `take` waits for something to tell


@dataclass(frozen=True, slots=True)
class Description:
    """What an engine says of itself: equal descriptions, but for the width, draw from the same distribution."""

    name: str  # of the policy
    recipe: Mapping[str, object]
    parameters: int  # of the policy
    verifiers: Mapping[str, VerifierConfig]  # by what the user called them
    width: int
    ttc: str  # version
    revisions: Mapping[str, object] = field(
        default_factory=dict
    )  # what besides the recipe decides how revisions are distributed
    layers: tuple[int, ...] = ()  # whose hidden states its verifiers read off the steps of samples
    reviser: str | None = None  # the name of what draws revisions in the policy's place; None: nothing does

    def to_json(self) -> str:
        """For the store."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Description:
        """From the store."""
        content = json.loads(text)
        verifiers = {name: VerifierConfig(**each) for name, each in content["verifiers"].items()}
        return cls(**{**content, "verifiers": verifiers, "layers": tuple(content["layers"])})


class Note(NamedTuple):
    """Something worth a line."""

    text: str


class Taken(NamedTuple):
    """The engine has begun a problem: it has room for another one in its inbox."""

    position: int


class Over(NamedTuple):
    """Nothing comes after this: `live` has returned, or failed."""


Message = Description | Note | Taken | Over | Record


class Reply(NamedTuple):
    """What a worker has to tell."""

    messages: list[Message]
    load: Load | None  # how full its batches were so far; None: it cannot tell


def describe(runtime: Runtime) -> Description:
    """What a runtime says of itself."""
    verifiers = {
        name: VerifierConfig(runtime.verifier_key(name), verifier.parameters)
        for name, verifier in runtime.verifiers.items()
    }
    policy = runtime.policy
    return Description(
        name=policy.name,
        recipe=runtime.recipe,
        parameters=policy.parameters,
        verifiers=verifiers,
        width=policy.width,
        ttc=__version__,
        revisions=runtime.revisions,
        layers=runtime.layers,
        reviser=runtime.reviser,
    )


def engine(runtime: Runtime) -> Engine:
    """The engine of a bench with the settings of its runtime."""
    settings = runtime.settings
    temperature = settings.sampling.temperature
    return Engine(
        runtime, seed=settings.seed, temperature=temperature, max_tokens=runtime.max_tokens, form=settings.answer
    )


class Worker:
    """Runs an engine; `live` in one thread, the other methods in others."""

    def __init__(self, settings: Settings, verifiers: Sequence[VerifierSpec], demand: Demand = NO_DEMAND) -> None:
        self._settings = settings
        self._verifiers = verifiers
        self._demand = demand
        self._interrupt = Interrupt()
        self._expected: SimpleQueue[Sequence[Problem]] = SimpleQueue()
        self._inbox: SimpleQueue[Work | None] = SimpleQueue()  # None: look whether to stop
        self._outbox: SimpleQueue[Message] = SimpleQueue()
        self._load: Load | None = None
        self._held: defaultdict[int, list[Happened]] = defaultdict(list)  # by position

    def pid(self) -> int:
        """The process it lives in."""
        return os.getpid()

    def live(self) -> None:
        """Load the models and work until `stop`; the first message is the description, the last one Over.

        Raises:
            TtcError: as `load_runtime` and `Engine.run` do.
        """
        try:
            notes = _Notes(self._outbox.put)
            with load_runtime(
                self._settings, self._interrupt, notes, bench=self._verifiers, demand=self._demand
            ) as runtime:
                self._outbox.put(describe(runtime))
                self._work(engine(runtime))
        finally:
            self._outbox.put(Over())

    def expect(self, problems: Sequence[Problem]) -> None:
        """Learn what will come; no problem is begun before."""
        self._expected.put(problems)

    def submit(self, work: Work) -> None:
        """Put a problem into the inbox."""
        self._inbox.put(work)

    def take(self) -> Reply:
        """What there is to tell since the last time; waits until there is something, but not for long."""
        messages: list[Message] = []
        with suppress(Empty):
            messages.append(self._outbox.get(timeout=PATIENCE))
            while True:
                messages.append(self._outbox.get_nowait())
        return Reply(messages, self._load)

    def stop(self) -> None:
        """End the work, with nothing half-done."""
        self._interrupt.request()
        self._expected.put(())
        self._inbox.put(None)

    def _work(self, engine: Engine) -> None:
        engine.expect(self._expected.get())
        while not self._interrupt.requested:
            for record in engine.run(self._works()):
                self._load = engine.load
                self._tell(record)

    def _works(self) -> Iterator[Work | None]:
        """The problems of the inbox: waits for the first one only, so that an idle engine rests here."""
        work = self._inbox.get()
        while True:
            if work is not None:
                self._outbox.put(Taken(work.position))
            yield work
            try:
                work = self._inbox.get_nowait()
            except Empty:
                work = None

    def _tell(self, record: Record) -> None:
        """Put a record into the outbox, but for those that come with every token.

        Events that the store keeps wait for the end of their task: if this process dies before, another one does the
        task, and only its events count.
        """
        if isinstance(record, Happened):
            if isinstance(record.event, TokenEvent):
                return
            if not record.task.pooled:
                self._held[record.position].append(record)
                return
        elif isinstance(record, Finished | Failed):
            for event in self._held.pop(record.position, []):
                self._outbox.put(event)
        self._outbox.put(record)


class _Notes(NoProgress):
    """A download's progress as messages: what, from where, how large, and how it ended."""

    def __init__(self, put: Callable[[Note], None]) -> None:
        self._put = put

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        here = f", {size_text(done_bytes)} are here" if done_bytes else ""
        self.note(f"fetching {name} ({size_text(total_bytes)}{here}) from {source}")

    def note(self, message: str) -> None:
        self._put(Note(message))

    def finish(self, outcome: str) -> None:
        self.note(outcome)
