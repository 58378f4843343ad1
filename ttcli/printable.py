"""What may be printed: no text of a model, a file or a server moves the cursor, turns the line round or hides itself.

All that is not printable in Unicode's sense is replaced, or escaped where it must be read back: controls (C0, DEL, C1),
format characters (bidirectional, zero-width, tags), lone surrogates, separators other than the space.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from typing import Any

_ESCAPES = {"\n": "\\n", "\t": "\\t", "'": "\\'", "\\": "\\\\"}


def printable(text: str) -> str:
    """Text with a space for other white space, and a replacement character for all else that may not be printed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def one_line(text: str) -> str:
    """Text without line breaks, runs of white space or control characters."""
    return printable(" ".join(text.split()))


def many_lines(text: str) -> str:
    """Text with its line breaks and tabs, and without other control characters."""
    return "\n".join(_with_tabs(line) for line in text.splitlines())


def as_written(text: str) -> str:
    """Text with its line breaks, indentation and tabs, and without other control characters and blank ends."""
    return "\n".join(_with_tabs(line.rstrip("\r")) for line in text.split("\n")).strip("\n")


def _with_tabs(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))


def json_line(content: Any, *, ascii_only: bool = True) -> str:
    """JSON on one line, in which what may not be printed is escaped."""
    text = json.dumps(content, ensure_ascii=ascii_only)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _json_escape(c) for c in text)


def shell_line(words: Iterable[str]) -> str:
    """A command as one types it; words that hold what may not be printed are quoted as in $'\\x1b'."""
    return " ".join(shlex.quote(word) if word.isprintable() else _shell_quoted(word) for word in words)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _shell_quoted(word: str) -> str:
    """By its bytes, as the file system has them."""
    quoted = "".join(
        character
        if character.isprintable() and character not in _ESCAPES
        else _ESCAPES.get(character) or "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
        for character in word
    )
    return f"$'{quoted}'"
