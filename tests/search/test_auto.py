"""Probe, ask, spend the rest: whatever is chosen, the probes count and the budget holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count as counting
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.runs import FIVE, FOUR, LINES, NONE, PROBLEM, Run, check_order, of, outcome_of
from ttcli.cost import Budget, Meter, Stopped, Unit
from ttcli.errors import UsageError
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CostUpdated,
    Event,
    MethodChosen,
    Outcome,
    VoteUpdated,
)
from ttcli.policy.script import ScriptLine
from ttcli.policy.scripted import ScriptedVerifier
from ttcli.record.encode import outcome_record
from ttcli.record.recording import as_tree, read_outcome
from ttcli.search.method import Advice
from ttcli.search.methods import METHODS, parse_method
from ttcli.solution import Candidate

WAYS = ["adaptive", "majority", "best-of-n", "best-of-n-plain", "beam", "beam:m=sqrt", "dvts", "lookahead:k=1",
        "rebase", "particles", "revise", "revise:ratio=1", "search-revise"]  # fmt: skip


@dataclass
class Fixed:
    """Always gives the same advice, and knows what it was asked."""

    method: str
    probes: int = 4
    asked: list[tuple[list[Candidate], float]] = field(default_factory=list)

    def advise(self, probes: Sequence[Candidate], generations: float) -> Advice:
        self.asked.append((list(probes), generations))
        return Advice(MethodChosen(0.25, 4, 5, self.method, 0.5, 0.0, "majority"), parse_method(self.method))


@dataclass
class Auto(Run):
    """A run of auto under a fixed adviser."""

    method: str = "auto"
    way: str = "majority"
    scored: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adviser = Fixed(self.way)

    def events(self) -> list[Event]:
        meter = Meter(
            self.budget, max_tokens=self.max_tokens, interrupted=lambda: self.interrupt.requested, clock=self.clock
        )
        verifier = ScriptedVerifier(self.script) if self.scored else None
        run = METHODS["auto"].run(PROBLEM, self.policy, verifier, meter, seed=self.seed, adviser=self.adviser)
        events = list(run)
        assert not self.policy.live
        assert verifier is None or not verifier.live
        return events


def check(events: Sequence[Event]) -> Outcome:
    """What holds of any run: indices in order, the vote is the last one told, what is spent adds up."""
    outcome = outcome_of(events)
    indices = [each.index for each in outcome.candidates]  # of a chain that was cut short some are missing
    assert indices == sorted(set(indices))
    latest = {
        event.candidate.index: event.candidate
        for event in events
        if isinstance(event, CandidateFinished | CandidateScored)
    }
    assert latest == {each.index: replace(each, places=None) for each in outcome.candidates}
    assert of(VoteUpdated, events)[-1].ballot == outcome.ballot
    assert outcome.answer == (outcome.ballot.leader.answer if outcome.ballot.leader else None)
    spent = [event.cost for event in of(CostUpdated, events)]
    assert all(before.tokens <= after.tokens for before, after in pairwise(spent))
    assert not spent or spent[-1].policy_tokens == outcome.cost.policy_tokens
    assert read_outcome(json.loads(json.dumps(outcome_record(outcome)))) == outcome
    return outcome


def test_without_an_adviser_it_is_adaptive() -> None:
    lines = [FOUR, FIVE, NONE]
    assert Run(lines, "auto").events() == Run(lines, "adaptive").events()


@settings(deadline=None, max_examples=150)
@given(LINES, st.sampled_from(WAYS), st.integers(1, 24), st.integers(0, 3), st.integers(1, 6))
def test_the_budget_holds_and_the_probes_are_the_usual_first_samples(
    lines: list[ScriptLine], way: str, budget: int, seed: int, width: int
) -> None:
    run = Auto(lines, way=way, budget=Budget(budget), seed=seed, width=width)
    events = run.events()
    outcome = check(events)
    assert outcome.cost.generations <= budget
    assert outcome.stopped is None
    usual = Run(lines, "best-of-n", budget=Budget(min(4, budget)), seed=seed, width=width).outcome()
    assert outcome.candidates[:4] == usual.candidates
    chosen = of(MethodChosen, events)
    assert outcome.chose == (chosen[0] if chosen else None)
    assert len(chosen) == (budget >= 4)
    if budget >= 4:
        ((probes, generations),) = run.adviser.asked
        assert (tuple(probes), generations) == (usual.candidates, budget)
    if way not in ("adaptive", "lookahead:k=1", "search-revise"):  # which need not spend all of it
        assert outcome.cost.generations == budget


@pytest.mark.parametrize("way", ["majority", "best-of-n", "best-of-n-plain"])
def test_a_vote_goes_on_with_the_samples_that_it_would_have_drawn_alone(way: str) -> None:
    lines = [FOUR, FIVE, FIVE, NONE]
    outcome = check(Auto(lines, way=way, budget=Budget(9)).events())
    alone = Run(lines, way, budget=Budget(9)).outcome()
    assert [each.text for each in outcome.candidates] == [each.text for each in alone.candidates]
    votes, votes_alone = outcome.ballot.votes, alone.ballot.votes
    assert [(each.members, each.weight) for each in votes] == [(each.members, each.weight) for each in votes_alone]
    check_order(Auto(lines, way=way, budget=Budget(9)).events())


def test_adaptive_stops_at_the_probes_where_these_settle_the_vote() -> None:
    outcome = check(Auto([FOUR], way="adaptive", budget=Budget(16)).events())
    assert len(outcome.candidates) == 4
    assert outcome.answer == "4"


def test_a_search_has_what_the_probes_leave_and_both_vote() -> None:
    events = Auto([FOUR, FIVE], way="beam", budget=Budget(12)).events()
    outcome = check(events)
    assert len([each for each in outcome.candidates if each.node is None]) == 4
    assert [each.candidate for each in of(CandidateStarted, events)] == [0, 1, 2, 3]
    assert outcome.tree
    assert outcome.cost.generations == 12
    members = {index for vote in outcome.ballot.votes for index in vote.members}
    assert members & {0, 1, 2, 3}
    assert members - {0, 1, 2, 3}
    shown = as_tree(outcome)
    assert all(each.node is not None for each in shown.candidates)
    assert len(shown.tree) == len(outcome.tree) + 4


def test_particles_vote_beside_the_probes_as_often_as_they_have_places() -> None:
    short = ScriptLine("it is \\boxed{5}", score=0.6)
    slow = ScriptLine("at first\n\nand then\n\nit is \\boxed{4}", scores=(0.5, 0.6, 0.8))
    outcome = check(Auto([short, slow, slow], way="particles", budget=Budget(16), seed=1).events())
    placed = {each.index: each.places for each in outcome.candidates if each.node is not None}
    assert sum(placed.values()) == 12  # type: ignore[arg-type]
    assert {0} < {*placed.values()}  # some were not drawn, and some have places
    assert max(places or 0 for places in placed.values()) > 1
    members = {index for vote in outcome.ballot.votes for index in vote.members}
    assert members == {each.index for each in outcome.candidates if each.places != 0}
    for vote in outcome.ballot.votes:
        scores = [outcome.candidates[index].score * placed.get(index, 1) for index in vote.members]  # type: ignore
        assert vote.weight == pytest.approx(sum(scores))


def test_what_a_search_cannot_divide_goes_into_samples() -> None:
    # 7 are left, and beams come in fours
    outcome = check(Auto([FOUR, FIVE], way="beam:m=4", budget=Budget(11)).events())
    assert len([each for each in outcome.candidates if each.node is None]) == 7
    assert outcome.cost.generations == 11


@pytest.mark.parametrize(
    ("way", "budget", "chains", "attempts"),
    [
        ("revise:ratio=16", 16, 1, 12),
        ("revise:ratio=1", 16, 3, 4),  # 3/4 is as near as 4/3, which has the longer chains
        ("revise:ratio=1/4", 16, 6, 2),
        ("revise:ratio=1", 8, 2, 2),
    ],
)
def test_chains_keep_their_shape_on_what_is_left(way: str, budget: int, chains: int, attempts: int) -> None:
    outcome = check(Auto([FOUR, FIVE], way=way, budget=Budget(budget)).events())
    revised = [each for each in outcome.candidates if each.chain is not None]
    assert len(revised) == budget - 4
    assert {each.chain for each in revised} == set(range(chains))
    assert {each.attempt for each in revised} == set(range(attempts))


REVISED = [  # a first try is right in one of three; the second revision mends what is wrong, and it stays right
    ScriptLine("It is \\boxed{5}.", score=0.5),
    ScriptLine("I say \\boxed{5}.", score=0.5),
    ScriptLine("Two and two: \\boxed{4}.", score=0.5),
    ScriptLine("Rather \\boxed{6}.", score=0.5, after="boxed{5}"),
    ScriptLine("No, \\boxed{4}.", score=0.5, after="boxed{6}"),
    ScriptLine("Again \\boxed{4}.", score=0.5, after="boxed{4}"),
]


@pytest.mark.parametrize("scored", [True, False])
def test_chains_that_are_always_right_alone_are_as_right_after_the_probes(scored: bool) -> None:
    """The probes and the attempts of a chain have a vote each: four lone ones do not outvote the chain."""
    for seed in range(20):
        alone = Run(REVISED, "revise:ratio=16", Budget(16), seed=seed).outcome()
        assert alone.answer == "4"
        way = Auto(REVISED, way="revise:ratio=16", budget=Budget(16), seed=seed, scored=scored)
        outcome = check(way.events())
        assert outcome.answer == "4"
        assert {index for vote in outcome.ballot.votes for index in vote.members} == set(range(16))


@pytest.mark.parametrize("way", ["beam", "beam:m=sqrt", "dvts", "particles", "revise:ratio=1", "search-revise"])
def test_what_can_be_measured_is_what_runs(way: str) -> None:
    """`auto:METHOD` in a calibration is what auto does where the profile advises the method."""
    lines = [FOUR, FIVE, NONE]
    advised = Auto(lines, way=way, budget=Budget(16)).outcome()
    measured = Run(lines, f"auto:{way}", Budget(16)).outcome()
    assert replace(advised, chose=None) == measured
    assert advised.chose is not None
    assert measured.chose is None


def test_at_a_budget_of_the_probes_alone_a_method_after_them_is_refused() -> None:
    method = parse_method("auto:beam")
    for budget in (4, 5):
        with pytest.raises(UsageError, match="draws 4 probes first"):
            method.check(Budget(budget))
    method.check(Budget(6))
    assert (method.beams(Budget(16)), method.stepwise, method.needs_verifier) == (12, True, True)
    assert not parse_method("auto:revise").needs_verifier


@pytest.mark.parametrize("text", ["auto:majority", "auto:auto:beam", "auto:adaptive", "auto:greedy"])
def test_auto_goes_on_with_searches_and_revisions_only(text: str) -> None:
    with pytest.raises(UsageError, match="after its probes"):
        parse_method(text)


def test_a_search_that_finds_no_room_leaves_all_to_samples() -> None:
    outcome = check(Auto([FOUR, FIVE], way="beam:m=4", budget=Budget(6)).events())
    assert (len(outcome.candidates), outcome.tree) == (6, ())


def test_texts_after_the_probes_do_not_begin_as_these_did() -> None:
    lines = [replace(FOUR, text=f"Way {number}. \\boxed{{4}}") for number in range(200)]
    outcome = check(Auto(lines, way="revise:ratio=1", budget=Budget(8)).events())
    texts = [each.text for each in outcome.candidates]
    assert len(set(texts)) == len(texts) == 8


def test_without_a_verifier_the_vote_is_by_majority() -> None:
    outcome = check(Auto([FOUR, FIVE], way="revise", budget=Budget(8), scored=False).events())
    assert all(each.score is None for each in outcome.candidates)
    assert outcome.ballot.votes[0].weight == max(len(vote.members) for vote in outcome.ballot.votes)


@settings(deadline=None, max_examples=100)
@given(LINES, st.sampled_from(WAYS), st.integers(1, 150))
def test_a_budget_of_tokens_holds(lines: list[ScriptLine], way: str, budget: int) -> None:
    run = Auto(lines, way=way, budget=Budget(budget, Unit.TOKENS), max_tokens=10)
    assert check(run.events()).cost.tokens <= max(budget, len(PROBLEM.text.split()))


@settings(deadline=None, max_examples=100)
@given(LINES, st.sampled_from(WAYS), st.integers(1, 30))
def test_an_interrupt_at_any_step_leaves_a_whole_outcome(lines: list[ScriptLine], way: str, step: int) -> None:
    run = Auto(lines, way=way, budget=Budget(12), interrupt_at=step)
    outcome = check(run.events())
    if run.steps >= step:
        assert outcome.stopped is Stopped.INTERRUPT
        assert run.steps == step


def test_a_budget_in_time_is_told_in_generations_by_what_the_probes_took() -> None:
    run = Auto([FOUR, FIVE], way="majority", budget=Budget(100, Unit.SECONDS), pace=1.0)
    run.events()
    ((_, generations),) = run.adviser.asked
    taken = next(index for index in counting(1) if generations * index >= 400)  # seconds of the four probes
    assert 4 < generations < 100
    assert generations == pytest.approx(4 * 100 / taken, rel=0.2)
