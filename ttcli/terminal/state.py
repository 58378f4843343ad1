"""What a display knows of a run, gathered from its events."""

from __future__ import annotations

from dataclasses import dataclass, field

from ttcli.ballot import Ballot
from ttcli.cost import Cost
from ttcli.events import Began, Drawn, Event, Grew, Opened, Outcome, Scored, Solved, Spent, Voted
from ttcli.tree import Candidate

_TAIL = 400  # characters kept of a text in the making: more than any terminal shows of it


@dataclass(slots=True)
class Growing:
    """A candidate in the making."""

    tokens: int = 0
    tail: str = ""


@dataclass(slots=True)
class RunState:
    """The picture so far."""

    began: Began | None = None
    growing: dict[int, Growing] = field(default_factory=dict)  # by index
    drawn: dict[int, Candidate] = field(default_factory=dict)  # by index
    ballot: Ballot = field(default_factory=Ballot)
    cost: Cost = field(default_factory=Cost)
    outcome: Outcome | None = None

    def take(self, event: Event) -> None:
        """Let an event change the picture."""
        match event:
            case Began():
                self.began = event
            case Opened(candidate=index):
                self.growing[index] = Growing()
            case Grew(candidate=index, text=text):
                growing = self.growing[index]
                growing.tokens += 1
                growing.tail = (growing.tail + text)[-_TAIL:]
            case Drawn(candidate=candidate):
                self.growing.pop(candidate.index, None)
                self.drawn[candidate.index] = candidate
            case Scored(candidate=candidate):
                self.drawn[candidate.index] = candidate
            case Voted(ballot=ballot):
                self.ballot = ballot
            case Spent(cost=cost):
                self.cost = cost
            case Solved(outcome=outcome):
                self.outcome = outcome
                self.ballot, self.cost = outcome.ballot, outcome.cost
                self.growing.clear()  # begun when the run was stopped, before their first token
