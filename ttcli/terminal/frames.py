"""A terminal that is told of a new picture no more than what differs from the one before.

Rich erases a live picture line by line and writes all of it again, ten times a second: much for a slow line, and a
flicker on some screens. What it writes goes through here: lines that stay as they are stay on the screen, and the
others come within one synchronized update (DEC private mode 2026), which terminals that do not know it pass over.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import Any, TextIO

_ERASE = re.compile(r"\r\x1b\[2K((?:\x1b\[1A\x1b\[2K)*)")  # as Rich erases a picture, from its last line up
_UP = "\x1b[1A\x1b[2K"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_CONTROL = re.compile(r"(?:\x1b\[\?\d+[hl])*")  # nothing to be seen


class Frames:
    """Stands before the stream of a terminal; whoever writes to it does as if it were that."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: list[str] = []  # the lines written last, the picture at their end
        self._size = shutil.get_terminal_size()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text; a picture in the place of the last one, as far as it differs."""
        size, self._size = self._size, shutil.get_terminal_size()
        erased = _ERASE.match(text)
        if erased and size == self._size:
            height = 1 + len(erased[1]) // len(_UP)
            old, new = self._shown[-height:], text[erased.end() :].split("\n")
            self._shown = new
            if len(old) == height:
                self._stream.write(_update(old, new))
                return len(text)
        elif not _CONTROL.fullmatch(text):
            self._shown = (text[erased.end() :] if erased else text).split("\n")
        self._stream.write(text)
        return len(text)


def _update(old: Sequence[str], new: Sequence[str]) -> str:
    """What turns lines into others, from the end of the last to the end of the last; nothing where they are alike."""
    if old == new:
        return ""
    parts = [_BEGIN, "\r", f"\x1b[{len(old) - 1}A" * (len(old) > 1)]
    for number in range(max(len(old), len(new))):
        before = old[number] if number < len(old) else None
        after = new[number] if number < len(new) else ""
        parts += ["\n"] if number else []
        parts += [f"\x1b[2K{after}"] if after != before else []
    parts.append(f"\x1b[{len(old) - len(new)}A" * (len(old) > len(new)))
    return "".join([*parts, _END])
