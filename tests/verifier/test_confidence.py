from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix, Step
from ttcli.thought import Thought
from ttcli.verifier.confidence import Confidence

STEPS = st.lists(st.builds(Step, st.just("x"), st.integers(1, 50), st.floats(-200, 0)), max_size=6)


def prefix(*steps: Step) -> Prefix:
    return Prefix(Problem("?"), 1, steps=steps)


SURE, UNSURE = Step("a", 4, -0.4), Step("b", 2, -3.0)


def test_confidence_is_the_geometric_mean_of_the_token_probabilities() -> None:
    (opinion,) = Confidence().score([prefix(SURE, UNSURE)])
    assert opinion.score == pytest.approx(math.exp(-3.4 / 6))
    assert opinion.steps == pytest.approx((math.exp(-0.1), math.exp(-1.5)))
    assert opinion.tokens == 0


def test_the_weakest_step_speaks_for_the_whole_where_that_is_asked() -> None:
    (opinion,) = Confidence(weakest=True).score([prefix(SURE, UNSURE)])
    assert opinion.score == pytest.approx(math.exp(-1.5))
    assert opinion.steps == pytest.approx((math.exp(-0.1), math.exp(-1.5)))


@pytest.mark.parametrize("weakest", [False, True])
def test_an_empty_solution_has_full_confidence(weakest: bool) -> None:
    assert Confidence(weakest=weakest).score([prefix()]) == [StepScores(1.0, (), 0, 1.0)]


@given(STEPS)
def test_scores_are_probabilities_and_no_step_is_below_the_weakest(steps: list[Step]) -> None:
    (whole,) = Confidence().score([prefix(*steps)])
    (weakest,) = Confidence(weakest=True).score([prefix(*steps)])
    assert all(0 <= score <= 1 for score in (whole.score, weakest.score, *whole.steps))
    assert weakest.score == min(whole.steps, default=1)
    assert weakest.score <= whole.score + 1e-12


def test_opinions_come_in_the_order_of_the_prefixes_and_carry_names() -> None:
    opinions = Confidence().score([prefix(UNSURE), prefix(SURE)])
    assert opinions[0].score < opinions[1].score
    assert [Confidence().name, Confidence(weakest=True).name] == ["confidence", "confidence:weakest"]
    assert Confidence().parameters == 0


def test_a_thought_has_no_part_in_the_confidence_of_a_text() -> None:
    thoughtful = replace(prefix(SURE, UNSURE), thought=Thought("hm", 900, -2000.0))
    assert Confidence().score([thoughtful]) == Confidence().score([prefix(SURE, UNSURE)])
