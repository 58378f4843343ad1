"""A ballot as bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from ttcli.tally import AnswerClass, Tally
from ttcli.terminal.marks import Marks

_BAR = 24  # cells of the longest bar, on a terminal that has the room
_ANSWER = 9  # cells that an answer has at least: "no answer"


def votes_table(ballot: Tally, votes: Sequence[AnswerClass], columns: int, marks: Marks) -> Table:
    """These of the votes, the first of them at least, and a count of the others."""
    widest = min(_BAR, columns // 3)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, overflow=marks.overflow, max_width=max(_ANSWER, columns // 3))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    heaviest = max(vote.weight for vote in votes) or 1.0
    for rank, vote in enumerate(votes):
        count = (
            f"{len(vote.members)}" if vote.weight == len(vote.members) else f"{len(vote.members)}, {vote.weight:.2f}"
        )
        style = "bold green" if rank == 0 else ""
        bar = marks.full * max(1, round(widest * vote.weight / heaviest))
        table.add_row(Text(marks.line(vote.answer), style=style), Text(bar, style=style or "blue"), count)
    hidden = len(ballot.votes) - len(votes)
    if hidden:
        table.add_row(Text(f"{marks.dots} and {hidden} more", style="dim"))
    if ballot.abstained:
        table.add_row(Text("no answer", style="dim"), "", f"{ballot.abstained}")
    return table
