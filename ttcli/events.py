"""What happens while a problem is being solved. Displays, records and tests live on these alone."""

from __future__ import annotations

from dataclasses import dataclass

from ttcli.cost import Budget, Cost, Stopped
from ttcli.problem import Problem
from ttcli.solution import Candidate, Node, Repair
from ttcli.tally import Tally


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began."""

    problem: Problem
    method: str
    model: str
    verifier: str | None
    budget: Budget
    seed: int
    repair: str | None = None  # what mends the texts, and why; None: nothing does
    reviser: str | None = None  # what draws the revisions in the model's place; None: nothing does


@dataclass(frozen=True, slots=True)
class CandidateStarted:
    """A candidate was begun."""

    candidate: int  # its index


@dataclass(frozen=True, slots=True)
class CandidateToken:
    """A candidate took a token."""

    candidate: int
    text: str  # that became readable with it
    thought: bool = False  # whether it is part of a thought


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step of a search tree was begun."""

    node: int  # its number
    parent: int  # the number of the step it grows from; 0: the prompt
    rollout: bool = False  # it is drawn greedily to look ahead


@dataclass(frozen=True, slots=True)
class StepToken:
    """A step of a search tree took a token."""

    node: int
    text: str  # that became readable with it
    thought: bool = False  # whether it is part of a thought


@dataclass(frozen=True, slots=True)
class TextMended:
    """A wrong number in a text that grows was put right; what stood behind it is gone, and drawn anew."""

    candidate: int | None  # its index; None: it is a step
    node: int | None  # the number of the step; None: it is a candidate
    repair: Repair


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step of a search tree is complete, or was cut."""

    node: Node


@dataclass(frozen=True, slots=True)
class StepScored:
    """A verifier scored the path down to a step of a search tree."""

    node: int
    score: float  # in [0, 1]


@dataclass(frozen=True, slots=True)
class StepsSelected:
    """A round of a search is over: which steps go on, and which are given up."""

    round: int  # from 1
    kept: tuple[int, ...]  # a number as often as there will be steps from it, where the method allots them
    pruned: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CandidateFinished:
    """A candidate is complete, or was cut."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class CandidateScored:
    """A verifier scored a candidate."""

    candidate: Candidate  # with its score


@dataclass(frozen=True, slots=True)
class VoteUpdated:
    """The vote over the candidates so far."""

    ballot: Tally


@dataclass(frozen=True, slots=True)
class CostUpdated:
    """What the run has cost so far; after every decode."""

    cost: Cost


@dataclass(frozen=True, slots=True)
class MethodChosen:
    """The first samples have told how hard the problem is, and so how the rest of the budget is spent."""

    difficulty: float  # the chance that one sample is right, in (0, 1)
    bin: int  # of the profile, from 1, the easiest
    bins: int  # that the profile has
    method: str
    expected: float | None  # accuracy on such problems, in [0, 1]; None: not known
    gain: float  # in accuracy over the simple way, as far as it is believed; 0: nothing is shown to be better
    baseline: str  # the simple way


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    answer: str | None  # None: no candidate gave one
    ballot: Tally
    candidates: tuple[Candidate, ...]  # by index
    cost: Cost
    stopped: Stopped | None  # why it ended before its method was done; None: it was done
    tree: tuple[Node, ...] = ()  # of a search down a tree, by number; () where candidates are drawn in one go
    chose: MethodChosen | None = None  # None: the method was the same from the beginning


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over: its last event."""

    outcome: Outcome


TokenEvent = CandidateToken | StepToken | CostUpdated  # too many to be kept

Event = (
    RunStarted
    | CandidateStarted
    | CandidateToken
    | StepStarted
    | StepToken
    | TextMended
    | StepFinished
    | StepScored
    | StepsSelected
    | MethodChosen
    | CandidateFinished
    | CandidateScored
    | VoteUpdated
    | CostUpdated
    | RunFinished
)
