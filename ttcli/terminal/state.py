"""What a display knows of a run, gathered from its events."""

from __future__ import annotations

from dataclasses import dataclass, field

from ttcli.cost import Cost
from ttcli.events import (
    Began,
    Chose,
    Drawn,
    Event,
    Forked,
    Grew,
    Opened,
    Outcome,
    Scored,
    Selected,
    Solved,
    Spent,
    Stepped,
    Valued,
    Voted,
    Wrote,
)
from ttcli.record.tree import TAIL, SearchTree
from ttcli.solution import Candidate
from ttcli.tally import Ballot


@dataclass(slots=True)
class Growing:
    """A candidate in the making."""

    tokens: int = 0
    tail: str = ""


@dataclass(slots=True)
class RunState:
    """The picture so far."""

    began: Began | None = None
    chose: Chose | None = None
    growing: dict[int, Growing] = field(default_factory=dict)  # by index
    drawn: dict[int, Candidate] = field(default_factory=dict)  # by index
    tree: SearchTree = field(default_factory=SearchTree)  # empty where candidates are drawn in one go
    ballot: Ballot = field(default_factory=Ballot)
    cost: Cost = field(default_factory=Cost)
    outcome: Outcome | None = None

    def take(self, event: Event) -> None:
        """Let an event change the picture."""
        match event:
            case Began():
                self.began = event
            case Chose():
                self.chose = event
            case Opened(candidate=index):
                self.growing[index] = Growing()
            case Grew(candidate=index, text=text):
                growing = self.growing[index]
                growing.tokens += 1
                growing.tail = (growing.tail + text)[-TAIL:]
            case Forked() | Wrote() | Stepped() | Valued() | Selected():
                self.tree.take(event)
            case Drawn(candidate=candidate) | Scored(candidate=candidate):
                self.growing.pop(candidate.index, None)
                self.drawn[candidate.index] = candidate
                self.tree.end(candidate)
            case Voted(ballot=ballot):
                self.ballot = ballot
            case Spent(cost=cost):
                self.cost = cost
            case Solved(outcome=outcome):
                self.outcome = outcome
                self.ballot, self.cost = outcome.ballot, outcome.cost
                self.tree.settle(outcome)
                self.growing.clear()  # begun when the run was stopped, before their first token
