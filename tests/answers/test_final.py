"""What a solution answers, in the form that is wanted."""

from __future__ import annotations

import pytest

from ttcli.answers.final import answer_of, settled, spoken
from ttcli.problem import AnswerForm, Problem
from ttcli.solution import Ended, Prefix, Step

CAPITAL = "What is the capital of Australia?"
OPTIONS = "Which one is a fruit?\nA) a stone\nB) an apple\nC) a wish"
CODE = "```python\nprint(1)\n```"


def answer(text: str, problem: str = CAPITAL, form: AnswerForm = "auto", ended: Ended = Ended.STOP) -> str | None:
    return answer_of(Prefix(Problem(problem, form=form), 1, steps=(Step(text, 1, -1.0),), ended=ended))


def test_a_finished_text_answers_a_question_in_words_without_a_box() -> None:
    assert answer("Canberra.") == "Canberra"
    assert answer("The capital of Australia is Canberra.") == "Canberra"
    assert answer("Canberra.", ended=Ended.LENGTH) is None
    assert answer("Canberra.", ended=Ended.CUT) is None


def test_an_option_is_its_letter_also_where_the_text_is_broken_off() -> None:
    assert answer("\\boxed{an apple}", OPTIONS) == "B"
    assert answer("It is B.", OPTIONS) == "B"
    assert answer("It is \\boxed{an apple} and", OPTIONS, ended=Ended.LENGTH) == "B"
    assert answer("It is B.", OPTIONS, ended=Ended.LENGTH) is None


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("boxed", "Canberra.", None),
        ("boxed", "It is \\boxed{Canberra}.", "Canberra"),
        ("choice", "\\boxed{b}", "B"),
        ("choice", "It is (C).", "C"),
        ("choice", "\\boxed{42}", None),
        ("text", " <think>hm</think>\nRed leaves\nfall. ", "Red leaves\nfall."),
        ("text", "<think>hm", None),
        ("code", f"Here:\n{CODE}", "print(1)"),
        ("code", "print(1)", None),
    ],
)
def test_the_form_decides_what_counts(form: AnswerForm, text: str, expected: str | None) -> None:
    assert answer(text, form=form) == expected


def test_a_text_that_was_cut_is_no_answer_but_a_closed_block_of_code_is() -> None:
    assert answer("Red leaves", form="text", ended=Ended.LENGTH) is None
    assert answer(f"{CODE}\nThis", form="code", ended=Ended.LENGTH) == "print(1)"
    assert answer("```python\nprint(", form="code", ended=Ended.LENGTH) is None


@pytest.mark.parametrize(
    ("problem", "form"),
    [
        ("Write a Python function that reverses a list.", "code"),
        ("Can you write a regex for dates?", "code"),
        ("Write a function to compute Fibonacci numbers in JavaScript", "code"),
        ("Write a haiku about autumn", "text"),
        ("Explain why the sky is blue.", "text"),
        (CAPITAL, "auto"),
        ("Write $\\frac{3}{20}$ as a decimal.", "auto"),
        ("How many ways are there to write a code of 4 letters?", "auto"),
        ("Write the equation of the line through (1,2) and (3,4).", "auto"),
        (OPTIONS, "auto"),
    ],
)
def test_code_and_long_texts_are_known_by_the_words_that_ask_for_them(problem: str, form: AnswerForm) -> None:
    assert settled(Problem(problem)).form == form
    assert settled(Problem(problem, form="boxed")).form == "boxed"


def test_what_is_said_is_what_comes_after_thinking() -> None:
    assert spoken("<think>a</think> b ") == "b"
    assert spoken("<think>a") is None
