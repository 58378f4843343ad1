"""An OpenAI-compatible chat server over HTTP: streamed completions, its list of models, its errors.

The wire format is that of OpenAI's "Chat Completions" reference: a POST to `/chat/completions`, answered as
server-sent events of one JSON chunk each, up to `[DONE]`. vLLM, SGLang, llama-server and llama-cpp-python's server
speak it with their own additions and gaps.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx2

from ttcli.errors import BackendError
from ttcli.policy.server.address import Address
from ttcli.policy.server.chunk import AllTold, Delta, Usage, read_chunk
from ttcli.policy.server.complaint import Complaint, complaint_in, read_complaint
from ttcli.policy.server.key import Key
from ttcli.policy.server.patience import Patience
from ttcli.policy.server.reading import (
    LONGEST_ERROR,
    LONGEST_REPLY,
    TooLong,
    Unreadable,
    closing,
    read_events,
    read_json,
    read_whole,
    unpacked,
)

LIMITS = ("max_tokens", "max_completion_tokens")  # two names of the same
_AGAIN = {408, 409, 425, 429}  # besides all from 500
_LONGEST_MESSAGE = 300  # characters of a server's own words
_STREAMS = ("text/event-stream", "text/plain", "application/octet-stream", "application/x-ndjson", "")  # or such
_LINGER = 0.2  # seconds that a stream may stay open behind its end


class Refusal(Exception):
    """The server will not do this, however often it is asked."""

    def __init__(self, status: int, message: str, body: Mapping[str, Any], fields: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body = body  # of the request
        self.fields = frozenset(fields)  # of it, that the server points at beside its words

    def names(self, field: str) -> bool:
        """Whether it speaks of a field of the request, by pointing at it or in its words."""
        return field in self.fields or re.search(rf"\b{field}\b", str(self)) is not None


class Trouble(Exception):
    """It did not work this time."""

    def __init__(self, message: str, *, status: int | None = None, wait: float = 0.0, lasting: bool = False) -> None:
        super().__init__(message)
        self.status = status  # None: no answer, or one that broke off
        self.wait = wait  # seconds that the server asked for
        self.lasting = lasting  # another try would take as long, and end alike


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
            content = await self._json(response, {})
        told = content.get("data")
        models = told if isinstance(told, list) else []
        return [model["id"] for model in models if isinstance(model, dict) and isinstance(model.get("id"), str)]

    async def reply(self, body: Mapping[str, Any]) -> list[Delta | Usage]:
        """A completion that comes whole.

        Raises:
            Refusal, Trouble: there is none.
        """
        async with self._send("POST", "chat/completions", body) as response:
            return list(_happenings(await self._json(response, body)))

    async def stream(self, body: Mapping[str, Any]) -> AsyncGenerator[Delta | Usage | AllTold]:
        """A completion as it grows, up to the server's own end of it.

        Raises:
            Refusal, Trouble: there is none, or it broke off.
        """
        empty = True
        try:
            async with self._send("POST", "chat/completions", {**body, "stream": True}) as response:
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind == "application/json":  # it does not stream
                    for happening in _happenings(await self._json(response, body)):
                        yield happening
                    return
                if kind not in _STREAMS:
                    raise Trouble(f"it answered with {self._presentable(kind)}, where events were to come")
                async with closing(read_events(_body(response))) as events:
                    async for data in events:
                        if data.strip() == "[DONE]":
                            await _drain(events)
                            yield AllTold()
                            break
                        if data.strip():
                            empty = False
                            for happening in _happenings(self._parsed(data, body, 200)):
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
        client, seconds = self._connect(), self.patience.whole(_tokens_of(body or {}))
        try:
            async with (
                asyncio.timeout(seconds) as limit,
                client.stream(verb, f"{self.address.url}/{path}", json=body) as response,
            ):
                if not response.is_success:
                    complaint = read_complaint(await read_whole(_body(response), LONGEST_ERROR, rest=True))
                    said = complaint._replace(words=complaint.words or response.reason_phrase)
                    rest = _retry_after(response.headers.get("retry-after", ""))
                    raise self._failure(response.status_code, said, body or {}, rest)
                yield response
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Trouble(f"it had not done with a request after {seconds:,.0f} s", lasting=True) from error
        except TooLong as error:
            raise Trouble("it sent more than any answer needs", lasting=True) from error
        except Unreadable as error:
            raise Trouble("it packed its answer in a way that nobody asked for", lasting=True) from error
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
                    headers={
                        "Accept-Encoding": "identity",
                        **({"Authorization": f"Bearer {self.key.secret}"} if self.key else {}),
                    },
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

    async def _json(self, response: httpx2.Response, body: Mapping[str, Any]) -> dict[str, Any]:
        """A reply that comes whole; a text in it is at its end, whether the server says why or not."""
        content = self._parsed(await read_whole(_body(response), LONGEST_REPLY), body, response.status_code)
        for choice in content["choices"] if isinstance(content.get("choices"), list) else []:
            if isinstance(choice, dict):
                choice["finish_reason"] = choice.get("finish_reason") or "stop"
        return content

    def _parsed(self, text: str, body: Mapping[str, Any], status: int) -> dict[str, Any]:
        """What a reply, or an event of one, holds.

        Raises:
            Refusal, Trouble: it is a complaint, or no JSON object.
        """
        try:
            content = read_json(text)
        except ValueError as error:
            raise Trouble("it sent what is no JSON", status=status) from error
        if not isinstance(content, dict):
            raise Trouble("it sent what is no JSON object", status=status)
        if complaint := complaint_in(content):
            raise self._failure(complaint.status or status, complaint, body)
        return content

    def _failure(self, status: int, complaint: Complaint, body: Mapping[str, Any], wait: float = 0.0) -> Exception:
        said = self._presentable(complaint.words) or "it does not say why"
        if 300 <= status < 500 and status not in _AGAIN:
            return Refusal(status, said, body, complaint.fields)
        return Trouble(said, status=status, wait=wait)

    def _presentable(self, text: str) -> str:
        """A server's words on one line, of bearable length and without the key."""
        if self.key:
            text = text.replace(self.key.secret, "***")
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        return "".join(letter for letter in line if letter.isprintable())[:_LONGEST_MESSAGE]


def _body(response: httpx2.Response) -> AsyncIterator[bytes]:
    return unpacked(response.aiter_raw(), response.headers.get("content-encoding", ""))


async def _drain(events: AsyncIterator[object]) -> None:
    """Read a stream to its last byte: its connection serves the next request then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            async for _ in events:
                pass


def _happenings(chunk: dict[str, Any]) -> Iterator[Delta | Usage]:
    try:
        yield from read_chunk(chunk)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Trouble("it sent JSON that is no completion") from error


def _tokens_of(body: Mapping[str, Any]) -> int:
    """Tokens that a request asks for at most."""
    return sum(int(body.get(name, 0)) for name in LIMITS) * int(body.get("n", 1))


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date (RFC 9110, s. 10.2.3); 0 where none."""
    with suppress(ValueError):
        seconds = float(text)
        return 0.0 if math.isnan(seconds) else max(0.0, seconds)
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0
