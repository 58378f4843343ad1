"""A run as a live tree: candidates growing, answers, scores, votes as bars, and what it costs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ttcli.events import Event, RunFinished
from ttcli.solution import Candidate
from ttcli.terminal import words
from ttcli.terminal.branches import Lines, fitted
from ttcli.terminal.fit import SCORE_BAR, bar, cut, newest
from ttcli.terminal.frames import Frames
from ttcli.terminal.marks import Marks, marks_for
from ttcli.terminal.state import Growing, RunState
from ttcli.terminal.votes import votes_table

FRAME = 0.1  # seconds between two frames at least
_SHARE = 0.025  # of a processor's time, for drawing; a picture that takes longer is drawn less often
_LONGEST = 0.5  # seconds between two frames, whatever drawing takes
_BESIDE = 11  # cells of a candidate's line that are neither text nor tokens
_AROUND = 8  # lines that are neither candidates nor votes: heading, problem, counts of what is hidden, cost, prompt


def draw(state: RunState, *, lines: int, columns: int, marks: Marks) -> RenderableType:
    """The whole picture in about `lines` lines of so many columns."""
    if state.began is None:
        return Text()
    votes = state.ballot.votes[: max(3, lines // 3)]
    room = max(3, lines - _AROUND - (state.chose is not None) - len(votes))
    problem = cut(Text(marks.line(state.began.problem.text)), 2 * columns, marks)
    parts: list[RenderableType] = [Text(marks.line(words.heading(state.began)), style="bold")]
    if state.chose:
        parts.append(Text(marks.line(words.choice(state.chose))))
    if state.tree:
        parts += [problem, Lines(fitted(state.tree, room, columns, marks))]
    else:
        parts.append(tree := Tree(problem, guide_style="dim"))
        for line in _candidates(state, room, columns, marks):
            tree.add(line)
    if votes:
        parts.append(votes_table(state.ballot, votes, columns, marks))
    parts.append(Text(f"{words.used(state.cost, state.began.budget)}, {words.spending(state.cost)}", style="dim"))
    return Group(*parts)


def _candidates(state: RunState, room: int, columns: int, marks: Marks) -> Iterator[Text | Table]:
    """A line each for those that grow and the latest that ended; a count for the others."""
    shown = sorted(state.growing, reverse=True)[-room:] if len(state.growing) >= room else sorted(state.growing)
    ended = list(state.drawn)[-(room - len(shown)) :] if room > len(shown) else []
    leader = state.ballot.leader
    winners = set(leader.members) if leader else set()
    for index in sorted([*shown, *ended]):
        if index in state.drawn:
            yield _ended(state.drawn[index], marks, wins=index in winners and state.outcome is not None)
        else:
            yield _growing(index, state.growing[index], columns, marks)
    hidden = len(state.growing) + len(state.drawn) - len(shown) - len(ended)
    if hidden:
        yield Text(f"{marks.dots} and {hidden} more", style="dim")


def _growing(index: int, growing: Growing, columns: int, marks: Marks) -> Table:
    tokens = words.counted(growing.tokens, "token")
    line = _line(marks)
    line.add_row(
        Text(marks.grows, style="yellow"),
        f"{index + 1}",
        Text(newest(growing.tail, columns - _BESIDE - len(tokens), marks), style="dim"),
        Text(tokens, style="dim"),
    )
    return line


def _ended(candidate: Candidate, marks: Marks, *, wins: bool) -> Table:
    answered = candidate.answer is not None
    mark = marks.winner if wins else marks.answered if answered else marks.silent
    answer = Text(marks.line(words.answer(candidate)), style="bold green" if wins else "" if answered else "dim")
    if candidate.score is not None:
        answer.append(f"  {bar(candidate.score, SCORE_BAR, marks)} {candidate.score:.2f}", style="cyan")
    line = _line(marks)
    line.add_row(
        Text(mark, style="green" if answered else "red"),
        f"{candidate.index + 1}",
        answer,
        Text(words.length(candidate), style="dim"),
    )
    return line


def _line(marks: Marks) -> Table:
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column(width=1)
    line.add_column(justify="right", width=3)
    line.add_column(ratio=1, no_wrap=True, overflow=marks.overflow)
    line.add_column(justify="right", no_wrap=True, overflow=marks.overflow)
    return line


class LiveDisplay:
    """Redraws the tree when something happened, ten times a second at most; the last picture stays."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.thread_time,  # seconds that drawing took of it
    ) -> None:
        self._console = Console(file=cast(TextIO, Frames(stream)) if stream.isatty() else stream, highlight=False)
        self._marks = marks_for(self._console)
        self._state = RunState()
        redirect = sys.stdout.isatty()  # what is for a file does not go onto the terminal
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop", redirect_stdout=redirect)
        self._clock = clock
        self._processor = processor
        self._drawn_at = float("-inf")
        self._pause = FRAME
        self.frames = 0  # drawn

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._live.update(self._picture())
        finally:
            self._live.stop()  # draws it
        if not self._console.is_terminal:
            self._console.line()  # which Rich writes on a terminal only

    def show(self, event: Event) -> None:
        """Let an event into the picture; draw it if the last frame is old enough."""
        self._state.take(event)
        now = self._clock()
        if now - self._drawn_at >= self._pause or isinstance(event, RunFinished):
            self._drawn_at = now
            began = self._processor()
            self.frames += 1
            self._live.update(self._picture(), refresh=True)
            self._pause = min(max(FRAME, (self._processor() - began) / _SHARE), _LONGEST)

    def _picture(self) -> RenderableType:
        return draw(self._state, lines=self._console.height, columns=self._console.width, marks=self._marks)
