"""An OpenAI-compatible server on loopback that says what it is told to, and fails when it is told to."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from patience import SOON

Fault = Callable[["Exchange"], None]

_TURN = 3  # tokens around each message of the fake's template


class FakeServer:
    """Draws `answers` by seed, a word per token; `faults` answer the first requests in its place."""

    def __init__(
        self,
        answers: Sequence[str] = ("First add.\n\nIt is \\boxed{4}.",),
        *,
        faults: Sequence[Fault | None] = (),
        models: Sequence[str] = ("fake",),
        refuses: Mapping[str, str] | None = None,  # fields by the message that refuses them
        many: bool = True,
        logprobs: bool = True,
        usage: bool = True,
        continues: bool = False,
        names_stops: bool = False,
        per_chunk: int = 1,  # tokens
        gated: bool = False,  # a token only when `gate` is open
    ) -> None:
        self.answers = answers
        self.faults = deque(faults)
        self.models = models
        self.refuses = refuses or {}
        self.many, self.logprobs, self.usage = many, logprobs, usage
        self.continues, self.names_stops, self.per_chunk = continues, names_stops, per_chunk
        self.gate = threading.Event()
        if not gated:
            self.gate.set()
        self.over = threading.Event()
        self.bodies: list[dict[str, Any]] = []  # of completions asked for
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.left = 0  # clients that went away in the middle
        self.at_once = self.most_at_once = 0  # choices that grow
        self.lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Exchange,), {"fake": self}))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.gate.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def until(self, condition: Callable[[], bool]) -> bool:
        """Whether it comes true soon."""
        deadline = time.monotonic() + SOON
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.005)
        return condition()


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    fake: FakeServer
    protocol_version = "HTTP/1.1"
    body: dict[str, Any]

    def log_message(self, format: str, *arguments: Any) -> None: ...  # noqa: A002

    def handle(self) -> None:
        with self.fake.lock:
            self.fake.connections += 1
        with suppress(ConnectionResetError):  # a client that left between two requests
            super().handle()

    def do_GET(self) -> None:
        self.fake.headers.append(dict(self.headers))
        if self.path == "/v1/models":
            self.say({"object": "list", "data": [{"id": name} for name in self.fake.models]})
        else:
            self.refuse(404, "no such page")

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake = self.fake
        with fake.lock:
            fake.bodies.append(self.body)
            fake.headers.append(dict(self.headers))
            fault = fake.faults.popleft() if fake.faults else None
        try:
            if fault is not None:
                fault(self)
            elif refused := next((name for name in fake.refuses if name in self.body), None):
                self.refuse(400, fake.refuses[refused])
            else:
                self.complete()
        except (BrokenPipeError, ConnectionResetError):
            with fake.lock:
                fake.left += 1
            self.close_connection = True

    def say(self, content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer with JSON, or with a text as it is."""
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(content, str) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.say({"error": {"message": message, "type": "invalid"}}, status, headers)

    def begin(self) -> None:
        """The head of a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send(self, data: str) -> None:
        """A part of a stream."""
        raw = data.encode()
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        self.wfile.flush()

    def event(self, chunk: object) -> None:
        self.send(f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n")

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def die(self) -> None:
        """Hang up in the middle of a stream."""
        self.wfile.flush()
        self.close_connection = True

    def complete(self, *, tokens: int | None = None, whole: bool = False) -> None:
        """Answer as a good server does; `tokens`: die after so many; `whole`: though it was asked to stream."""
        fake, body = self.fake, self.body
        count = body.get("n", 1) if fake.many else 1
        texts = [self._continuation(body.get("seed", 0) + index) for index in range(count)]
        drawn = [self._drawn(text) for text in texts]
        prompt = self._prompt_tokens()
        usage = {"prompt_tokens": prompt, "completion_tokens": sum(len(words) for words, _, _ in drawn)}
        if whole or not body.get("stream"):
            choices = [
                self._choice(index, words, finish, stopped, "message")
                for index, (words, finish, stopped) in enumerate(drawn)
            ]
            self.say({"choices": choices, "usage": usage})
            return
        with fake.lock:
            fake.at_once += count
            fake.most_at_once = max(fake.most_at_once, fake.at_once)
        try:
            self._stream(drawn, usage, tokens)
        finally:
            with fake.lock:
                fake.at_once -= count

    def _stream(
        self, drawn: Sequence[tuple[list[str], str, str | None]], usage: Mapping[str, int], tokens: int | None
    ) -> None:
        fake = self.fake
        self.begin()
        longest = max(len(words) for words, _, _ in drawn)
        for at in range(0, longest, fake.per_chunk):
            while not fake.gate.wait(0.01):
                self.send(": still here\n\n")
            if tokens is not None and at >= tokens:
                self.die()
                return
            for index, (words, _, _) in enumerate(drawn):
                if part := words[at : at + fake.per_chunk]:
                    self.event({"choices": [self._choice(index, part, None, None, "delta")]})
        for index, (_, finish, stopped) in enumerate(drawn):
            self.event({"choices": [self._choice(index, [], finish, stopped, "delta")]})
        if fake.usage and self.body.get("stream_options"):
            self.event({"choices": [], "usage": dict(usage)})
        self.event("[DONE]")
        self.end()

    def _choice(self, index: int, words: list[str], finish: str | None, stopped: str | None, where: str) -> Any:
        choice: dict[str, Any] = {"index": index, where: {"content": "".join(words)}, "finish_reason": finish}
        if self.fake.logprobs and self.body.get("logprobs") and words:
            choice["logprobs"] = {"content": [{"token": word, "logprob": -0.5} for word in words]}
        if self.fake.names_stops:
            choice["stop_reason"] = stopped
        return choice

    def _continuation(self, seed: int) -> str:
        answers = self.fake.answers
        last = self.body["messages"][-1]
        if last["role"] != "assistant" or not self.fake.continues:
            return answers[seed % len(answers)]
        fitting = [text for text in answers if text.startswith(last["content"])] or [last["content"] + " more"]
        return fitting[seed % len(fitting)].removeprefix(last["content"])

    def _drawn(self, text: str) -> tuple[list[str], str, str | None]:
        """Words up to a stop string, the end or the limit, and which of them it was."""
        stop = next(iter(self.body.get("stop") or []), None)
        finish, stopped = "stop", None
        if stop and stop in text:
            text, stopped = text.partition(stop)[0], stop
        words = [word for word in re.split(r"(?= )|(?<=\n\n)", text) if word]
        limit = self.body.get("max_tokens") or self.body["max_completion_tokens"]
        if len(words) > limit:
            words, finish, stopped = words[:limit], "length", None
        return words, finish, stopped

    def _prompt_tokens(self) -> int:
        messages = self.body["messages"]
        words = sum(len(message["content"].split()) for message in messages)
        opens = not (messages[-1]["role"] == "assistant" and self.fake.continues)
        return words + _TURN * (len(messages) - 1) + 2 * _TURN * opens + _TURN * (not opens)


def hangs(exchange: Exchange) -> None:
    """Say nothing, ever."""
    exchange.fake.over.wait()
    exchange.close_connection = True


def says(status: int, message: str = "it broke", **headers: str) -> Fault:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.refuse(status, message, names)


def dies_after(tokens: int) -> Fault:
    return lambda exchange: exchange.complete(tokens=tokens)


def hangs_after_a_word(exchange: Exchange) -> None:
    exchange.begin()
    exchange.event({"choices": [{"index": 0, "delta": {"content": "First"}}]})
    hangs(exchange)


def sends(*events: str) -> Fault:
    """These events, well formed or not, then the end of the stream."""

    def fault(exchange: Exchange) -> None:
        exchange.begin()
        for each in events:
            exchange.event(each)
        exchange.end()

    return fault


def shows_a_page(exchange: Exchange) -> None:
    exchange.say("<html><body>Welcome to the wrong place</body></html>")


def does_not_stream(exchange: Exchange) -> None:
    exchange.complete(whole=True)


def hangs_up(exchange: Exchange) -> None:
    exchange.close_connection = True


def echoes_the_key(exchange: Exchange) -> None:
    exchange.refuse(401, f"no such key: {exchange.headers['Authorization']}")
