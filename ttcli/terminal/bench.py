"""A bench as it goes: one plain line per problem, or a live panel on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ttcli.bench.execute.runner import Begun, Done, Going, WorkProgress
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.task import Task
from ttcli.events import (
    CandidateFinished,
    CandidateStarted,
    CandidateToken,
    Event,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    StepToken,
    VoteUpdated,
)
from ttcli.printable import one_line
from ttcli.seams import Display
from ttcli.stats.intervals import wilson
from ttcli.tally import Tally
from ttcli.terminal import words
from ttcli.terminal.frames import Frames
from ttcli.terminal.live import FRAME
from ttcli.terminal.marks import Marks, marks_for

Show = Literal["auto", "lines", "none"]


class BenchState:
    """What a display knows of a bench."""

    def __init__(self, problems: int, headline: Task, clock: Callable[[], float] = time.monotonic) -> None:
        self.problems = problems
        self.expected: float | None = None  # tokens to sample in this call, more or less; None: not known
        self.headline = headline
        self.done = 0
        self.failed = 0
        self.tokens = 0  # sampled in this call
        self.at_work: dict[str, _AtWork] = {}  # problems by id
        self.latest: str | None = None  # the problem that something happened on last
        self._done_now = 0
        self._right = 0.0
        self._graded = True  # the problems have reference answers
        self._clock = clock
        self._began: float | None = None  # with the first problem of this call

    def take(self, progress: WorkProgress) -> None:
        """Let something that happened change the picture."""
        match progress:
            case Begun(row=row):
                self._began = self._clock() if self._began is None else self._began
                self.at_work[row.problem.id] = _AtWork(row.problem.id)
            case Going(row=row, task=task, event=event):
                problem = self.at_work.get(row.problem.id)
                if problem is None or problem.task != task:
                    problem = self.at_work[row.problem.id] = _AtWork(row.problem.id, task)
                problem.take(event)
                self.latest = row.problem.id
                self.tokens += isinstance(event, CandidateToken | StepToken)
            case Done(figures=figures, now=now):
                self.at_work.pop(figures.row.problem.id, None)
                self.done += 1
                self._done_now += now
                self.failed += bool(figures.failed)
                figure = figures.figure(self.headline)
                self._right += figure.accuracy if figure else 0.0
                self._graded = figures.row.problem.answer is not None

    @property
    def accuracy(self) -> str:
        """The running accuracy of the headline, with its interval."""
        if not self.done:
            return "no problem done yet"
        if not self._graded:
            return f"{self.headline.key}, not graded"
        interval = wilson(min(self._right, self.done), self.done)
        return (
            f"{self.headline.key} {self._right / self.done:.1%} "
            f"({interval.low:.0%} to {interval.high:.0%}) of {words.counted(self.done, 'problem')}"
        )

    @property
    def speed(self) -> float | None:
        """Sampled tokens per second of this call; None before there are any."""
        elapsed = self._clock() - self._began if self._began is not None else 0.0
        return self.tokens / elapsed if elapsed > 0 and self.tokens else None

    @property
    def total(self) -> float | None:
        """Tokens of this call, more or less: by its problems that are done, or as it was expected; None: not known."""
        if not self._done_now:
            return self.expected
        per_problem = self.tokens / (self._done_now + len(self.at_work) / 2)
        return per_problem * (self._done_now + self.problems - self.done)

    @property
    def left(self) -> float | None:
        """Seconds until the end, by the problems of this call, or by its tokens before one is done; None: not known."""
        if self._began is None:
            return None
        if not self._done_now:
            speed = self.speed
            return max(self.expected - self.tokens, 0) / speed if speed and self.expected else None
        # those at work are half done, on the average
        equivalent = self._done_now + len(self.at_work) / 2
        return (self._clock() - self._began) / equivalent * max(self.problems - self.done - len(self.at_work) / 2, 0)


class _AtWork:
    """A problem in work, on one line."""

    def __init__(self, name: str, task: Task | None = None) -> None:
        self.name = name
        self.task = task
        self.growing = 0  # candidates, or steps of a search
        self.ballot = Tally()
        self.round = 0  # of a search down a tree, that is at work; 0: candidates are drawn in one go
        self.best: float | None = None  # score of a step in the last round that has any, in [0, 1]
        self._scoring = False  # the round has scores

    def take(self, event: Event) -> None:
        """Let an event change the line."""
        match event:
            case CandidateStarted():
                self.growing += 1
            case StepStarted(node=number):
                self.growing = 1 if number == 1 else self.growing + 1  # a second attempt begins anew
                self.round = 1 if number == 1 else self.round
            case StepFinished():
                self.growing = max(0, self.growing - 1)
            case CandidateFinished(candidate=candidate) if candidate.node is None:
                self.growing = max(0, self.growing - 1)
            case StepScored(score=score):
                self.best = max(score, self.best) if self._scoring and self.best is not None else score
                self._scoring = True
            case StepsSelected(round=number):
                self.round, self.growing, self._scoring = number + 1, 0, False
            case VoteUpdated(ballot=ballot):
                self.ballot = ballot


def bench_display(show: Show, stream: TextIO, state: BenchState) -> Display[WorkProgress]:
    """The display asked for; `auto` is a live panel on a terminal and plain lines elsewhere."""
    if show == "auto" and stream.isatty():
        return LiveBench(stream, state)
    return BenchLines(None if show == "none" else stream, state)


class BenchLines:
    """One line per problem."""

    def __init__(self, stream: TextIO | None, state: BenchState) -> None:
        self._stream = stream
        self._state = state

    def __enter__(self) -> BenchLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, progress: WorkProgress) -> None:
        """Write a line for a problem that is done."""
        self._state.take(progress)
        if isinstance(progress, Done) and progress.now and self._stream is not None:
            self._stream.write(f"{verdict(progress.figures, self._state)}\n")
            self._stream.flush()


class LiveBench(BenchLines):
    """A panel that stays at the bottom, drawn ten times a second at most."""

    def __init__(self, stream: TextIO, state: BenchState) -> None:
        super().__init__(None, state)
        self._console = Console(file=cast(TextIO, Frames(stream)))
        self._marks = marks_for(self._console)
        redirect = sys.stdout.isatty()  # lines on the same terminal go above the panel, those for a file stay there
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=redirect)
        self._drawn = 0.0

    def __enter__(self) -> LiveBench:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: WorkProgress) -> None:
        """Draw the panel, if the last time is long enough ago."""
        super().show(progress)
        now = time.monotonic()
        if now - self._drawn >= FRAME:
            self._drawn = now
            self._live.update(panel(self._state, self._console.width, self._marks), refresh=True)


def panel(state: BenchState, columns: int, marks: Marks) -> RenderableType:
    """Problems done, accuracy, speed, time left, and the problem in work on one line."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(state.problems, state.done, width=max(10, min(40, columns - 30))),
        Text(f"{state.done} of {words.counted(state.problems, 'problem')}"),
    )
    facts = [state.accuracy]
    if state.failed:
        facts.append(f"{state.failed} failed")
    pace = []
    if state.tokens and (total := state.total):
        pace.append(f"{state.tokens:,} of about {max(total, state.tokens):,.0f} tokens")
    if (speed := state.speed) is not None:
        pace.append(f"{speed:,.0f} tokens/s")
    if (left := state.left) is not None:
        pace.append(f"{words.duration(left)} left")
    pace.append(f"{len(state.at_work)} in work")
    lines = [marks.line(", ".join(facts)), marks.line(", ".join(pace)), _in_work(state, marks)]
    return Group(bar, *(Text(line, no_wrap=True, overflow=marks.overflow) for line in lines if line))


