from __future__ import annotations

import pytest

from ttcli.policy.content import MOST, states, states_code, steps_counted
from ttcli.problem import Problem

NUMBERS = Problem("Ann has 3 apples and buys 4. How many has she?")


@pytest.mark.parametrize(
    ("step", "number", "equation"),
    [
        ("Let's break down the problem step by step.\n\n", False, False),
        ("To solve this, we follow these steps:\n\n", False, False),
        ("### Step 1: find how many there are\n\n", False, False),
        ("**Step 2:** add them\n\n", False, False),
        ("1. **Find the total**:\n\n", False, False),
        ("2) Multiply it\n\n", False, False),
        ("1.5 kg of rice\n\n", True, False),
        ("1. She has 3 apples.\n\n", True, False),
        ("Step 1: 3 + 4 = 7\n\n", True, True),
        ("12 apples\n\n", True, False),
        ("so x = 4\n\n", True, True),
        ("\\[ 3 \\times 4 = 12 \\]\n\n", True, True),
        ("", False, False),
    ],
)
def test_a_step_states_what_it_holds_besides_its_own_number(step: str, number: bool, equation: bool) -> None:
    assert states(step, "number") is number
    assert states(step, "equation") is equation
    assert states(step, "any") is bool(step.strip())


def test_code_states_something_where_there_is_a_line_besides_comments_and_fences() -> None:
    assert not states_code("```python\n# add them\n\n")
    assert not states_code("// first\n\n")
    assert states_code("```python\nx = 1\n\n")


def test_steps_count_up_to_the_first_that_states_something() -> None:
    count = steps_counted(NUMBERS, "number")
    assert count(["Let us see.\n\n"]) == 0
    assert count(["Let us see.\n\n", "She has 3.\n\n"]) == 1
    assert count(["Let us see.\n\n", "She has 3.\n\n", "And\n\n", "then 4.\n\n"]) == 2
    assert count(["3\n\n", "4\n\n"]) == 2


def test_so_many_steps_without_anything_count_as_one() -> None:
    count = steps_counted(NUMBERS, "equation")
    assert count(["hm\n\n"] * (MOST - 1)) == 0
    assert count(["hm\n\n"] * MOST) == 1
    assert count(["hm\n\n"] * 2 * MOST) == 2


@pytest.mark.parametrize(
    ("problem", "content"),
    [
        (Problem("Why is the sky blue?"), "number"),
        (Problem("Prove that 2 is even", form="text"), "number"),
        (NUMBERS, "any"),
    ],
)
def test_where_no_number_need_come_every_step_counts(problem: Problem, content: str) -> None:
    assert steps_counted(problem, content)(["one\n\n", "two\n\n"]) == 2  # type: ignore[arg-type]
