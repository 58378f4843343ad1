from __future__ import annotations

import pytest

from search.runs import Run, of
from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.events import CandidateToken
from ttcli.policy.script import ScriptLine
from ttcli.search.methods import parse_method
from ttcli.solution import Ended

PARAGRAPHS = ["I add.", "Four, it seems.", "Sure, four.", "Let me check again.", "And again, and once more."]
THOUGHT = "\n\n".join(PARAGRAPHS)


def line(*trials: str, logprob: float = -0.5) -> ScriptLine:
    return ScriptLine(f"<think>{THOUGHT}</think>It is \\boxed{{4}}.", trials=trials, logprob=logprob)


def run(lines: ScriptLine | list[ScriptLine], settings: str = "every=1", budget: int = 1, **options: object) -> Run:
    own = [lines] if isinstance(lines, ScriptLine) else lines
    return Run(own, f"probe:{settings}" if settings else "probe", Budget(budget), **options)  # type: ignore[arg-type]


def thought_of(done: Run) -> str:
    (candidate,) = done.outcome().candidates
    return candidate.thought or ""


def test_a_thought_is_stopped_when_the_last_trials_agree() -> None:
    assert thought_of(run(line("3}", "4}", "4}", "4}"), "every=1")) == "\n\n".join(PARAGRAPHS[:4])
    assert thought_of(run(line("3}", "4}", "4}", "4}"), "every=1,agree=2")) == "\n\n".join(PARAGRAPHS[:3])


def test_trials_agree_when_their_answers_are_equal_not_their_words() -> None:
    assert thought_of(run(line("0.5}", "\\frac{1}{2}}", "1}", "2}"), "every=1,agree=2")) == "\n\n".join(PARAGRAPHS[:2])


def test_a_trial_that_is_sure_is_enough_by_itself() -> None:
    assert thought_of(run(line("4}", logprob=-0.01))) == PARAGRAPHS[0]
    assert thought_of(run(line("4}", logprob=-0.01), "every=1,sure=1,agree=9")) == THOUGHT


def test_without_agreement_it_thinks_to_its_end() -> None:
    assert thought_of(run(line("1}", "2}", "3}", "5}"))) == THOUGHT


def test_trials_without_an_answer_never_agree() -> None:
    assert thought_of(run(line("", "", "", ""))) == THOUGHT


def test_paragraphs_shorter_than_asked_for_are_not_asked() -> None:
    assert thought_of(run(line("4}", logprob=-0.01), "every=6")) != PARAGRAPHS[0]
    assert thought_of(run(line("4}", logprob=-0.01), "")) == THOUGHT  # it is shorter than the usual distance


def test_all_tokens_are_charged_those_of_trials_too() -> None:
    done = run(line("3}", "4}", "4}", "4}"))
    outcome, events = done.outcome(), done.events()
    (candidate,) = outcome.candidates
    assert outcome.cost.policy_tokens > candidate.tokens
    assert sum(1 for _ in of(CandidateToken, events)) <= candidate.tokens
    assert outcome.answer == "4"
    assert not done.policy.live


def test_many_candidates_are_probed_side_by_side_and_vote() -> None:
    done = run([line("3}", "4}", "4}", "4}"), ScriptLine("It is \\boxed{4}.")], budget=6, width=3)
    outcome = done.outcome()
    assert len(outcome.candidates) == 6
    assert outcome.answer == "4"
    assert {each.thought is None for each in outcome.candidates} == {True, False}
    assert not done.policy.live


def test_a_thought_that_never_ends_is_stopped_by_its_trials_and_else_cut() -> None:
    endless = ScriptLine(f"<think>{THOUGHT}", length=True, trials=("4}", "4}", "4}", "4}"))
    (candidate,) = run(endless, "every=1,agree=2").outcome().candidates
    assert candidate.thought == "\n\n".join(PARAGRAPHS[:2])
    never = ScriptLine(f"<think>{THOUGHT}", length=True, trials=("1}", "2}", "3}", "4}"))
    (candidate,) = run(never).outcome().candidates
    assert (candidate.answer, candidate.ended, candidate.thought_open) == (None, Ended.LENGTH, True)


def test_a_budget_that_ends_in_a_thought_leaves_it_cut() -> None:
    done = Run([line("1}", "2}", "3}", "5}")], "probe:every=1", Budget(14, Unit.TOKENS))
    assert {each.ended for each in done.outcome().candidates} == {Ended.CUT}
    assert not done.policy.live


@pytest.mark.parametrize("text", ["probe:agree=0", "probe:sure=0", "probe:sure=2", "probe:every=x", "probe:k=1"])
def test_settings_that_make_no_sense_are_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_method(text)


def test_settings_are_part_of_the_name() -> None:
    assert parse_method("probe:agree=3,sure=0.95").name == "probe"
    assert parse_method("probe:sure=0.9,agree=2").name == "probe:agree=2,sure=0.9"
