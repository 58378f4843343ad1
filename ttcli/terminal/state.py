"""What a display knows of a run, gathered from its events."""

from __future__ import annotations

from dataclasses import dataclass, field

from ttcli.cost import Cost
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    MethodChosen,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    StepToken,
    TextMended,
    VoteUpdated,
)
from ttcli.record.tree import SearchTree, grown_tail, mended
from ttcli.solution import Candidate
from ttcli.tally import Tally


@dataclass(slots=True)
class Growing:
    """A candidate in the making."""

    tokens: int = 0
    tail: str = ""


@dataclass(slots=True)
class RunState:
    """The picture so far."""

    began: RunStarted | None = None
    chose: MethodChosen | None = None
    growing: dict[int, Growing] = field(default_factory=dict)  # by index
    drawn: dict[int, Candidate] = field(default_factory=dict)  # by index
    tree: SearchTree = field(default_factory=SearchTree)  # empty where candidates are drawn in one go
    ballot: Tally = field(default_factory=Tally)
    cost: Cost = field(default_factory=Cost)
    outcome: Outcome | None = None

    def take(self, event: Event) -> None:
        """Let an event change the picture."""
        match event:
            case RunStarted():
                self.began = event
            case MethodChosen():
                self.chose = event
            case CandidateStarted(candidate=index):
                self.growing[index] = Growing()
            case CandidateToken(candidate=index, text=text, thought=thought):
                growing = self.growing[index]
                growing.tokens += 1
                growing.tail = grown_tail(growing.tail, text, thought=thought)
            case TextMended(candidate=int() as index, repair=repair):
                self.growing[index].tail = mended(self.growing[index].tail, repair)
            case StepStarted() | StepToken() | TextMended() | StepFinished() | StepScored() | StepsSelected():
                self.tree.take(event)
            case CandidateFinished(candidate=candidate) | CandidateScored(candidate=candidate):
                self.growing.pop(candidate.index, None)
                self.drawn[candidate.index] = candidate
                self.tree.end(candidate)
            case VoteUpdated(ballot=ballot):
                self.ballot = ballot
            case CostUpdated(cost=cost):
                self.cost = cost
            case RunFinished(outcome=outcome):
                self.outcome = outcome
                self.ballot, self.cost = outcome.ballot, outcome.cost
                self.tree.settle(outcome)
                # texts are answers only now, where nobody has another one
                self.drawn.update({each.index: each for each in outcome.candidates if each.index in self.drawn})
                self.growing.clear()  # begun when the run was stopped, before their first token
