"""The fields of a row: found by name however it is spelt, and read as text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeGuard

QUESTIONS = ("problem", "question", "question stem", "prompt", "query", "instruction", "statement", "input")

_PLAIN = 1e16  # Python writes whole floats below it with a needless .0

Fields = Mapping[str, object]


class BadRowError(Exception):
    """Why a row cannot be used; for a reader of rows to catch."""


class BadFileError(BadRowError):
    """Why no row of the file can be trusted, as one of them shows."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A column's name without regard to case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def is_blank(value: object) -> bool:
    """Whether a field says nothing."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == []


def column(fields: Fields, *names: str) -> str | None:
    """The column of the first of the names that says something; as the name is written or else as `plain` has it.

    Raises:
        BadRowError: two columns go by the name, and say different things.
    """
    for name in names:
        if name in fields and not is_blank(fields[name]):
            return name
        same = [other for other in fields if plain(other) == plain(name) and not is_blank(fields[other])]
        if len(same) > 1 and any(fields[other] != fields[same[0]] for other in same):
            raise BadRowError(f"`{same[0]}` and `{same[1]}` say different things")
        if same:
            return same[0]
    return None


def text_of(fields: Fields, name: str) -> str | None:
    """A field as text without white space around it; None where it is missing, null or blank."""
    found = column(fields, name)
    return None if found is None else as_text(fields[found], found)


def as_text(value: object, name: str) -> str:
    """A value of the field with this name as text without white space around it.

    Raises:
        BadRowError: it is neither text nor a finite number, or text that cannot be encoded.
    """
    if isinstance(value, str):
        text = value.strip()
    elif is_number(value):
        text = str(int(value)) if abs(value) < _PLAIN and value == int(value) else repr(value)
    else:
        raise BadRowError(f"`{name}` is neither text nor a number")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRowError(f"`{name}` holds half of a surrogate pair, which is no text") from error
    return text


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number; true and false are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
