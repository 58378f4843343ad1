"""Errors and hints on stderr: one line each, whatever happens."""

from __future__ import annotations

import os
import sys

from ttcli.terminal.words import one_line


def complain(message: str, hint: str | None = None) -> None:
    """Write `error:` and, where there is something to type next, `hint:`."""
    lines = [f"error: {'; '.join(map(one_line, message.splitlines()))}"]
    if hint:
        lines.append(f"hint: {one_line(hint)}")
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def remark(text: str) -> None:
    """Write a line that is neither an error nor a result."""
    print(one_line(text), file=sys.stderr, flush=True)


def show_cursor() -> None:
    """Bring back the cursor that a live tree has hidden, when there is no time to end the tree itself."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")
