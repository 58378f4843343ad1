"""What revising did in a run, attempt by attempt."""

from __future__ import annotations

from ttcli.bench.figures.numbers import part
from ttcli.bench.figures.summary import Revisions, Summary
from ttcli.terminal.columns import Column, table
from ttcli.terminal.marks import UNICODE, Marks
from ttcli.terminal.tables import WIDTH


def revision_tables(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """For each method that revises: how many of the k-th attempts are right, and which way these have turned."""
    lines: list[str] = []
    for revision in summary.revisions:
        title = f"{revision.task}: attempts by their place in the chain, with 95 % intervals"
        lines += [*([""] if lines else []), marks.line(title), "", *_table(revision, width, marks)]
    return lines


def _table(revisions: Revisions, width: int, marks: Marks) -> list[str]:
    steps = revisions.steps
    columns = [
        Column("attempt", [f"{step.place + 1}" for step in steps]),
        Column("right", [part(step.right) for step in steps]),
        Column("right to wrong", [part(step.spoiled) for step in steps]),
        Column("wrong to right", [part(step.mended) for step in steps]),
    ]
    return table(columns, width, marks)
