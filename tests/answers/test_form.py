"""Answers in the forms that a user asks for by name."""

from __future__ import annotations

import pytest

from ttcli.answers import vote
from ttcli.answers.final import answer_of, kind_of
from ttcli.answers.form import FORMS, check_form
from ttcli.answers.pattern_search import PatternSearch
from ttcli.errors import UsageError
from ttcli.problem import Problem
from ttcli.solution import AnswerKind, Candidate, Ended, Prefix, Step

TEXT = "First \\boxed{1}.\nANSWER: seven\nANSWER: eight\n\n**42.**\n"


def said(form: str, text: str = TEXT, ended: Ended = Ended.STOP) -> str | None:
    return answer_of(Prefix(Problem("?", form=form), 0, steps=(Step(text, 1, 0.0),), ended=ended))


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("boxed", "eight"),
        ("last-line", "42"),
        ("regex:ANSWER: (.*)$", "eight"),
        ("regex:e\\w+t$", "eight"),
        ("regex:nothing like it", None),
        ("regex:(x)?ANSWER", None),
        ("none", TEXT.strip()),
    ],
)
def test_a_form_says_where_the_answer_is(form: str, answer: str | None) -> None:
    assert said(form) == answer


def test_a_text_that_was_broken_off_answers_only_what_it_had_said_whole() -> None:
    assert said("last-line", ended=Ended.LENGTH) is None
    assert said("none", ended=Ended.CUT) is None
    assert said("regex:ANSWER: (.*)$", "ANSWER: seven\nANSWER: ei", Ended.LENGTH) == "seven"


def test_with_none_the_best_text_wins_and_not_the_most_frequent() -> None:
    assert kind_of("none") is AnswerKind.EACH
    scores = {0: ("same", 0.3), 1: ("same", 0.3), 2: ("other", 0.5)}
    candidates = [
        Candidate(index, text, text, Ended.STOP, 1, -1.0 if index else -2.0, score, kind=AnswerKind.EACH)
        for index, (text, score) in scores.items()
    ]
    leader = vote.weighted(candidates).leader
    assert leader is not None
    assert (leader.answer, len(vote.majority(candidates).votes)) == ("other", 3)


def test_a_pattern_that_takes_for_ever_is_given_up_and_the_next_one_is_looked_for() -> None:
    search = PatternSearch(limit=0.2)
    try:
        assert search.last("regex:(a+)+$", "b\naaa") == "aaa"
        with pytest.raises(
            UsageError, match=r"\(a\+\)\+\$' takes longer than 0.2 s for a text of 41 letters"
        ) as caught:
            search.last("regex:(a+)+$", "a" * 40 + "!")
        assert caught.value.hint
        assert search.last("regex:b(.*)", "b \udcff1\nc") == "\udcff1"
    finally:
        search.close()


def test_a_pattern_is_looked_for_again_where_somebody_ends_the_worker() -> None:
    search = PatternSearch()
    try:
        assert search.last("regex:\\d", "a 7") == "7"
        assert search._worker is not None
        search._worker.stop()
        assert search.last("regex:\\d", "a 8") == "8"
    finally:
        search.close()


@pytest.mark.parametrize("form", [*FORMS, "regex:x", "regex:()"])
def test_forms_are_known(form: str) -> None:
    check_form(form)


@pytest.mark.parametrize("form", ["", "rhyme", "regex:", "regex:(", "regex:x*", "Boxed"])
def test_what_is_no_form_is_refused_with_those_there_are(form: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_form(form)
    assert caught.value.hint
