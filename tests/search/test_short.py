from __future__ import annotations

import pytest

from search.runs import PROBLEM, Run, of
from ttcli.answers import vote
from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.events import CandidateFinished, CandidateStarted
from ttcli.policy.script import ScriptLine
from ttcli.search.methods import parse_method
from ttcli.solution import Candidate, Ended


def thinks(words: int, answer: int, score: float = 0.5) -> ScriptLine:
    return ScriptLine(f"<think>{' '.join(['hm'] * words)}</think>It is \\boxed{{{answer}}}.", score=score)


SHORT, MIDDLE, LONG = thinks(3, 4, 0.2), thinks(8, 5, 0.9), thinks(60, 6)
ENDLESS = ScriptLine("<think>" + " ".join(["hm"] * 60), length=True)


def test_the_first_thoughts_to_end_are_voted_upon_and_the_others_called_off() -> None:
    run = Run([SHORT, LONG], "short:m=2", Budget(8), width=8)
    events = run.events()
    outcome = run.outcome()
    assert len(outcome.candidates) == 2
    assert {each.answer for each in outcome.candidates} == {"4"}
    assert outcome.cost.generations == 8
    spent = outcome.cost.policy_tokens
    assert spent < 2 * len(SHORT.text.split()) + 8 * 10  # of the long ones no more than of those that ended
    assert (
        len(of(CandidateStarted, events)) == len({each.candidate.index for each in of(CandidateFinished, events)}) == 8
    )


def test_all_that_was_drawn_is_charged() -> None:
    outcome = Run([SHORT, LONG], "short:m=1", Budget(4), width=4).outcome()
    (winner,) = outcome.candidates
    assert outcome.cost.policy_tokens > winner.tokens


def test_ties_go_to_the_shortest_thought() -> None:
    def candidate(index: int, answer: str, thought: int) -> Candidate:
        return Candidate(index, "", answer, Ended.STOP, thought + 5, -1.0, thought="", thought_tokens=thought)

    tally = vote.shortest([candidate(0, "4", 30), candidate(1, "5", 10), candidate(2, "6", 20)])
    assert [each.answer for each in tally.votes] == ["5", "6", "4"]
    tally = vote.shortest([candidate(0, "4", 30), candidate(1, "5", 10), candidate(2, "4", 20)])
    assert tally.leader is not None
    assert tally.leader.answer == "4"


def test_with_a_verifier_scores_decide() -> None:
    outcome = Run([SHORT, MIDDLE], "short:m=4", Budget(4), width=4).outcome()
    assert len(outcome.candidates) == 4
    scores = {each.answer: 0.0 for each in outcome.candidates}
    for each in outcome.candidates:
        scores[each.answer] += each.score or 0.0
    assert outcome.answer == max(scores, key=lambda answer: scores[answer])


def test_texts_that_do_not_think_are_counted_as_they_end() -> None:
    run = Run([ScriptLine("It is \\boxed{4}."), ScriptLine("so " * 50 + "\\boxed{5}")], "short:m=2", Budget(8), width=8)
    outcome = run.outcome()
    assert [each.answer for each in outcome.candidates] == ["4", "4"]
    assert not run.policy.live


def test_a_thought_that_never_ends_holds_nobody_up() -> None:
    outcome = Run([SHORT, ENDLESS], "short:m=1", Budget(8), width=8).outcome()
    assert outcome.answer == "4"
    only = Run([ENDLESS], "short:m=1", Budget(2), width=2).outcome()
    assert only.answer is None
    assert all(each.truncated and each.thought_open for each in only.candidates)


def test_a_budget_that_ends_before_any_thought_leaves_what_there_is() -> None:
    outcome = Run([LONG], "short", Budget(30, Unit.TOKENS), width=4).outcome()
    assert outcome.answer is None
    assert all(each.ended is Ended.CUT for each in outcome.candidates)


@pytest.mark.parametrize(("method", "budget"), [("short", 2), ("short:m=9", 8)])
def test_a_budget_of_fewer_thoughts_than_are_waited_for_is_an_error(method: str, budget: int) -> None:
    with pytest.raises(UsageError, match="waits for the first") as caught:
        parse_method(method).check(Budget(budget))
    assert caught.value.hint


@pytest.mark.parametrize("text", ["short:m=0", "short:m=x", "short:k=2", "short:m=1,m=2"])
def test_settings_that_make_no_sense_are_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_method(text)


def test_settings_are_part_of_the_name() -> None:
    assert parse_method("short:m=3").name == "short"
    assert parse_method("short:m=2").name == "short:m=2"
    assert PROBLEM.text
