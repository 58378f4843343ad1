"""Arithmetic as a verifier of whole solutions, and of prefixes."""

from __future__ import annotations

from dataclasses import replace

from ttcli.problem import Problem
from ttcli.solution import Ended, Prefix, Step
from ttcli.verifier.arithmetic import Arithmetic, by_step
from ttcli.verifier.arithmetic.verifier import FALSE, NONE, OPEN, TRUE

PROBLEM = Problem("How much is 12 x 5 and 3 more?", "p")


def prefix(*steps: str) -> Prefix:
    return Prefix(PROBLEM, 0, steps=tuple(Step(text, 5, None) for text in steps))


def test_a_step_is_scored_by_what_stands_down_to_it() -> None:
    (opinion,) = Arithmetic().score([prefix("Let us see.\n\n", "12 x 5 = 60\n\n", "60 + 3 = 64\n\n", "So 64.")])
    assert opinion.steps == (OPEN, TRUE, FALSE, FALSE)
    assert opinion.score == FALSE
    assert opinion.tokens == 0


def test_a_longer_prefix_does_not_change_the_scores_of_its_steps() -> None:
    steps = ("12 x 5 = 60\n\n", "60 + 3 = 64\n\n", "So \\boxed{64}.")
    short, whole = Arithmetic().score([prefix(*steps[:2]), prefix(*steps)])
    assert whole.steps[:2] == short.steps


def test_a_result_in_the_next_step_is_counted_there() -> None:
    found = by_step(["We find 12 x 5\n\n", "= 70\n\n"])
    assert [[equation.holds for equation in equations] for equations in found] == [[], [False]]


def test_a_result_before_its_computation_is_counted_where_that_ends() -> None:
    assert [len(found) for found in by_step(["Now 8 =\n\n", "5 + 3\n\n", "So 8."])] == [0, 1, 0]
    (whole,) = Arithmetic().score([prefix("Now 9 =\n\n", "5 + 3\n\n")])
    (short,) = Arithmetic().score([prefix("Now 9 =\n\n")])
    assert whole.steps[:1] == short.steps


def test_a_root_is_worth_as_much_as_words() -> None:
    (opinion,) = Arithmetic().score([prefix()])
    assert (opinion.score, opinion.steps) == (OPEN, ())


def test_a_finished_solution_that_computes_nothing_is_worth_less_than_one_that_may_yet() -> None:
    words = prefix("I guess.\n\n", "So \\boxed{64}.")
    ended, on = Arithmetic().score([replace(words, ended=Ended.STOP), words])
    assert (ended.steps, on.steps) == ((OPEN, NONE), (OPEN, OPEN))
