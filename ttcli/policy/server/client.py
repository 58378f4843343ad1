"""An OpenAI-compatible chat server over HTTP: streamed completions, its list of models, its errors.

The wire format is that of OpenAI's "Chat Completions" reference: a POST to `/chat/completions`, answered as
server-sent events of one JSON chunk each, up to `[DONE]`. vLLM, SGLang, llama-server and llama-cpp-python's server
speak it with their own additions and gaps.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx2

from ttcli.errors import BackendError, UsageError
from ttcli.policy.server.address import Address
from ttcli.policy.server.chunk import Piece, Usage, read_chunk

OWN_KEY, SHARED_KEY = "TTC_API_KEY", "OPENAI_API_KEY"  # environment variables; ours first
LIMITS = ("max_tokens", "max_completion_tokens")  # two names of the same
_AGAIN = {408, 409, 425, 429}  # besides all from 500
_LONGEST_MESSAGE = 300  # characters of a server's own words
_LINGER = 0.2  # seconds that a stream may stay open behind its end


class Refusal(Exception):
    """The server will not do this, however often it is asked."""

    def __init__(self, status: int, message: str, body: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.body = body  # of the request


class Trouble(Exception):
    """It did not work this time."""

    def __init__(self, message: str, *, status: int | None = None, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status = status  # None: no answer, or one that broke off
        self.wait = wait  # seconds that the server asked for


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, and where it came from."""

    variable: str
    secret: str = field(repr=False)

    @classmethod
    def from_environment(cls, address: Address, *, insecure: bool = False) -> Key | None:
        """The key for a server that the environment holds; one that was not set for ttc goes nowhere unencrypted.

        `insecure`: ttc's own may.

        Raises:
            UsageError: what it holds cannot be sent, or not to this server.
        """
        names = (OWN_KEY, SHARED_KEY) if address.private else (OWN_KEY,)
        variable = next((name for name in names if os.environ.get(name, "").strip()), None)
        if variable is None:
            return None
        secret = os.environ[variable].strip()
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise UsageError(
                f"{variable} holds no key: a key is one word of ASCII characters", hint=f"unset {variable}"
            )
        if not (address.private or insecure):
            raise UsageError(
                f"{variable} would go unencrypted to {address.name}",
                hint=f"an https:// URL, or --insecure; without a key: unset {variable}",
            )
        return cls(variable, secret)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to ask again; all but `tries` in seconds."""

    connect: float = 10.0
    silence: float = 60.0  # without a byte
    tries: int = 4
    backoff: float = 0.5  # before the second try; doubles with each
    longest: float = 60.0  # between two tries; a server that wants a longer wait is given up

    def pause(self, tries: int, asked: float, jitter: float) -> float | None:
        """Seconds before the next try after so many; `jitter` in [0, 1] spreads them; None: give up."""
        if tries >= self.tries or asked > self.longest:
            return None
        return max(asked, min(self.longest, self.backoff * 2.0 ** (tries - 1)) * (0.5 + jitter / 2))


class ChatApi:
    """Sends requests, each one time; on one asyncio loop."""

    def __init__(self, address: Address, key: Key | None, patience: Patience) -> None:
        self.address = address
        self.key = key
        self.patience = patience
        self._client: httpx2.AsyncClient | None = None

    async def models(self) -> list[str]:
        """The names of the models it serves.

        Raises:
            Refusal, Trouble: it does not say.
            BackendError: there is no way to ask, now or later; so with all requests.
        """
        async with self._send("GET", "models", None) as response:
            content = await self._json(response)
        return [str(model["id"]) for model in content.get("data") or [] if isinstance(model, dict) and "id" in model]

    async def reply(self, body: Mapping[str, Any]) -> list[Piece | Usage]:
        """A completion that comes whole.

        Raises:
            Refusal, Trouble: there is none.
        """
        async with self._send("POST", "chat/completions", body) as response:
            return list(_happenings(await self._json(response)))

    async def stream(self, body: Mapping[str, Any]) -> AsyncGenerator[Piece | Usage]:
        """A completion as it grows, up to the server's own end of it.

        Raises:
            Refusal, Trouble: there is none, or it broke off.
        """
        empty = True
        try:
            async with self._send("POST", "chat/completions", {**body, "stream": True}) as response:
                if response.headers.get("content-type", "").startswith("application/json"):  # it does not stream
                    for happening in _happenings(await self._json(response)):
                        yield happening
                    return
                events = aiter(httpx2.EventSource(response))
                async for event in events:
                    if event.data.strip() == "[DONE]":
                        await _drain(events)
                        break
                    empty = False
                    for happening in self._read(event.data, body):
                        yield happening
        except Trouble as trouble:
            if not isinstance(trouble.__cause__, (httpx2.ReadError, httpx2.RemoteProtocolError)):
                raise
            if not empty:
                raise Trouble("it ended a text in the middle") from trouble
        if empty:
            await self._explain_silence(body)

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    @asynccontextmanager
    async def _send(self, verb: str, path: str, body: Mapping[str, Any] | None) -> AsyncIterator[httpx2.Response]:
        client = self._connect()
        try:
            async with client.stream(verb, f"{self.address.url}/{path}", json=body) as response:
                if not response.is_success:
                    await response.aread()
                    said = self._presentable(_message(response.text)) or response.reason_phrase
                    rest = _retry_after(response.headers.get("retry-after", ""))
                    raise _failure(response.status_code, said, body or {}, rest)
                yield response
        except httpx2.ConnectTimeout as error:
            raise Trouble(f"no connection within {self.patience.connect:g} s") from error
        except httpx2.TimeoutException as error:
            raise Trouble(f"it sent nothing for {self.patience.silence:g} s") from error
        except httpx2.InvalidURL as error:
            raise BackendError(f"{self.address.name} is no address", hint="look at --policy again") from error
        except httpx2.RequestError as error:
            raise Trouble(self._presentable(str(error) or type(error).__name__)) from error

    async def _explain_silence(self, body: Mapping[str, Any]) -> NoReturn:
        """Ask for one token without a stream: llama-cpp-python's server says only then why it cannot begin."""
        question = {**body, **{name: 1 for name in LIMITS if name in body}}
        try:
            await self.reply(question)
        except Trouble:
            await self.reply(question)  # the server had been about to close the connection: this is another one
        raise Trouble("it ended a text before the first word")

    def _connect(self) -> httpx2.AsyncClient:
        if self._client is None:
            wait = self.patience
            try:
                self._client = httpx2.AsyncClient(
                    headers={"Authorization": f"Bearer {self.key.secret}"} if self.key else {},
                    timeout=httpx2.Timeout(wait.silence, connect=wait.connect, pool=None),
                    limits=httpx2.Limits(max_connections=None),
                    trust_env=not self.address.loopback,  # no proxy stands between a machine and itself
                )
            except (ImportError, ValueError) as error:
                raise BackendError(
                    "the proxy that the environment names cannot be used",
                    hint="HTTPS_PROXY, HTTP_PROXY or ALL_PROXY with an http:// URL, or none",
                ) from error
        return self._client

    async def _json(self, response: httpx2.Response) -> dict[str, Any]:
        await response.aread()
        try:
            content = json.loads(response.text)
        except ValueError as error:
            raise Trouble("it answered with what is no JSON", status=response.status_code) from error
        if not isinstance(content, dict):
            raise Trouble("it answered with what is no JSON object", status=response.status_code)
        return content

    def _read(self, data: str, body: Mapping[str, Any]) -> Iterator[Piece | Usage]:
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise Trouble("it sent a piece of text that is no JSON") from error
        if isinstance(chunk, dict) and (failure := chunk.get("error")):
            code = failure.get("code") if isinstance(failure, dict) else None
            raise _failure(code if isinstance(code, int) else 500, self._presentable(_message(data)), body)
        yield from _happenings(chunk)

    def _presentable(self, text: str) -> str:
        """A server's words on one line, of bearable length and without the key."""
        if self.key:
            text = text.replace(self.key.secret, "***")
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        return "".join(letter for letter in line if letter.isprintable())[:_LONGEST_MESSAGE]


async def _drain(events: AsyncIterator[object]) -> None:
    """Read a stream to its last byte: its connection serves the next request then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            async for _ in events:
                pass


def _happenings(chunk: dict[str, Any]) -> Iterator[Piece | Usage]:
    try:
        yield from read_chunk(chunk)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Trouble("it sent JSON that is no completion") from error


def _failure(status: int, said: str, body: Mapping[str, Any], wait: float = 0.0) -> Refusal | Trouble:
    if status in _AGAIN or status >= 500:
        return Trouble(said, status=status, wait=wait)
    return Refusal(status, said, body)


def _message(text: str) -> str:
    """What an error says, in whichever of the usual forms it comes."""
    try:
        content = json.loads(text)
    except ValueError:
        return text if "<html" not in text.lower() else ""
    for name in ("error", "detail", "message", "msg"):
        while isinstance(content, dict) and content.get(name):
            content = content[name]
            if isinstance(content, list) and content:
                content = content[0]
    return content if isinstance(content, str) else text


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date (RFC 9110, s. 10.2.3); 0 where none."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
