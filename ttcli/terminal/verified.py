"""What `ttc verify` prints on a terminal: each solution with its steps, each step with its score."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from ttcli.runtime.verify import Verified
from ttcli.terminal import words
from ttcli.terminal.fit import SCORE_BAR, bar
from ttcli.terminal.marks import Marks, marks_for

_MARGIN = " " * (SCORE_BAR + 7)  # beside a step's further lines: bar, score and the spaces between


def print_verified(verified: Verified) -> None:
    """One solution."""
    console = Console(file=sys.stdout, highlight=False)
    marks, scores = marks_for(console), verified.scores
    heading = Text(marks.line(verified.solution.id), style="bold")
    heading.append("  ").append_text(_score(scores.score, marks) if scores else Text("too long for the verifier"))
    console.print(heading)
    known = scores.steps if scores else ()
    for number, step in enumerate(verified.steps):
        score = _score(known[number], marks) if number < len(known) else Text(_MARGIN.strip())
        _print_step(step, score, console, marks)
    console.print()


def _print_step(step: str, score: Text, console: Console, marks: Marks) -> None:
    """The lines of a step, its score beside the first."""
    lines = [marks.line(line) for line in step.strip().splitlines()] or [""]
    wrapped = [part for line in lines for part in Text(line).wrap(console, max(20, console.width - len(_MARGIN)))]
    for number, line in enumerate(wrapped):
        line.rstrip()
        beside = Text().append_text(score) if number == 0 else Text()  # the style of the score is not that of the step
        beside.pad_right(len(_MARGIN) - beside.cell_len)
        console.print(beside.append_text(line), soft_wrap=True)


def _score(score: float, marks: Marks) -> Text:
    """A score as a bar and a number; its colour says no more than these."""
    style = "green" if score >= 2 / 3 else "yellow" if score >= 1 / 3 else "red"
    return Text(f"{bar(score, SCORE_BAR, marks)} {score:.2f}", style=style)


def summary(count: int, tokens: int) -> str:
    """What was done."""
    return f"{words.counted(count, 'solution')} verified, {words.counted(tokens, 'token')}"
