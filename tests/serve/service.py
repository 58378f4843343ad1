"""A server in this process, on a scripted policy or any other runtime, for clients to talk to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from patience import SOON

from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.runtime.runtime import Runtime
from ttcli.runtime.settings import Settings
from ttcli.seams import Verifier
from ttcli.serve.engine import TurnInterrupt
from ttcli.serve.exchange import Limits
from ttcli.serve.server import ServeOptions, Server, listening, serve
from ttcli.verifier.confidence import Confidence

SUM = "What is 2 + 2?"
LINES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    SUM: [
        {"text": "Two and two.\n\nIt is \\boxed{4}.", "score": 0.9, "logprob": -0.2},
        {"text": "Count: 2, 3, 4.\n\n\\boxed{4}", "score": 0.8, "logprob": -0.3},
        {"text": "I guess \\boxed{5}", "score": 0.2, "logprob": -1.5},
    ],
    "hello": [
        {"text": "Hello! What a nice day to talk, and what can I do for you?", "logprob": -0.4},
        {"text": "Hi there, I am glad that you wrote, so tell me what it is about.", "logprob": -0.2},
    ],
    "": [{"text": "one two three four five six seven eight nine ten", "logprob": -0.5}],
}


def endless(words: int = 20_000) -> dict[str, Sequence[Mapping[str, Any]]]:
    """A script that comes to no end while anybody is looking."""
    return {**LINES, "for ever": [{"text": "word " * words}]}


@dataclass
class Service:
    url: str
    runtime: Runtime
    log: list[str] = field(default_factory=list)

    @property
    def live(self) -> set[int]:
        """What the scripted policy holds."""
        policy = self.runtime.policy
        assert isinstance(policy, ScriptedPolicy)
        return policy.live

    def post(self, body: Any, **options: Any) -> httpx2.Response:
        """The reply to a request for a chat."""
        return httpx2.post(f"{self.url}/v1/chat/completions", json=body, timeout=SOON, **options)

    def health(self) -> dict[str, Any]:
        told: dict[str, Any] = httpx2.get(f"{self.url}/health", timeout=SOON).json()
        return told

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that is to happen."""
        end = time.monotonic() + SOON
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.005)


def chat(text: str = SUM, model: str = "scripted", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def scripted(
    lines: Mapping[str, Sequence[Mapping[str, Any]]] = LINES,
    *,
    width: int = 4,
    between: Callable[[], None] = lambda: None,
) -> Callable[[TurnInterrupt], Runtime]:
    """How a runtime on a script is made."""

    def make(interrupt: TurnInterrupt) -> Runtime:
        script = Script({problem: [ScriptLine(**line) for line in own] for problem, own in lines.items()})
        policy = ScriptedPolicy(script, width=width, interrupted=interrupt, between=between)
        verifiers: dict[str, Verifier] = {"confidence": Confidence(), "scripted": ScriptedVerifier(script)}
        return Runtime(Settings("scripted:x"), policy, verifiers, interrupt, lambda _name: "script")

    return make


@contextmanager
def service(
    make: Callable[[TurnInterrupt], Runtime],
    *,
    interrupt: TurnInterrupt | None = None,
    key: str | None = None,
    queue: int = 64,
    limits: Limits | None = None,
) -> Iterator[Service]:
    """A server that listens while the context lasts."""
    interrupt = interrupt or TurnInterrupt()
    runtime = make(interrupt)
    options = ServeOptions(port=0, key=key, queue=queue, words=1, limits=limits or Limits())
    with listening(options) as bound:
        found = Service(f"http://127.0.0.1:{bound.getsockname()[1]}", runtime)
        ready = threading.Event()

        def tell(_server: Server) -> None:
            ready.set()

        thread = threading.Thread(
            target=serve, args=(runtime, interrupt, bound, options), kwargs={"log": found.log.append, "ready": tell}
        )
        thread.start()
        try:
            assert ready.wait(SOON)
            yield found
        finally:
            interrupt.request()
            thread.join(SOON)
            assert not thread.is_alive()
