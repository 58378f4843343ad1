"""Problems that take turns in one engine: each goes on until it has had a decode, in which the texts of all grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

from ttcli.interrupt import Interrupt

T = TypeVar("T")

Turns = Generator[T | None, None, None]  # None: a decode has been had, now it is another problem's turn


class Rotation(Generic[T]):
    """Whoever is in work, in order of being opened. No clock decides anything."""

    def __init__(self, interrupt: Interrupt) -> None:
        self._interrupt = interrupt  # a request for it ends a turn after what was just told
        self._open: deque[Turns[T]] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, problem: Turns[T]) -> Iterator[T]:
        """Take in a problem, and give it its first turn."""
        self._open.append(problem)
        yield from self._turn(problem)

    def round(self) -> Iterator[T]:
        """A turn for every problem."""
        for problem in list(self._open):
            if problem in self._open:  # somebody may have closed it meanwhile
                yield from self._turn(problem)

    def close(self, problem: Turns[T] | None = None) -> None:
        """Give up a problem, or all of them: what they hold is freed."""
        for each in [problem] if problem is not None else list(self._open):
            each.close()
            if each in self._open:
                self._open.remove(each)

    def _turn(self, problem: Turns[T]) -> Iterator[T]:
        """Let one problem go on until it has had a decode, or is done."""
        for told in problem:
            if told is None:
                return
            yield told
            if self._interrupt.requested:
                return
        self._open.remove(problem)
