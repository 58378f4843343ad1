from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from search.runs import ENDLESS, FIVE, FOUR, NONE, PROBLEM, Run, check_order, of, outcome_of
from ttcli.cost import Budget, Stopped, Unit
from ttcli.errors import ModelError
from ttcli.events import CandidateFinished, CandidateScored, CandidateStarted, CandidateToken, VoteUpdated
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedVerifier
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Ended, Prefix
from ttcli.verifier.confidence import Confidence

TIMID = replace(FIVE, score=0.15)  # 4 wins by score where it is drawn at all


class Fails:
    """Scores as the script says, then raises at the call given, from 1."""

    parameters = 3
    name = "fails"
    partial = True

    def __init__(self, lines: Sequence[ScriptLine], at: int, error: Exception) -> None:
        self._verifier = ScriptedVerifier(Script({"": lines}))
        self._at = at
        self._error = error
        self.calls = 0
        self.released: list[Prefix] = []

    def price(self, prefixes: Sequence[Prefix]) -> int:
        return 10 * len(prefixes)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        self.calls += 1
        if self.calls >= self._at:
            raise self._error
        return [opinion._replace(tokens=10) for opinion in self._verifier.score(prefixes)]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        self.released.extend(prefixes)

    def close(self) -> None: ...


@pytest.mark.parametrize("tokens", [1, 12, 15, 40, 100])
def test_the_verifiers_tokens_stay_within_a_budget_of_tokens(tokens: int) -> None:
    verifier = Fails([FOUR, FIVE], 99, Interrupted())
    outcome = Run([FOUR, FIVE], "best-of-n", Budget(tokens, Unit.TOKENS), verifier=verifier).outcome()
    assert outcome.cost.tokens <= max(tokens, outcome.cost.prompt_tokens)
    assert outcome.cost.verifier_tokens == 10 * sum(each.score is not None for each in outcome.candidates)


def test_a_verifier_is_told_when_a_problem_is_done() -> None:
    verifier = Fails([FOUR], 99, Interrupted())
    Run([FOUR], "best-of-n", Budget(3), verifier=verifier).outcome()
    assert [(prefix.problem, prefix.steps) for prefix in verifier.released] == [(PROBLEM, ())]


def test_greedy_draws_the_likeliest_solution_alone() -> None:
    for seed in range(5):
        outcome = Run([FOUR, FIVE], "greedy", Budget(64), seed=seed).outcome()
        assert [candidate.text for candidate in outcome.candidates] == [FOUR.text]
        assert outcome.cost.generations == 1


def test_majority_draws_as_many_as_the_budget_allows() -> None:
    outcome = Run([FOUR, FIVE], "majority", Budget(13)).outcome()
    assert len(outcome.candidates) == 13
    assert sum(len(vote.members) for vote in outcome.ballot.votes) == 13
    assert outcome.ballot.votes[0].weight >= outcome.ballot.votes[1].weight


def test_candidates_without_an_answer_are_counted_but_do_not_vote() -> None:
    run = Run([FOUR, NONE, NONE, NONE, ENDLESS], "majority", Budget(20))
    outcome = run.outcome()
    silent = [candidate for candidate in outcome.candidates if candidate.answer is None]
    assert outcome.ballot.abstained == len(silent) > 10
    assert outcome.answer == "4"
    assert outcome.ballot.support == (20 - len(silent)) / 20


def test_without_any_answer_the_run_has_none() -> None:
    outcome = Run([NONE, ENDLESS], "majority", Budget(4)).outcome()
    assert (outcome.answer, outcome.ballot.votes, outcome.ballot.abstained) == (None, (), 4)
    assert {candidate.ended for candidate in outcome.candidates} == {Ended.STOP, Ended.LENGTH}


def test_weighted_takes_the_largest_sum_of_scores_and_plain_the_best_candidate() -> None:
    lines = [replace(FOUR, score=0.9), *[replace(FIVE, score=0.5)] * 4]
    weighted = Run(lines, "best-of-n", Budget(20)).outcome()
    plain = Run(lines, "best-of-n-plain", Budget(20)).outcome()
    assert weighted.candidates == plain.candidates
    fours = sum(candidate.answer == "4" for candidate in weighted.candidates)
    assert 0 < 0.9 * fours < 0.5 * (20 - fours)
    assert weighted.answer == "5"
    assert weighted.ballot.votes[0].weight == pytest.approx(0.5 * (20 - fours))
    assert plain.answer == "4"
    assert plain.ballot.votes[0].weight == 0.9


def test_a_candidate_is_scored_after_it_is_drawn_and_before_the_next_vote() -> None:
    events = Run([FOUR, FIVE], "best-of-n", Budget(6)).events()
    check_order(events)
    kinds = [type(event) for event in events if isinstance(event, CandidateFinished | CandidateScored | VoteUpdated)]
    assert kinds == [CandidateFinished, CandidateScored, VoteUpdated] * 6 + [VoteUpdated]
    assert [event.candidate.score for event in of(CandidateScored, events)] == [
        0.9 if event.candidate.answer == "4" else 0.2 for event in of(CandidateScored, events)
    ]


def test_confidence_scores_by_the_policys_own_log_probabilities() -> None:
    run = Run([replace(FOUR, logprob=-0.1), replace(FIVE, logprob=-2.0)], "best-of-n", Budget(8), verifier=Confidence())
    for candidate in run.outcome().candidates:
        assert candidate.score == pytest.approx(2.718281828 ** (-0.1 if candidate.answer == "4" else -2.0))


