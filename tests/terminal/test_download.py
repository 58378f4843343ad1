from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from ttcli.catalog.progress import Progress, size_text
from ttcli.terminal.download import BarDownload, PlainDownload, QuietDownload, download_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def story(progress: Progress) -> None:
    progress.start("tiny", "hub [a-b]/r", 491_400_000, 49_140_000)
    for done in range(50_000_000, 491_400_000, 7_000_000):
        progress.advance(done)
    progress.note("a [/b] note")
    progress.advance(491_400_000)
    progress.finish("done: saved as /x/[y]/tiny.gguf")


def test_without_a_terminal_there_is_a_line_for_each_tenth() -> None:
    stream = io.StringIO()
    progress = download_progress(stream=stream)
    assert type(progress) is PlainDownload
    story(progress)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "fetching tiny (491.4 MB, 49.1 MB are here) from hub [a-b]/r"
    assert [line.split(" %")[0].strip() for line in lines[1:-3]] == ["20", "30", "40", "50", "60", "70", "80", "90"]
    assert lines[-3:] == ["  a [/b] note", "  100 %  491.4 MB of 491.4 MB", "  done: saved as /x/[y]/tiny.gguf"]


def test_quiet_still_says_what_comes_from_where_and_how_large() -> None:
    stream = Terminal()
    progress = download_progress(quiet=True, stream=stream)
    assert type(progress) is QuietDownload
    story(progress)
    assert stream.getvalue() == "fetching tiny (491.4 MB, 49.1 MB are here) from hub [a-b]/r\n"


def test_a_terminal_gets_a_bar_that_leaves_the_lines_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    progress = download_progress(stream=stream)
    assert type(progress) is BarDownload
    story(progress)
    text = stream.getvalue()
    assert text.startswith("fetching tiny (491.4 MB, 49.1 MB are here) from hub [a-b]/r\n")
    assert "491.4 MB" in text
    assert "a [/b] note" in text
    assert "done: saved as /x/[y]/tiny.gguf" in text


def test_one_bar_follows_another_when_a_source_fails() -> None:
    stream = Terminal()
    progress = download_progress(stream=stream)
    progress.start("tiny", "hub o/r", 100, 0)
    progress.finish("failed: no connection")
    story(progress)
    assert stream.getvalue().count("fetching tiny") == 2


@pytest.mark.parametrize("make", [QuietDownload, PlainDownload, BarDownload])
def test_a_note_before_any_transfer_is_no_error(make: Callable[[io.StringIO], Progress]) -> None:
    stream = io.StringIO()
    make(stream).note("waiting")
    assert stream.getvalue() in ("", "  waiting\n")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (98_362_432, "98.4 MB"),
        (999_999_999, "1.0 GB"),
        (1_117_320_768, "1.1 GB"),
        (2 * 10**12, "2.0 TB"),
    ],
)
def test_sizes_are_in_powers_of_ten(size: int, text: str) -> None:
    assert size_text(size) == text
