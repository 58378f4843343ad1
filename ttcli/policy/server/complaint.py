"""What a server says of a request that it does not serve, in whichever of the usual forms that comes.

OpenAI has {"error": {"message", "type", "param", "code"}}; FastAPI {"detail": [{"loc", "msg", "type"}, ...]}, where the
field stands in `loc` alone; others {"message"} or {"error": "words"}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ttcli.policy.server.reading import read_json

_WORDS = ("error", "detail", "message", "msg")
_INVALID = "invalid"  # in a type or code: the request is at fault
_DEEPEST = 8  # objects within each other that are looked at


class Complaint(NamedTuple):
    """Why a request is not served."""

    words: str
    fields: frozenset[str] = frozenset()  # of the request, that it points at
    status: int | None = None  # that it names itself


def read_complaint(text: str) -> Complaint:
    """What the body of an error says; a page is no words."""
    try:
        content = read_json(text)
    except ValueError:
        return Complaint("" if "<html" in text.lower() else text)
    return Complaint(_words(content) or text, frozenset(_fields(content)), _status(content))


def complaint_in(content: Mapping[str, Any]) -> Complaint | None:
    """What a reply says that is a complaint though it came as a success; None: it is none."""
    if content.get("choices") or content.get("data") or not any(content.get(name) for name in _WORDS):
        return None
    return Complaint(_words(content), frozenset(_fields(content)), _status(content))


def _words(content: object) -> str:
    for _ in range(2 * _DEEPEST):
        if isinstance(content, list) and content:
            content = content[0]
        elif isinstance(content, Mapping):
            content = next((content[name] for name in _WORDS if content.get(name)), None)
    return content if isinstance(content, str) else ""


def _fields(content: object, depth: int = 0) -> Iterator[str]:
    """Names of fields that a complaint points at: `param`, and the last name in each `loc`."""
    if depth > _DEEPEST:
        return
    if isinstance(content, list):
        for part in content:
            yield from _fields(part, depth + 1)
    elif isinstance(content, Mapping):
        if isinstance(param := content.get("param"), str):
            yield param
        if isinstance(place := content.get("loc"), list):
            yield from (name for name in place if isinstance(name, str))
        for name in _WORDS:
            yield from _fields(content.get(name), depth + 1)


def _status(content: object) -> int | None:
    """The status that a complaint names, or that of a bad request where it calls the request invalid."""
    inner = content.get("error") if isinstance(content, Mapping) else None
    for told in (inner, content):
        if isinstance(told, Mapping):
            code = told.get("code")
            if isinstance(code, int) and 400 <= code < 600:
                return code
            if any(isinstance(told.get(name), str) and _INVALID in told[name].lower() for name in ("code", "type")):
                return 400
    return None