def test_the_verifiers_tokens_and_flops_are_counted() -> None:
    verifier = Fails([FOUR], 99, Interrupted())
    cost = Run([FOUR], "best-of-n", Budget(4), verifier=verifier).outcome().cost
    assert cost.verifier_tokens == 40
    assert cost.tokens == cost.prompt_tokens + cost.policy_tokens + 40
    assert cost.flops == 2 * (cost.prompt_tokens + cost.policy_tokens) + 2 * 3 * 40


@pytest.mark.parametrize("method", ["best-of-n", "best-of-n-plain"])
def test_where_scoring_is_called_off_the_others_vote_with_the_mean_score(method: str) -> None:
    lines = [FOUR, *[TIMID] * 9]
    everybody = Run(lines, method, Budget(30)).outcome().candidates
    first_four = next(candidate.index for candidate in everybody if candidate.answer == "4")
    # width 1: candidates are scored in the order of their index
    verifier = Fails(lines, first_four + 2, Interrupted())
    events = Run(lines, method, Budget(30), width=1, verifier=verifier).events()
    check_order(events)
    outcome = outcome_of(events)
    assert len(outcome.candidates) == 30
    assert [c.score is not None for c in outcome.candidates] == [c.index <= first_four for c in outcome.candidates]
    voters = sorted(index for vote in outcome.ballot.votes for index in vote.members)
    assert voters == [c.index for c in outcome.candidates if c.answer is not None]
    assert outcome.cost.verifier_tokens == 10 * (first_four + 1)
    known = [c.score for c in outcome.candidates if c.score is not None]
    for vote in outcome.ballot.votes:
        own = [outcome.candidates[index].score for index in vote.members]
        assert vote.best == max((score for score in own if score is not None), default=None)
        mean = sum(known) / len(known)
        weighed = [mean if score is None else score for score in own]
        assert vote.weight == pytest.approx(sum(weighed) if method == "best-of-n" else max(weighed))


def test_where_nothing_was_scored_the_majority_decides() -> None:
    verifier = Fails([FOUR], 1, Interrupted())
    outcome = Run([TIMID, TIMID, FOUR], "best-of-n", Budget(12), verifier=verifier).outcome()
    assert outcome.answer == "5"
    assert outcome.ballot.votes[0].weight == len(outcome.ballot.votes[0].members)


def test_an_error_of_the_verifier_is_raised_and_nothing_is_left_behind() -> None:
    run = Run([FOUR], "best-of-n", Budget(4), verifier=Fails([FOUR], 2, ModelError("too long")))
    with pytest.raises(ModelError, match="too long"):
        run.events()
    assert not run.policy.live


def test_an_interrupted_run_votes_over_what_is_finished() -> None:
    slow = ScriptLine("Let me think about it for a very long time: it is \\boxed{7}")
    run = Run([FOUR, slow], "majority", Budget(8), interrupt_at=9)
    outcome = run.outcome()
    assert outcome.stopped is Stopped.INTERRUPT
    assert outcome.answer == "4"
    cut = [candidate for candidate in outcome.candidates if candidate.ended is Ended.CUT]
    assert cut
    assert all(candidate.answer is None for candidate in cut)


@pytest.mark.parametrize(
    ("text", "words", "answer"),
    [
        ("It is \\boxed{4} , let me check that again", 4, "4"),
        ("It is \\boxed{\\frac{1}{2}} , is it", 4, "\\frac{1}{2}"),
        ("So \\boxed{4} or is it rather \\boxed{5 and more}", 7, "4"),
        ("The answer is 12 apples", 4, None),  # more words might have made it 12 million
        ("It is \\boxed 12 apples", 4, None),
        ("So it is\n#### 12 million apples", 4, None),
        ("The answer is 12.\nLet me check that", 5, "12"),
        ("So it is\n#### 12\nLet me check that", 5, "12"),
        ("The answer is \\boxed{ 12 and 13 }", 5, None),
        ("The answer is \\frac{1} {2} I think", 4, None),
    ],
)
def test_of_a_text_that_was_cut_only_a_complete_answer_counts(text: str, words: int, answer: str | None) -> None:
    run = Run([ScriptLine(text)], "majority", Budget(1), interrupt_at=words + 1)
    (candidate,) = run.outcome().candidates
    assert candidate.ended is Ended.CUT
    assert candidate.text == " ".join(text.split(" ")[:words])
    assert candidate.answer == answer


def test_of_a_text_that_ran_into_the_token_limit_only_a_complete_answer_counts() -> None:
    lengths = [ScriptLine("The answer is 12", length=True)]
    assert Run(lengths, "majority", Budget(1)).outcome().answer is None
    assert Run([replace(lengths[0], length=False)], "majority", Budget(1)).outcome().answer == "12"


def test_a_token_budget_begins_no_candidate_that_it_would_have_to_cut() -> None:
    outcome = Run([FOUR], "majority", Budget(40, Unit.TOKENS), max_tokens=20).outcome()
    assert [candidate.ended for candidate in outcome.candidates] == [Ended.STOP] * 5
    assert outcome.cost.tokens <= 40


def test_a_token_budget_too_small_for_one_candidate_cuts_it_and_is_not_passed() -> None:
    budget = len(PROBLEM.text.split()) + 4
    outcome = Run([FOUR], "majority", Budget(budget, Unit.TOKENS), max_tokens=20).outcome()
    assert [candidate.ended for candidate in outcome.candidates] == [Ended.CUT]
    assert outcome.cost.tokens <= budget
    assert outcome.stopped is Stopped.BUDGET


def test_candidates_keep_their_index_while_the_budget_makes_them_wait() -> None:
    events = Run([FOUR, FIVE], "majority", Budget(60, Unit.TOKENS), max_tokens=25).events()
    check_order(events)
    assert [event.candidate for event in of(CandidateStarted, events)] == list(range(len(of(CandidateStarted, events))))
    assert len(of(CandidateToken, events)) == outcome_of(events).cost.policy_tokens
