"""A run as plain lines: for pipes and logs."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from ttcli.events import Began, Drawn, Event, Scored, Solved, Voted
from ttcli.terminal import words
from ttcli.tree import Candidate


class NoDisplay:
    """Shows nothing."""

    def __enter__(self) -> NoDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        """Nothing."""


class LineDisplay(NoDisplay):
    """One line per candidate, one for the vote and one for the cost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ended: dict[int, Candidate] = {}  # whose score, if it gets one, may still come

    def show(self, event: Event) -> None:
        """Write the line of an event that has one."""
        match event:
            case Began():
                self._write(words.heading(event))
            case Drawn(candidate=candidate) | Scored(candidate=candidate):
                self._ended[candidate.index] = candidate
            case Voted():
                for candidate in self._ended.values():
                    self._candidate(candidate)
                self._ended.clear()
            case Solved(outcome=outcome):
                self._write(f"votes: {words.tally(outcome) or 'none'}")
                self._write(f"{words.support(outcome)}; {words.spending(outcome.cost)}")

    def _candidate(self, candidate: Candidate) -> None:
        score = [] if candidate.score is None else [f"score {candidate.score:.2f}"]
        told = ", ".join([*score, words.length(candidate)])
        self._write(f"candidate {candidate.index + 1}: {words.answer(candidate)} ({told})")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()
