"""Runs of every method on scripted policies, and what must hold of the events of any run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

from ttcli.cost import Budget, Meter
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    Outcome,
    RunFinished,
    VoteUpdated,
)
from ttcli.interrupt import Interrupt
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.seams import Verifier
from ttcli.search.methods import parse_method
from ttcli.solution import Candidate

_Kind = TypeVar("_Kind")

PROBLEM = Problem("What is 2 + 2 ?")
FOUR = ScriptLine("Two and two.\n\nIt is \\boxed{4}.", score=0.9)
FIVE = ScriptLine("I guess \\boxed{5}", score=0.2)
NONE = ScriptLine("I do not know this at all.", score=0.1)
ENDLESS = ScriptLine("One and one and one and one and", score=0.1, length=True)

WORDS = ["so", "so\n\n", "\\boxed{4}", "\\boxed{5}", "\\boxed{6}"]
LINES = st.lists(
    st.builds(
        ScriptLine,
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join),
        logprob=st.floats(-3, 0),
        score=st.floats(0, 1),
        length=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Run:
    """A method on a script; a step of the policy takes `pace` seconds of a clock of its own."""

    lines: Sequence[ScriptLine]
    method: str = "majority"
    budget: Budget = field(default_factory=lambda: Budget(8))
    width: int = 4
    seed: int = 0
    pace: float = 0.0
    interrupt_at: int | None = None  # before this step, from 1
    max_tokens: int = 50
    verifier: Verifier | None = None  # None: the script's

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.interrupt = Interrupt(self.clock)
        self.steps = 0
        self.script = Script({"": list(self.lines)})
        self.policy = ScriptedPolicy(
            self.script, width=self.width, interrupted=self.interrupt, between=self._before_a_step
        )

    def _before_a_step(self) -> None:
        self.clock.now += self.pace
        self.steps += 1
        if self.steps == self.interrupt_at:
            self.interrupt.request()

    def meter(self) -> Meter:
        return Meter(
            self.budget, max_tokens=self.max_tokens, interrupted=lambda: self.interrupt.requested, clock=self.clock
        )

    def iterate(self) -> Iterator[Event]:
        verifier = self.verifier or ScriptedVerifier(self.script)
        return parse_method(self.method).run(PROBLEM, self.policy, verifier, self.meter(), seed=self.seed)

    def events(self) -> list[Event]:
        return list(self.iterate())

    def outcome(self) -> Outcome:
        return outcome_of(self.events())


def outcome_of(events: Sequence[Event]) -> Outcome:
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last.outcome


def of(kind: type[_Kind], events: Sequence[Event]) -> list[_Kind]:
    return [event for event in events if isinstance(event, kind)]


def check_order(events: Sequence[Event]) -> None:
    """What holds of the events of any run, however it ends."""
    opened: list[int] = []
    texts: dict[int, str] = {}
    tokens: dict[int, int] = {}
    drawn: dict[int, Candidate] = {}
    for event in events[:-1]:
        match event:
            case CandidateStarted(candidate=index):
                opened.append(index)
                texts[index], tokens[index] = "", 0
            case CandidateToken(candidate=index, text=text):
                assert index not in drawn
                texts[index] += text
                tokens[index] += 1
            case CandidateFinished(candidate=candidate):
                assert candidate.index not in drawn
                assert (candidate.text, candidate.tokens) == (texts[candidate.index], tokens[candidate.index])
                assert candidate.score is None
                drawn[candidate.index] = candidate
            case CandidateScored(candidate=candidate):
                assert drawn[candidate.index].score is None
                drawn[candidate.index] = candidate
            case RunFinished():
                raise AssertionError("Solved is the last event")
    assert opened == list(range(len(opened)))
    assert {index for index, count in tokens.items() if count} == set(drawn)
    outcome = outcome_of(events)
    assert outcome.candidates == tuple(drawn[index] for index in sorted(drawn))
    assert of(VoteUpdated, events)[-1].ballot == outcome.ballot
    assert outcome.answer == (outcome.ballot.leader.answer if outcome.ballot.leader else None)


def check_cost(events: Sequence[Event]) -> None:
    """That what is counted is what happened."""
    outcome = outcome_of(events)
    cost = outcome.cost
    prompt = len(PROBLEM.text.split())
    assert cost.generations == len(of(CandidateStarted, events))
    assert (
        cost.policy_tokens
        == len(of(CandidateToken, events))
        == sum(candidate.tokens for candidate in outcome.candidates)
    )
    assert cost.prompt_tokens == prompt
    assert cost.shared_tokens == prompt * len(outcome.candidates)
    assert cost.flops == 2 * (cost.policy_tokens + prompt)
    spent = [event.cost for event in of(CostUpdated, events)]
    assert all(before.tokens <= after.tokens for before, after in pairwise(spent))
    assert not spent or spent[-1] == cost
