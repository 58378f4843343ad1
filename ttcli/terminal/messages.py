"""All that commands print, without what may not be printed: results on stdout, errors, hints and remarks on stderr."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ttcli.printable import json_line, many_lines, one_line, printable


def say(*lines: str) -> None:
    """Write lines on stdout."""
    for line in lines:
        print(many_lines(line), flush=sys.stdout.isatty())


def say_json(content: Any, *, ascii_only: bool = True) -> None:
    """Write an object as one line of JSON on stdout, at once."""
    print(json_line(content, ascii_only=ascii_only or sys.stdout.encoding.lower() != "utf-8"), flush=True)


def say_path(path: Path) -> None:
    """Write a path on stdout: for eyes on a terminal, byte by byte for a program that reads it."""
    if sys.stdout.isatty():
        say(str(path))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")


def remark(text: str) -> None:
    """Write a line that is neither an error nor a result, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def complain(message: str, hint: str | None = None) -> None:
    """Write `error:` and, where there is something to type next, `hint:`."""
    lines = [f"error: {'; '.join(map(one_line, message.splitlines()))}"]
    if hint:
        lines.append(f"hint: {printable(hint)}")
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def show_cursor() -> None:
    """Bring back the cursor that a live tree has hidden, when there is no time to end the tree itself."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")