def _in_work(state: BenchState, marks: Marks) -> str:
    """The problem that something happened on last, with its tree in one line."""
    problem = state.at_work.get(state.latest or "")
    if problem is None:
        return ""
    ballot = problem.ballot
    votes = "  ".join(f"{one_line(vote.answer)} {marks.answered * len(vote.members)}" for vote in ballot.votes)
    silent = marks.silent * ballot.abstained
    search = _search(problem) if problem.round else marks.grows * problem.growing
    tree = "  ".join(filter(None, [votes, silent, search]))
    return marks.line(f"{problem.name}, {problem.task.key if problem.task else ''}: {tree}")


def _search(problem: _AtWork) -> str:
    """Where a search down a tree is."""
    told = [f"round {problem.round}"]
    if problem.growing:
        told.append(f"{problem.growing} growing")
    if problem.best is not None:
        told.append(f"best {problem.best:.2f}")
    return ", ".join(told)


def verdict(figures: ProblemFigures, state: BenchState) -> str:
    """A problem that is done, on one line."""
    right = sum(figures.samples.correct) if figures.samples is not None else 0
    figure = figures.figure(state.headline)
    graded = figures.row.problem.answer is not None
    word = "failed" if figures.failed else "done" if not graded else "right" if figure and figure.right else "wrong"
    drawn = f", {right} of {words.counted(len(figures.facts), 'sample')} right" if figures.facts and graded else ""
    reason = f": {next(iter(figures.failed.values()))}" if figures.failed else ""
    return one_line(f"{state.done}/{state.problems} {figures.row.problem.id}: {word}{reason}{drawn}; {state.accuracy}")
