"""Downloads on stderr: a bar on a terminal, a line for each tenth elsewhere, one line each when quiet; never silent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from ttcli.catalog.progress import Progress, size_text
from ttcli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def download_progress(*, quiet: bool = False, stream: TextIO | None = None) -> Progress:
    """What fits `stream`, stderr unless another is given; quiet: one line for each transfer that starts."""
    stream = stream or sys.stderr
    if quiet:
        return QuietDownload(stream)
    return BarDownload(stream) if stream.isatty() else PlainDownload(stream)


class QuietDownload:
    """Says only what is fetched, from where and how large it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        """One line."""
        here = f", {size_text(done_bytes)} are here" if done_bytes else ""
        self._line(f"fetching {name} ({size_text(total_bytes)}{here}) from {source}")

    def advance(self, done_bytes: int) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def finish(self, outcome: str) -> None:
        """Nothing."""

    def _line(self, text: str) -> None:
        self._stream.write(f"{printable(text)}\n")
        self._stream.flush()


class PlainDownload(QuietDownload):
    """A line at the start, one for each tenth of the file, one at the end: for logs and pipes."""

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        """What, how large, from where."""
        super().start(name, source, total_bytes, done_bytes)
        self._total = total_bytes
        self._tenth = 10 * done_bytes // total_bytes

    def advance(self, done_bytes: int) -> None:
        """A line where another tenth is here."""
        tenth = 10 * done_bytes // self._total
        if tenth > self._tenth:
            self._tenth = tenth
            self._line(f"  {tenth * 10} %  {size_text(done_bytes)} of {size_text(self._total)}")

    def note(self, message: str) -> None:
        """A line of its own."""
        self._line(f"  {message}")

    def finish(self, outcome: str) -> None:
        """How it ended."""
        self._line(f"  {outcome}")


class BarDownload(QuietDownload):
    """A bar with size, speed and the time that is left, under a line that says what and from where."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar: Bar | None = None

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        """The line, and the bar under it."""
        # rich takes 50 ms to import, and most runs fetch nothing
        from rich import console, progress

        super().start(name, source, total_bytes, done_bytes)
        self._bar = progress.Progress(
            progress.TextColumn("  {task.percentage:>3.0f} %"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=console.Console(file=self._stream),
            transient=True,
        )
        self._task = self._bar.add_task(name, total=total_bytes, completed=done_bytes)
        self._bar.start()

    def advance(self, done_bytes: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done_bytes)

    def note(self, message: str) -> None:
        """A line above the bar."""
        line = f"  {message}"
        if self._bar is None:
            self._line(line)
        else:
            self._bar.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def finish(self, outcome: str) -> None:
        """The bar goes, a line that says how it ended stays."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self.note(outcome)
