"""What `ttc grade` shows: a bar while it grades, then what was not right and how many were."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ttcli.bench.figures.numbers import bounds, percent
from ttcli.data.responses import Grade, Response
from ttcli.stats.intervals import wilson
from ttcli.terminal import words
from ttcli.terminal.marks import Marks, marks_for

Verdicts = Mapping[bool | None, int]  # how many rows are right, wrong, without an answer

_SHOWN = 20  # rows that are not right


@contextmanager
def grading_bar(rows: Sequence[Response], *, shown: bool) -> Iterator[Iterable[Response]]:
    """The rows, counted by a bar where stderr is a terminal."""
    if not (shown and sys.stderr.isatty()):
        yield rows
        return
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        yield bar.track(rows)


def summary(verdicts: Verdicts, ungraded: int) -> str:
    """How many are right, on one line; `ungraded`: of the wrong ones, took too long to compare."""
    n = sum(verdicts.values())
    counts = f"{verdicts[True]:,} right, {verdicts[False]:,} wrong, {verdicts[None]:,} without an answer"
    unreplied = f"{words.counted(ungraded, 'comparison')} got no reply"
    return f"{words.counted(n, 'row')}: {counts}; accuracy {_accuracy(verdicts)}; {unreplied}"


def print_grades(verdicts: Verdicts, ungraded: int, wrong: Sequence[tuple[Response, Grade]]) -> None:
    """The first rows that are not right, then the summary as a table."""
    console = Console(file=sys.stdout, highlight=False)
    marks = marks_for(console)
    if wrong:
        console.print(_wrong_table(wrong[:_SHOWN], marks))
        if len(wrong) > _SHOWN:
            console.print(Text(f"{marks.dots} and {len(wrong) - _SHOWN:,} more that are not right", style="dim"))
        console.print()
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, number in (
        ("right", verdicts[True]),
        ("wrong", verdicts[False]),
        ("no answer", verdicts[None]),
        ("all", sum(verdicts.values())),
        ("comparisons without a reply", ungraded),
    ):
        table.add_row(name, f"{number:,}")
    console.print(table)
    console.print(f"accuracy {_accuracy(verdicts)}", soft_wrap=True)


def _wrong_table(wrong: Sequence[tuple[Response, Grade]], marks: Marks) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True, overflow=marks.overflow)
    table.add_row("line", "reference", "extracted", style="bold")
    for response, verdict in wrong:
        cells = (response.reference, verdict.extracted)
        told = [Text("no answer", style="dim") if cell is None else Text(marks.line(cell)) for cell in cells]
        table.add_row(f"{response.line:,}", *told)
    return table


def _accuracy(verdicts: Verdicts) -> str:
    """With Wilson's interval of 95 %; no answer is wrong."""
    n = sum(verdicts.values())
    return f"{percent(verdicts[True] / n)} ({bounds(wilson(verdicts[True], n))})"
