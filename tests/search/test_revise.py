"""Chains of revisions on scripted policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaving import leave

from search.runs import FIVE, FOUR, PROBLEM, WORDS, Run, of, outcome_of
from ttcli.answers import vote
from ttcli.cost import Budget, Meter, Unit
from ttcli.errors import UsageError
from ttcli.events import CandidateFinished, CandidateScored, CandidateStarted, CandidateToken, CostUpdated, Event
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.search.methods import METHODS, parse_method
from ttcli.search.parameters import ChainParameters, ratios
from ttcli.search.revise import WINDOW, before_doubt, shown_to_doubt
from ttcli.solution import Attempt, Candidate, Ended, Prefix, Step

WRONG = ScriptLine("I guess \\boxed{5}", score=0.3)
RIGHT = ScriptLine("It must be \\boxed{4}", after="5", score=0.6)
SPOILED = ScriptLine("No: \\boxed{6}", after="4", score=0.2)


class Spy(ScriptedPolicy):
    """Remembers what each root was started with, and how much it held at most."""

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        root = super().start(problem, attempts=attempts)
        self.__dict__.setdefault("started", []).append((root, tuple(attempts)))
        return root


@dataclass
class Revising(Run):
    method: str = "revise"
    scored: bool = True
    most: int = field(default=0, init=False)  # prefixes held at once

    def __post_init__(self) -> None:
        super().__post_init__()
        self.policy = Spy(self.script, width=self.width, interrupted=self.interrupt, between=self._count)

    def _count(self) -> None:
        self._before_a_step()
        self.most = max(self.most, len(self.policy.live))

    @property
    def started(self) -> list[tuple[Prefix, tuple[Attempt, ...]]]:
        return self.policy.__dict__["started"]  # type: ignore[no-any-return]

    def iterate(self) -> Iterator[Event]:
        if self.scored:
            return super().iterate()
        meter = self.meter()
        return parse_method(self.method).run(PROBLEM, self.policy, None, meter, seed=self.seed)


LINES = st.lists(
    st.builds(
        ScriptLine,
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
        score=st.floats(0, 1),
        after=st.sampled_from([None, "so", "4", "5"]),
    ),
    min_size=1,
    max_size=5,
).map(lambda lines: [replace(lines[0], after=None), *lines[1:]])
METHOD = st.sampled_from([name for name, method in METHODS.items() if method.attempts])
BUDGETS = st.one_of(
    st.integers(1, 20).map(Budget),
    st.integers(1, 200).map(lambda amount: Budget(amount, Unit.TOKENS)),
    st.floats(0.1, 40).map(lambda amount: Budget(amount, Unit.SECONDS)),
)
RUNS = st.builds(
    Revising,
    LINES,
    METHOD,
    BUDGETS,
    width=st.integers(1, 6),
    seed=st.integers(0, 3),
    pace=st.just(1.0),
    interrupt_at=st.none() | st.integers(1, 20),
)
quick = settings(deadline=None, max_examples=60)


def candidates(run: Revising) -> dict[tuple[int, int], Candidate]:
    found = outcome_of(run.events()).candidates
    return {(each.chain or 0, each.attempt or 0): each for each in found}


@pytest.mark.parametrize("ratio", ratios(16))
def test_chains_times_length_is_the_budget_at_every_ratio(ratio: object) -> None:
    run = Revising([WRONG, RIGHT, SPOILED], f"revise:ratio={ratio}", Budget(16))
    found = candidates(run)
    parameters = parse_method(run.method).parameters
    assert isinstance(parameters, ChainParameters)
    sizes = parameters.sizes("revise", run.budget)
    assert set(found) == {(chain, at) for chain in range(sizes["chains"]) for at in range(sizes["length"])}
    assert {each.index for each in found.values()} == set(range(16))
    for (chain, attempt), each in found.items():
        assert each.index == attempt * sizes["chains"] + chain


def test_a_revision_depends_on_the_attempt_before_it() -> None:
    found = candidates(Revising([WRONG, RIGHT, SPOILED], "revise:ratio=4", Budget(4)))
    assert [found[0, attempt].answer for attempt in range(4)] == ["5", "4", "6", "5"]


@quick
@given(RUNS.filter(lambda run: run.method == "revise"))
def test_every_attempt_sees_exactly_the_last_four_of_its_own_chain(run: Revising) -> None:
    found = candidates(run)
    seen: dict[tuple[str, ...], int] = {}
    for _, attempts in run.started:
        assert all(each.doubt is None for each in attempts)
        texts = tuple(each.text for each in attempts)
        seen[texts] = seen.get(texts, 0) + 1
    for chain, attempt in found:
        before = tuple(found[chain, earlier].text for earlier in range(attempt))[-WINDOW:]
        assert len(before) == min(attempt, WINDOW)
        if before:
            assert seen[before] > 0
            seen[before] -= 1


@quick
@given(RUNS)
def test_no_more_is_spent_than_the_budget(run: Revising) -> None:
    outcome = outcome_of(run.events())
    cost, amount = outcome.cost, run.budget.amount
    if run.budget.unit is Unit.GENERATIONS:
        assert cost.generations <= amount
    elif run.budget.unit is Unit.TOKENS:
        assert cost.tokens <= max(len(PROBLEM.text.split()), amount) + run.width
    else:
        assert cost.seconds < amount + run.pace


@quick
@given(RUNS)
def test_costs_are_those_of_what_was_begun(run: Revising) -> None:
    if "beam" in run.method:
        return
    events = run.events()
    outcome = outcome_of(events)
    cost = outcome.cost
    begun = [root for root, attempts in run.started if attempts]
    words = len(PROBLEM.text.split())
    assert (
        cost.generations
        == len(of(CandidateStarted, events))
        == len({event.candidate for event in of(CandidateStarted, events)})
    )
    assert cost.policy_tokens == len(of(CandidateToken, events)) == sum(each.tokens for each in outcome.candidates)
    assert words <= cost.prompt_tokens <= words + sum(root.prompt_tokens - root.known_tokens for root in begun)
    assert cost.flops == 2 * (cost.policy_tokens + cost.prompt_tokens)
    assert not of(CostUpdated, events) or of(CostUpdated, events)[-1].cost == cost


@quick
@given(RUNS)
def test_every_answer_is_drawn_once_then_scored_once(run: Revising) -> None:
    events = run.events()
    outcome = outcome_of(events)
    drawn = [event.candidate for event in of(CandidateFinished, events)]
    assert len({each.index for each in drawn}) == len(drawn)
    assert [each.index for each in of_scored(events)] == [each.index for each in drawn if each.answer is not None]
    assert {each.index for each in drawn} == {each.index for each in outcome.candidates}
    assert all(each.chain is not None and each.attempt is not None for each in outcome.candidates)


def of_scored(events: Sequence[Event]) -> list[Candidate]:
    return [event.candidate for event in of(CandidateScored, events)]


@quick
@given(RUNS)
def test_no_prefix_is_left_behind(run: Revising) -> None:
    run.events()
    assert not run.policy.live


@quick
@given(RUNS, st.integers(0, 40))
def test_no_prefix_is_left_behind_when_nobody_reads_on(run: Revising, events: int) -> None:
    iterator = run.iterate()
    for _ in zip(range(events), iterator, strict=False):
        pass
    leave(iterator)
    assert not run.policy.live


@quick
@given(RUNS.filter(lambda run: run.interrupt_at is None), st.integers(1, 6))
def test_the_same_seed_gives_the_same_chains_whatever_the_width(run: Revising, width: int) -> None:
    run = replace(run, budget=Budget(12))
    assert run.outcome().candidates == replace(run, width=width).outcome().candidates


def test_a_chain_holds_what_its_next_attempt_goes_on_from_and_no_more() -> None:
    run = Revising([WRONG, RIGHT, SPOILED], "revise:ratio=4", Budget(16), width=4)
    outcome = run.outcome()
    assert run.most <= 1 + 2 * 4  # the problem's root; by chain a root and what was kept, or the two of both
    revisions = [root for root, attempts in run.started if attempts]
    shown = [attempts for _, attempts in run.started if attempts]
    for root, attempts in zip(revisions, shown, strict=True):
        slid = len(attempts) == WINDOW and root.known_tokens == len(PROBLEM.text.split())
        assert root.known_tokens == root.prompt_tokens - 1 or slid
    assert outcome.cost.shared_tokens == len(PROBLEM.text.split()) * 2 + sum(root.known_tokens for root in revisions)


def test_all_attempts_vote_and_the_last_ones_do_not_decide() -> None:
    lines = [
        FOUR,
        ScriptLine("Now I say \\boxed{5}", after="4", score=0.1),
        ScriptLine("And \\boxed{5}", after="5", score=0.1),
    ]
    scored = Revising(lines, "revise:ratio=4", Budget(4)).outcome()
    assert [each.answer for each in scored.candidates] == ["4", "5", "5", "5"]
    assert scored.answer == "4"
    assert Revising(lines, "revise:ratio=4", Budget(4), scored=False).outcome().answer == "5"


def test_a_chain_has_one_vote_however_often_it_repeats_itself() -> None:
    """Flat, the sums of scores would be 1.6 against 0.9."""
    chains = [
        Candidate(0, "", "5", Ended.STOP, 1, 0.0, score=0.4, chain=0, attempt=0),
        Candidate(2, "", "5", Ended.STOP, 1, 0.0, score=0.4, chain=0, attempt=1),
        Candidate(4, "", "5", Ended.STOP, 1, 0.0, score=0.4, chain=0, attempt=2),
        Candidate(6, "", "5", Ended.STOP, 1, 0.0, score=0.4, chain=0, attempt=3),
        Candidate(1, "", "4", Ended.STOP, 1, 0.0, score=0.9, chain=1, attempt=0),
    ]
    assert vote.weighted(chains).votes[0].answer == "5"
    assert vote.hierarchical(chains).votes[0].answer == "4"


def test_without_a_verifier_nothing_is_scored() -> None:
    run = Revising([FOUR, FIVE], budget=Budget(4), scored=False)
    events = run.events()
    assert not of(CandidateScored, events)
    assert len(outcome_of(events).candidates) == 4


def test_a_budget_of_tokens_counts_the_prompts_of_revisions() -> None:
    lines = [ScriptLine("one two three \\boxed{4}"), ScriptLine("one two three \\boxed{4}", after="4")]
    whole = Revising(lines, "revise:ratio=16", Budget(10**6, Unit.TOKENS)).outcome()
    assert len(whole.candidates) == 16
    half = Revising(lines, "revise:ratio=16", Budget(whole.cost.tokens // 2, Unit.TOKENS)).outcome()
    assert 1 < len(half.candidates) < 16
    assert half.cost.tokens <= whole.cost.tokens // 2


def test_search_revise_revises_the_best_of_every_answer_but_the_leading_one() -> None:
    lines = [
        FOUR,
        replace(WRONG, score=0.1),
        ScriptLine("Or \\boxed{7}", score=0.2),
        ScriptLine("Then \\boxed{4}", after="5"),
    ]
    for seed in range(6):
        run = Revising(lines, "search-revise", Budget(12), seed=seed)
        outcome = run.outcome()
        proposals = [each for each in outcome.candidates if each.attempt == 0]
        revised = [each for each in outcome.candidates if each.attempt]
        assert len(proposals) == 6
        answers = {each.answer for each in proposals}
        assert {proposals[each.chain or 0].answer for each in revised} == answers - {vote_leader(proposals)}
        assert len(revised) == (6 if len(answers) > 1 else 0)


def vote_leader(proposals: Sequence[Candidate]) -> str | None:
    leader = vote.weighted(proposals).leader
    return leader.answer if leader else None


def test_search_revise_by_beam_keeps_the_tree_and_revises_what_it_found() -> None:
    lines = [FOUR, replace(FIVE, text="Two and two.\n\nThat is \\boxed{5}"), ScriptLine("Then \\boxed{4}", after="5")]
    run = Revising(lines, "search-revise:by=beam", Budget(12), seed=1)
    outcome = run.outcome()
    assert outcome.tree
    assert {each.node is None for each in outcome.candidates} == {True, False}
    for each in outcome.candidates:
        assert (each.node is None) == bool(each.attempt)
    assert outcome.answer == "4"


# -- from the step before the doubtful one

DOUBTFUL = [
    ScriptLine(f"first\n\nsecond {n}\n\nit is \\boxed{{{n}}}", scores=(0.9, 0.1 + n / 100, 0.5), score=0.5)
    for n in range(30)
]


def test_the_next_attempt_begins_before_the_step_that_is_most_in_doubt() -> None:
    run = Run(DOUBTFUL, "revise:ratio=4,from=step", Budget(16), seed=1)
    outcome = run.outcome()
    assert len(outcome.candidates) == 16
    assert not run.policy.live
    prompts = len(PROBLEM.text.split())
    later = [one for one in outcome.candidates if one.attempt]
    assert len(later) == 14
    assert outcome.cost.prompt_tokens == prompts + len(later)  # "first" is decoded again for each
    drawn = sum(one.tokens for one in outcome.candidates) - len(later)
    assert outcome.cost.policy_tokens == drawn


def test_what_is_most_in_doubt_goes_by_scores_and_else_by_confidence() -> None:
    steps = (Step("a", 1, -0.1), Step("b", 1, -3.0), Step("c", 1, -0.2))
    prefix = Prefix(PROBLEM, 0, steps=steps)
    assert before_doubt(prefix, ()) == 1
    assert before_doubt(prefix, (0.9, 0.8, 0.1)) == 2
    assert before_doubt(prefix, (0.1, 0.1, 0.1)) == 0
    assert before_doubt(replace(prefix, steps=(*steps, Step("d", 1, None))), ()) == 0


@pytest.mark.parametrize("step", range(1, 12))
def test_an_interrupted_run_from_steps_leaves_nothing_behind(step: int) -> None:
    run = Run(DOUBTFUL, "revise:from=step", Budget(9), seed=2, interrupt_at=step)
    run.outcome()
    assert not run.policy.live


# -- told which step is in doubt


class Whole(ScriptedVerifier):
    """Scores solutions as a whole."""

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        return [each._replace(steps=()) for each in super().score(prefixes)]


def test_attempts_are_in_view_up_to_the_first_step_that_is_scored_below_the_floor_which_is_told() -> None:
    lines = [
        ScriptLine("first\n\nsecond\n\nit is \\boxed{5}", scores=(0.9, 0.1, 0.05), score=0.1),
        ScriptLine("sure\n\nit is \\boxed{4}", after="first", scores=(0.9, 0.8), score=0.8),
    ]
    run = Revising(lines, "revise:ratio=4,tell=0.5", Budget(4), seed=1)
    outcome = run.outcome()
    right = lines[1].text
    shown = [attempts for _, attempts in run.started if attempts]
    assert shown[0] == (Attempt("first\n\n", "second\n\n"),)
    assert shown[1] == (Attempt("first\n\n", "second\n\n"), Attempt(right))
    assert outcome.answer == "4"
    assert not run.policy.live


def test_the_shown_to_doubt_is_the_first_step_below_the_floor_where_steps_have_scores() -> None:
    prefix = Prefix(PROBLEM, 0, steps=(Step("a", 1, -0.1), Step("b", 1, -3.0), Step("c", 1, -0.2)))
    assert shown_to_doubt(prefix, (0.9, 0.2, 0.1), 0.3) == Attempt("a", "b")
    assert shown_to_doubt(prefix, (0.9, 0.2, 0.1), 0.2) == Attempt("ab", "c")
    assert shown_to_doubt(prefix, (0.9, 0.2, 0.1), 0.1) == Attempt("abc")
    assert shown_to_doubt(prefix, (), 1.0) == Attempt("abc")
    assert shown_to_doubt(replace(prefix, steps=(Step("\n\n", 1, 0.0),)), (0.0,), 0.1).doubt is None
    assert shown_to_doubt(prefix, (0.0, 0.0, 0.0), 0.1) == Attempt("", "a")


def test_nothing_is_told_without_a_verifier_of_steps() -> None:
    told = parse_method("revise:tell=0.05")
    assert told.needs_verifier
    assert not parse_method("revise").needs_verifier
    with pytest.raises(UsageError, match="needs a verifier"):
        told.run(PROBLEM, ScriptedPolicy(Script({"": [FOUR]})), None, Meter(Budget(4), max_tokens=9), seed=0)
    with pytest.raises(UsageError, match="judges solutions as a whole"):
        told.check_verifier("judge", partial=True, steps=False)
    told.check_verifier("arithmetic", partial=True, steps=True)
    assert (told.usual_verifier, parse_method("beam").usual_verifier) == ("arithmetic", "confidence")
    assert parse_method("auto:revise:tell=0.05").tells


def test_a_verifier_that_turns_out_to_have_no_scores_of_steps_ends_the_run() -> None:
    script = Script({"": [FOUR]})
    policy, meter = ScriptedPolicy(script), Meter(Budget(4), max_tokens=9)
    run = parse_method("revise:tell=0.05").run(PROBLEM, policy, Whole(script), meter, seed=0)
    with pytest.raises(UsageError, match="by scores of steps, and there are none") as caught:
        list(run)
    assert caught.value.hint
    assert not policy.live


def test_what_has_no_answer_and_so_no_score_is_in_view_as_it_is() -> None:
    lines = [ScriptLine("first\n\nsecond", scores=(0.1, 0.1), score=0.1)]
    run = Revising(lines, "revise:ratio=4,tell=0.5", Budget(4))
    run.outcome()
    assert {each for _, attempts in run.started for each in attempts} == {Attempt("first\n\nsecond")}
