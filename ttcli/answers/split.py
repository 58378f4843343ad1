"""An answer in parts: what stands between separators that are inside no bracket."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<open>\\\{|\\begin\{[a-z]*\}|[({\[])|(?P<close>\\\}|\\end\{[a-z]*\}|[)}\]])"
    r"|(?P<separator>,|;|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|\\cup(?![A-Za-z])|\\setminus(?![A-Za-z])| U (?=[(\[])"
    r"|\\(?:le|ge|ne|approx|in|equiv)(?![A-Za-z])|:=|[=<>])"
)
LIST = frozenset({",", ";", "and", "or"})
UNION = frozenset({"\\cup", "U", "\\setminus"})
RELATION = frozenset({"=", ":=", "\\approx", "<", ">", "\\le", "\\ge", "\\ne"})


class Split(NamedTuple):
    """The parts, and the separators between them: one fewer."""

    parts: tuple[str, ...]
    separators: tuple[str, ...]


def split(text: str, separators: frozenset[str]) -> Split | None:
    """The text at each of the separators outside brackets; None where the brackets do not match."""
    parts: list[str] = []
    found: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth < 0:
            return None
        if depth == 0 and token.lastgroup == "separator" and token.group().strip() in separators:
            parts.append(text[start : token.start()].strip())
            found.append(token.group().strip())
            start = token.end()
    return Split((*parts, text[start:].strip()), tuple(found)) if depth == 0 else None


def members(text: str) -> Split | None:
    """The members of a list, empty ones left out, as in `3, 5, and 7`."""
    whole = split(text, LIST)
    if whole is None:
        return None
    kept = tuple(part for part in whole.parts if part)
    return Split(kept, whole.separators)


def inside(text: str, left: str, rights: tuple[str, ...]) -> tuple[str, str] | None:
    """What the brackets around a whole text hold, and the closing one; None where they are not around all of it."""
    right = next(filter(text.endswith, rights), "")
    if not (text.startswith(left) and right and len(text) >= len(left) + len(right)):
        return None
    inner = text[len(left) : -len(right)]
    return (inner, right) if split(inner, frozenset()) is not None else None
