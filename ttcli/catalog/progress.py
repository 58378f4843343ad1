"""How a download tells what it does; the terminal decides how that looks."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears about one download after another; every `start` is followed by one `finish`, whatever happens."""

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        """A transfer begins; `done_bytes` of `total_bytes` are here from an earlier one."""

    def advance(self, done_bytes: int) -> None:
        """So many bytes of the file are here, all told."""

    def note(self, message: str) -> None:
        """Something worth a line: a source that failed, a wait."""

    def finish(self, outcome: str) -> None:
        """The transfer is over; `outcome` says how in one line."""


class NoProgress:
    """Tells nobody."""

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        """Nothing."""

    def advance(self, done_bytes: int) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def finish(self, outcome: str) -> None:
        """Nothing."""


def size_text(size: int) -> str:
    """Bytes as a person reads them, in powers of ten: `491.4 MB`."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
