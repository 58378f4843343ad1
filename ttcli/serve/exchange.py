"""One request and its reply, from the moment it has been read until the last byte is sent or the client has left."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import Receive, Scope, Send

from ttcli.answers.question import Question
from ttcli.cost import Cost
from ttcli.errors import TtcError
from ttcli.events import CandidateToken, Outcome, RunFinished, RunStarted
from ttcli.problem import Problem
from ttcli.runtime.settings import Settings
from ttcli.serve.chat_request import ChatRequest
from ttcli.serve.engine import ServingEngine
from ttcli.serve.job import Drawing, Job, Told
from ttcli.serve.plan import Plan
from ttcli.serve.progress import Progress
from ttcli.serve.refusal import Refusal, refusal_of
from ttcli.serve.reply import Choice, account, choices_of, stopped_of, usage_of
from ttcli.serve.wire import DONE, KEEP_ALIVE, Clipper, Envelope, encoded, event, thought_of


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds."""

    reply: float = 600.0  # of a request, its wait included; what there is by then is the reply
    silence: float = 5.0  # of a stream, before a comment says that it is alive
    stall: float = 60.0  # that a client may take to read what it is sent
    body: float = 30.0  # and to send its request
    grace: float = 1.0  # before a stream begins: what is refused by then is refused by its status


