"""What a server sends, read within limits: bytes of a reply, events of a stream, JSON.

The format of a stream is that of server-sent events (HTML Living Standard, s. 9.2), read leniently: what is no `data:`
line means nothing, and an event counts though the stream ends behind it without a blank line.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

LONGEST_ERROR = 2**16  # bytes of an error's body that are read
LONGEST_REPLY = 2**26  # bytes of a reply that comes whole
LONGEST_EVENT = 2**24  # bytes of an event in a stream
_DATA = b"data:"
_PIECE = 2**16  # bytes that are unpacked at once
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # bits that tell zlib which
_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")  # \r at the very end may be half of \r\n
_HALF = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})")


class TooLong(Exception):
    """It is longer than anything that a server has reason to send."""


class Unreadable(Exception):
    """It is packed in a way that nobody asked for."""


async def unpacked(packed: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """A body in pieces of a bounded size, however small they were packed; `encoding` as its header has it.

    Raises:
        Unreadable: it is packed otherwise than by gzip or deflate.
    """
    kind = encoding.strip().lower()
    async with closing(packed):
        if kind in ("", "identity"):
            async for piece in packed:
                yield piece
            return
        if kind not in _PACKED:
            raise Unreadable(kind)
        unpacker = zlib.decompressobj(_PACKED[kind])
        try:
            async for piece in packed:
                while piece:
                    yield unpacker.decompress(piece, _PIECE)
                    piece = unpacker.unconsumed_tail
        except zlib.error as error:
            raise Unreadable(kind) from error


@asynccontextmanager
async def closing(source: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """A source that is closed by whoever reads it, and not by the garbage collector in the middle of a read."""
    try:
        yield source
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


async def read_whole(pieces: AsyncIterator[bytes], most: int, *, rest: bool = False) -> str:
    """A body as text; `rest`: what is longer is cut.

    Raises:
        TooLong: it has more than `most` bytes.
    """
    body = bytearray()
    async with closing(pieces):
        async for piece in pieces:
            body += piece
            if len(body) > most:
                if not rest:
                    raise TooLong
                break
    return bytes(body[:most]).decode(errors="replace")


async def read_events(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each event that has any.

    Raises:
        TooLong: one has more than LONGEST_EVENT bytes.
    """
    kept, held = list[bytes](), 0  # a line that has not ended, in pieces
    data, size = list[bytes](), 0
    async with closing(pieces):
        async for piece in pieces:
            kept.append(piece)
            held += len(piece)
            if b"\n" in piece or b"\r" in piece:
                *lines, last = _LINE.split(b"".join(kept))
                kept, held = [last], len(last)
                for line in lines:
                    if line.startswith(_DATA):
                        data.append(_value(line))
                        size += len(line)
                    elif not line and data:
                        yield _text(data)
                        data, size = [], 0
            if size + held > LONGEST_EVENT:
                raise TooLong
    if (line := b"".join(kept).rstrip(b"\r")).startswith(_DATA):
        data.append(_value(line))
    if data:
        yield _text(data)


def read_json(text: str) -> object:
    """JSON with half of a surrogate pair, which no text can hold, replaced as Unicode says.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    if "\\ud" in text.lower():
        text = _HALF.sub(lambda found: "\\ufffd" if found[1] else found[0], text)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _value(line: bytes) -> bytes:
    return line.removeprefix(_DATA).removeprefix(b" ")


def _text(data: list[bytes]) -> str:
    return b"\n".join(data).decode(errors="replace")
