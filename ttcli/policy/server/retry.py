"""Ask a server until it does what it is to do, or say why it does not and what to type next."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ttcli.errors import BackendError, PromptTooLong, TtcError
from ttcli.policy.server.address import Address
from ttcli.policy.server.client import ChatApi, Refusal, Trouble
from ttcli.policy.server.dialect import Dialect
from ttcli.policy.server.key import OWN_KEY, Key
from ttcli.policy.server.patience import Patience

_T = TypeVar("_T")

_TOO_LONG = re.compile(r"context[ _](length|window|size)", re.IGNORECASE)


async def with_retries(api: ChatApi, dialect: Dialect, attempt: Callable[[], Awaitable[_T]]) -> _T:
    """What an attempt gives, made again after trouble and without what the server refuses.

    Raises:
        BackendError, PromptTooLong: it does not succeed.
    """
    tries = 0
    while True:
        try:
            result = await attempt()
        except Refusal as refusal:
            if not dialect.concede(refusal):
                raise refused(refusal, api.address, api.key) from refusal
        except Trouble as trouble:
            tries += 1
            pause = None if trouble.lasting else api.patience.pause(tries, trouble.wait, random.random())
            if pause is None:
                raise failed(trouble, api.address, tries, api.patience) from trouble
            await asyncio.sleep(pause)
        else:
            dialect.confirm()
            return result


def refused(refusal: Refusal, address: Address, key: Key | None) -> TtcError:
    """The error that a refusal is."""
    said = f"{address.name} refuses ({refusal.status}): {refusal}"
    if _TOO_LONG.search(str(refusal)):
        return PromptTooLong(said, hint="a smaller --max-tokens, or a model with a longer context")
    match refusal.status:
        case 400 | 422 if refusal.names("temperature"):
            hint = f"--temperature {_wanted(str(refusal))}"
        case 401 | 403:
            hint = f"is the key in {key.variable} the right one?" if key else f"export {OWN_KEY}=…"
        case 404:
            hint = "is --model one of its models, and does the URL end in /v1?"
        case status if status < 400:
            hint = "give --policy the address that it points to"
        case _:
            hint = "its own log may say more"
    return BackendError(said, hint=hint)


def _wanted(said: str) -> str:
    """The temperature that a refusal allows, or the one that all servers know."""
    told = re.search(r"\bonly\b\D*(\d+(?:\.\d+)?)", said, re.IGNORECASE)
    return told[1] if told else "1"


def failed(trouble: Trouble, address: Address, tries: int, patience: Patience) -> BackendError:
    """The error that trouble becomes when it does not end."""
    times = "" if tries == 1 else f" {tries} times in a row"
    status = f" ({trouble.status})" if trouble.status else ""
    if trouble.wait > patience.longest:
        times = f", asking for {trouble.wait:.0f} s of rest"
    return BackendError(f"{address.name} failed{times}{status}: {trouble}", hint=_hint(trouble))


def _hint(trouble: Trouble) -> str:
    if trouble.lasting:
        return "a smaller --max-tokens, or another server"
    match trouble.status:
        case 429:
            return "a smaller --width, or another time"
        case None if "ended a text" in str(trouble):
            return "--width 1, or for llama-cpp-python's server: --interrupt_requests false"
        case None:
            return "does it run, and is --policy its URL?"
    return "its own log may say more"
