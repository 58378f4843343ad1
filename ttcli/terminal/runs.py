"""What `ttc bench` and `ttc runs` print on stdout: the whole of a run, and the list of runs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from ttcli.bench.figures.answers import Answer
from ttcli.bench.figures.compare import Pairing
from ttcli.bench.figures.summary import Summary
from ttcli.bench.store.store import Run, RunProgress
from ttcli.printable import one_line
from ttcli.record.recording import Recorded
from ttcli.record.solves import Kept
from ttcli.terminal import tables
from ttcli.terminal.chart import accuracy_chart
from ttcli.terminal.columns import Column, table
from ttcli.terminal.marks import Marks, marks_for
from ttcli.terminal.revisions import revision_tables

_WORDS = 40  # characters of an answer or a problem


def answer_line(answer: Answer) -> str:
    """A method's answer to a problem, on one line."""
    if answer.error is not None:
        return f"{one_line(answer.id)}: failed: {one_line(answer.error)}"
    said = "no answer" if answer.answer is None else one_line(answer.answer)
    return f"{one_line(answer.id)}: {said}  ({answer.agree} of {answer.candidates} agree; {answer.method})"


def summary_lines(summary: Summary) -> list[str]:
    """Header, accuracy as a table and a chart, what is undecided, costs, groups, revisions."""
    width, marks = stdout_width(), stdout_marks()
    parts = (
        tables.run_header(summary, width=width, marks=marks),
        tables.accuracy_table(summary, width=width, marks=marks),
        tables.divided(summary, width=width, marks=marks),
        tables.undecided(summary, width=width, marks=marks),
        accuracy_chart([summary], width=min(width, 80), marks=marks) if summary.lines else [],
        tables.cost_tables(summary, width=width, marks=marks),
        tables.group_tables(summary, width=width, marks=marks),
        revision_tables(summary, width=width, marks=marks),
    )
    return _joined([part for part in parts if part])


def runs_lines(runs: Sequence[tuple[Run, RunProgress]]) -> list[str]:
    """A line per run."""
    when = [datetime.fromtimestamp(run.created).astimezone().strftime("%Y-%m-%d %H:%M") for run, _ in runs]
    columns = [
        Column("run", [run.id for run, _ in runs], left=True),
        Column("date", when, left=True, spare=2),
        Column("model", [run.config.model for run, _ in runs], left=True),
        Column("data", [run.config.data for run, _ in runs], left=True),
        Column("begun", [f"{progress.begun:,} of {progress.problems:,}" for _, progress in runs]),
        Column("failed", [f"{progress.failed:,}" for _, progress in runs], spare=3),
        Column("methods", [_methods(run) for run, _ in runs], left=True, folds=True, spare=1),
    ]
    return table(columns, stdout_width(), stdout_marks())


def solves_lines(solves: Sequence[tuple[Kept, Recorded]]) -> list[str]:
    """A line per run of ttc solve."""
    when = [datetime.fromtimestamp(kept.when).astimezone().strftime("%Y-%m-%d %H:%M") for kept, _ in solves]
    answers = [run.outcome.answer for _, run in solves]
    columns = [
        Column("id", [kept.id for kept, _ in solves], left=True),
        Column("date", when, left=True),
        Column("model", [run.began.model for _, run in solves], left=True),
        Column("method", [run.began.method for _, run in solves], left=True),
        Column("answer", ["none" if answer is None else one_line(answer)[:_WORDS] for answer in answers], left=True),
        Column("problem", [one_line(run.began.problem.text)[:_WORDS] for _, run in solves], left=True),
    ]
    return table(columns, stdout_width(), stdout_marks())


def comparison_lines(pairs: Sequence[Pairing], first: str, second: str) -> list[str]:
    """Two runs, method by method."""
    return tables.comparison_table(pairs, first, second, width=stdout_width(), marks=stdout_marks())


def _methods(run: Run) -> str:
    budgets: dict[str, list[str]] = {}
    for task in run.config.tasks:
        budgets.setdefault(task.name, []).append(str(task.budget))
    return ", ".join(f"{name}@{'/'.join(amounts)}" for name, amounts in budgets.items())


def _joined(parts: Sequence[list[str]]) -> list[str]:
    """The parts with a blank line between them."""
    return [line for part in parts for line in ("", *part)][1:]


def stdout_width() -> int:
    """Columns that tables may take."""
    return shutil.get_terminal_size((tables.WIDTH, 24)).columns if sys.stdout.isatty() else tables.WIDTH


def stdout_marks() -> Marks:
    """The signs that stdout can show."""
    return marks_for(Console(file=sys.stdout))