class Exchange:
    """An ASGI response.

    Args:
        settings: the server's own.
        log: told how it ended, in one line.
    """

    def __init__(
        self,
        chat: ChatRequest,
        plan: Plan,
        engine: ServingEngine,
        settings: Settings,
        limits: Limits,
        log: Callable[[str], None],
    ) -> None:
        self._chat = chat
        self._plan = plan
        self._engine = engine
        self._limits = limits
        self._log = log
        self._inbox: asyncio.Queue[Told] = asyncio.Queue()
        self._envelope = Envelope(chat.model)
        self._began: RunStarted | None = None
        self._since = time.monotonic()
        self._warnings = list(chat.warnings)
        if chat.max_tokens is not None and chat.max_tokens > settings.max_tokens:
            self._warnings.append(f"max_tokens is {settings.max_tokens} at most here")
        self._job = self._make_job(settings)

    def _make_job(self, settings: Settings) -> Job:
        chat, plan = self._chat, self._plan
        loop = asyncio.get_running_loop()

        def tell(told: Told) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._inbox.put_nowait, told)

        try:
            own = replace(
                settings,
                method_name=plan.method,
                verifier_name=plan.verifier,
                budget=plan.budget,
                seed=secrets.randbits(31) if chat.seed is None else chat.seed,
                answer="text" if plan.plain else settings.answer,
                ask_again=not plan.plain,
            )
        except TtcError as error:
            raise refusal_of(error) from error
        in_words = settings.answer == "auto" and Question.of(chat.question).kind == "text"
        return Job(
            Problem(chat.question, before=chat.before, bare=plan.plain or in_words),
            own,
            Drawing(chat.temperature, chat.top_p, chat.max_tokens),
            deadline=self._since + self._limits.reply,
            tell=tell,
            tokens=plan.plain and chat.stream,
            stops=chat.stop if plan.plain else (),
        )

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Reply; or stop all work as soon as the client has left."""
        try:
            self._engine.submit(self._job)
        except Refusal as refusal:
            await self._refuse(send, refusal)
            return
        client = asyncio.create_task(_left(receive))
        reply = asyncio.create_task(self._reply(send))
        try:
            await asyncio.wait({client, reply}, return_when=asyncio.FIRST_COMPLETED)
            if not reply.done():
                self._tell("client left")
        finally:
            self._engine.leave(self._job)
            for task in (client, reply):
                task.cancel()
            await asyncio.gather(client, reply, return_exceptions=True)
        if not reply.cancelled() and (error := reply.exception()) is not None:
            if not isinstance(error, TimeoutError | OSError):
                raise error
            self._tell("client does not read")

    async def _reply(self, send: Send) -> None:
        if self._chat.stream:
            await self._stream(send)
            return
        told = await self._inbox.get()
        while not isinstance(told, RunFinished | Refusal):
            self._note(told)
            told = await self._inbox.get()
        if isinstance(told, Refusal):
            await self._refuse(send, told)
            return
        choices, usage, told_of = self._outcome(told.outcome)
        await self._send_json(send, 200, self._envelope.completion(choices, usage, told_of))
        self._finished(told.outcome.cost)

    async def _stream(self, send: Send) -> None:
        first = await self._first()
        if isinstance(first, Refusal):
            await self._refuse(send, first)
            return
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        await self._send(send, {"type": "http.response.start", "status": 200, "headers": _raw(headers)})
        n = self._chat.n
        for number in range(n):
            await self._piece(send, number, {"role": "assistant", "content": ""})
        clippers = [Clipper(self._chat.stop) for _ in range(n)]
        progress = Progress(self._plan)
        async for told in self._happenings(send, first):
            match told:
                case Refusal():
                    await self._write(send, event(told.body))
                    self._tell(f"{told.status} {told.message}")
                case CandidateToken(candidate=number, text=text, thought=True) if number < n:
                    if text:
                        await self._piece(send, number, thought_of(text))
                case CandidateToken(candidate=number, text=text) if number < n:
                    if passed := clippers[number].take(text):
                        await self._piece(send, number, {"content": passed})
                case RunFinished(outcome=outcome):
                    await self._end_stream(send, outcome, clippers)
                case _ if not self._plan.plain:
                    for line in progress.lines(told):
                        await self._piece(send, 0, thought_of(f"{line}\n"))
        await self._write(send, DONE, more=False)

    async def _first(self) -> Told | None:
        """What happens first, but for the beginning; None: nothing yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.grace):
                while isinstance(told := await self._inbox.get(), RunStarted):
                    self._note(told)
                return told
        return None

    async def _happenings(self, send: Send, first: Told | None) -> AsyncIterator[Told]:
        """What the engine tells, to the last; in silence, signs of life."""
        told = first
        while True:
            if told is not None:
                self._note(told)
                yield told
                if isinstance(told, RunFinished | Refusal):
                    return
            try:
                told = await asyncio.wait_for(self._inbox.get(), self._limits.silence)
            except TimeoutError:
                told = None
                await self._write(send, KEEP_ALIVE)

    async def _end_stream(self, send: Send, outcome: Outcome, clippers: list[Clipper]) -> None:
        """What is left to say, why each text ended, and what it took."""
        choices, usage, told_of = self._outcome(outcome)
        for number, choice in enumerate(choices):
            text = clippers[number].rest() if self._plan.plain else choice.text
            if text:
                await self._piece(send, number, {"content": text})
        for number, choice in enumerate(choices):
            more = {"ttc": told_of} if number + 1 == len(choices) else {}
            await self._piece(send, number, {}, choice.finish, **more)
        if self._chat.usage:
            await self._write(send, event(self._envelope.usage(usage)))
        self._finished(outcome.cost)

    def _outcome(self, outcome: Outcome) -> tuple[list[Choice], dict[str, Any], Mapping[str, Any]]:
        concludes = not self._job.problem.bare
        choices = choices_of(outcome, self._plan, self._chat.n, self._chat.stop, concludes=concludes)
        if self._began is None or not choices:
            raise AssertionError("a run begins, and draws something")
        stopped = stopped_of(outcome, expired=self._job.expired)
        told = account(self._began, outcome, self._plan, stopped=stopped, warnings=self._warnings)
        return choices, usage_of(outcome, choices), told

    def _note(self, told: Told) -> None:
        if isinstance(told, RunStarted):
            self._began = told

    # -- bytes

    async def _piece(
        self, send: Send, number: int, delta: Mapping[str, Any], finish: str | None = None, **more: Any
    ) -> None:
        if self._chat.usage:
            more = {"usage": None, **more}
        await self._write(send, event(self._envelope.delta(number, delta, finish, **more)))

    async def _write(self, send: Send, content: bytes, *, more: bool = True) -> None:
        await self._send(send, {"type": "http.response.body", "body": content, "more_body": more})

    async def _send(self, send: Send, message: dict[str, Any]) -> None:
        """Send, unless the client reads nothing for too long; raises TimeoutError."""
        async with asyncio.timeout(self._limits.stall):
            await send(message)

    async def _refuse(self, send: Send, refusal: Refusal) -> None:
        await self._send_json(send, refusal.status, refusal.body, refusal.headers)
        self._tell(f"{refusal.status} {refusal.message}")

    async def _send_json(
        self, send: Send, status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        body = encoded(content)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        await self._send(send, {"type": "http.response.start", "status": status, "headers": _raw(told)})
        await self._write(send, body, more=False)

    # -- what the server's own log gets

    def _finished(self, cost: Cost) -> None:
        self._tell(f"200 {cost.generations} texts, {cost.tokens:,} tokens")

    def _tell(self, ending: str) -> None:
        self._log(f"{self._chat.model[:80]}: {ending}, {time.monotonic() - self._since:.1f} s")


async def _left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]


Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
