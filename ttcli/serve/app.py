"""The HTTP side: routes, keys, limits of what is read, and every error in the form that OpenAI's clients know."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ttcli.runtime.settings import Settings
from ttcli.serve.chat_request import read_request
from ttcli.serve.engine import ServingEngine
from ttcli.serve.exchange import Exchange, Limits
from ttcli.serve.plan import Names
from ttcli.serve.refusal import Refusal, bad
from ttcli.serve.wire import encoded

MOST_BYTES = 1_000_000  # of a request
_CHAT = "/v1/chat/completions"
_OPEN = ("/health",)  # to be asked without a key


def make_app(
    engine: ServingEngine,
    names: Names,
    settings: Settings,
    *,
    key: str | None = None,
    hosts: Sequence[str] = (),
    limits: Limits | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> ASGIApp:
    """The application.

    Args:
        key: that clients have to show; None: none.
        hosts: names that this server goes by; (): any. A page on the web can have a browser send requests to this
            machine under a name of its own, and a server that listens here alone must not reply to those.
    """
    limits = limits or Limits()

    async def chat(request: Request) -> Exchange:
        body = await _read(request, limits.body)
        asked = read_request(body)
        plan = names.plan(asked.model, asked.wish, n=asked.n)
        return Exchange(asked, plan, engine, settings, limits, log)

    async def models(_: Request) -> Response:
        return _json({"object": "list", "data": [_model(name) for name in names.listed]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in names.listed:
            raise Refusal(404, f"there is no model {name!r}", param="model", code="model_not_found")
        return _json(_model(name))

    async def health(_: Request) -> Response:
        told = {"status": "ok" if engine.alive else "stopping", "working": engine.working, "waiting": engine.waiting}
        return _json(told, 200 if engine.alive else 503)

    routes = [
        Route(_CHAT, chat, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
        Route("/health", health),
    ]
    application = Starlette(
        routes=routes,
        exception_handlers={
            Refusal: _refused,
            HTTPException: _unrouted,
            ClientDisconnect: _gone,
            Exception: _unexpected,
        },
    )
    return _Guard(application, key, hosts)


class _Guard:
    """Lets in who has the key, and calls this server by a name of its own."""

    def __init__(self, app: ASGIApp, key: str | None, hosts: Sequence[str]) -> None:
        self._app = app
        self._key = None if key is None else key.encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = self._refusal(scope["path"], headers)
        app: ASGIApp = self._app if refusal is None else _response(refusal)
        await app(scope, receive, send)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> Refusal | None:
        host = urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}")
        if self._hosts and not _is_local(host.hostname) and host.hostname not in self._hosts:
            return Refusal(403, "this server does not go by that name", code="unknown_host")
        if self._key is None or path in _OPEN:
            return None
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        known = hmac.compare_digest(given.strip(), self._key)
        if scheme.lower() != b"bearer" or not known:
            return Refusal(401, "the key is missing or wrong", code="invalid_api_key")
        return None


def _is_local(name: str | None) -> bool:
    if name is None or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _read(request: Request, seconds: float) -> bytes:
    """The body of a request.

    Raises:
        Refusal: it is no JSON, too large, or too slow to come.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, f"the body is JSON: send it as application/json, not {kind[:80]}")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        raise Refusal(408, "the request took too long to come") from error
    if not body:
        raise bad("the body is empty")
    return bytes(body)


def _too_large() -> Refusal:
    return Refusal(413, f"a request is {MOST_BYTES:,} bytes at most", code="request_too_large")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "ttc"}


def _json(content: Any, status: int = 200) -> Response:
    return Response(encoded(content), status, media_type="application/json")


def _response(refusal: Refusal) -> Response:
    return Response(encoded(refusal.body), refusal.status, dict(refusal.headers), "application/json")


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _response(error)


async def _unrouted(request: Request, error: Exception) -> Response:
    """No such path or method."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path[:80]
    if error.status_code == 404:
        message = f"there is nothing at {path}: this server has /v1/chat/completions, /v1/models and /health"
        return _response(Refusal(404, message))
    message = f"{request.method} does nothing at {path}" if error.status_code == 405 else str(error.detail)
    return _response(Refusal(error.status_code, message))


async def _unexpected(_: Request, error: Exception) -> Response:
    """A bug; Starlette passes it on to be logged."""
    return _response(Refusal(500, f"unexpected {type(error).__name__}"))


async def _gone(_: Request, _error: Exception) -> Response:
    """The client left before it had sent its request: nobody reads this."""
    return Response(status_code=400)
