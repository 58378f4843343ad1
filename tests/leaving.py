"""Whoever reads a stream of events may leave before its end."""

from __future__ import annotations

from collections.abc import Generator, Iterator


def leave(stream: Iterator[object]) -> None:
    """Read no more of it: what it holds is let go of, as where the reader is garbage collected."""
    assert isinstance(stream, Generator)
    stream.close()
