"""What a client is shown of a search while it goes on: a line for each thing worth knowing."""

from __future__ import annotations

from collections.abc import Iterator

from ttcli.events import CandidateStarted, Event, MethodChosen, StepsSelected, VoteUpdated
from ttcli.printable import one_line
from ttcli.serve.plan import Plan
from ttcli.tally import Tally

_SHOWN = 3  # answers of a vote
_LONG = 40  # characters of an answer


class Progress:
    """Turns the events of a search into lines."""

    def __init__(self, plan: Plan) -> None:
        self._budget = str(plan.budget) if plan.budget.unit == "generations" else None
        self._growing = False
        self._told = Tally()

    def lines(self, event: Event) -> Iterator[str]:
        """What to say of an event; mostly nothing."""
        match event:
            case CandidateStarted() if not self._growing:
                self._growing = True
                yield "drawing candidates"
            case MethodChosen(method=method):
                yield f"going on with {method}"
            case StepsSelected(round=number, kept=kept, pruned=pruned):
                yield f"round {number}: {len(kept)} steps go on, {len(pruned)} are given up"
            case VoteUpdated(ballot=ballot) if ballot != self._told:
                self._told = ballot
                yield self._vote(ballot)

    def _vote(self, ballot: Tally) -> str:
        of = f" of {self._budget}" if self._budget else ""
        drawn = ballot.abstained + sum(len(vote.members) for vote in ballot.votes)
        votes = [f"{_brief(vote.answer)} x {len(vote.members)}" for vote in ballot.votes[:_SHOWN]]
        if len(ballot.votes) > _SHOWN:
            votes.append(f"{len(ballot.votes) - _SHOWN} more")
        if ballot.abstained:
            votes.append(f"no answer x {ballot.abstained}")
        return f"{drawn}{of} candidates: {', '.join(votes)}" if drawn else "no candidate yet"


def _brief(answer: str) -> str:
    line = one_line(answer)
    return line if len(line) <= _LONG else f"{line[: _LONG - 1]}…"
