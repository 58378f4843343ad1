from __future__ import annotations

import pytest

from ttcli.answers import extract_answer, is_correct
from ttcli.data.fields import BadRowError
from ttcli.data.reference import reference_of


def reference(**fields: object) -> str:
    return reference_of({"question": "What?", **fields})


@pytest.mark.parametrize(
    "name", ["Answer", "final_answer", "expected_answer", "Correct Answer", "ground_truth", "target", "gold"]
)
def test_a_reference_has_several_names(name: str) -> None:
    assert reference(**{name: "5"}) == "5"
    assert reference(**{name: "No", "answer": "5"}) == "5"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("2+2=4. The answer is 4.", "4"),
        ("He has 3 + 2 of them.\nSo the answer is **5 apples**.", "5 apples"),
        ("Answer: 1/2", "1/2"),
        (r"The final answer is $\frac{1}{2}$.", r"\frac{1}{2}"),
        ("<answer>12</answer>", "12"),
        ("The answer is Paris.", "Paris"),
        ("The answer is 4 if n is even, and 5 if n is odd", "4 if n is even, and 5 if n is odd"),
        ("Answer: the red one", "the red one"),
        ("First the answer is 3, no, the answer is 4", "4"),
    ],
)
def test_a_sentence_stands_for_the_answer_it_ends_in(answer: str, text: str) -> None:
    assert reference(answer=answer) == text


@pytest.mark.parametrize(
    "answer",
    [
        "x = 3 or y = 4",
        "x=3, y=4",
        "x^2 + 2x = 0",
        "18.",
        "Paris.",
        "$5",
        "9 (apples)",
        "3 and 4",
        "(3, 4]",
        "3:30 p.m.",
        r"\text{even}",
        "Questions and answers: a history",
        "The answer is that 4 is prime",
        "The answer is 4, since n is even",
        "He asked whether the answer is known",
        "All of them, since 2 + 2 = 4",
        "A",
        "yes",
    ],
)
def test_any_other_reference_stands_as_it_is_written(answer: str) -> None:
    assert reference(answer=answer) == answer


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (["2"], "2"),
        ([5], "5"),
        (["$1,2$"], "$1,2$"),
        (["2", "-2"], "2, -2"),
        ([2, -2], "2, -2"),
        (["$2$", "$-2$"], "$2$, $-2$"),
        (["0.5", r"\frac{1}{2}"], "0.5"),
        (["Paris"], "Paris"),
        (["yes", "yes"], "yes"),
        (["The answer is 4."], "4"),
        ([r"So \boxed{7}"], "7"),
        (["4", None, ""], "4"),
    ],
)
def test_a_list_is_what_is_in_it_or_one_answer_with_several_parts(answer: list[object], text: str) -> None:
    assert reference(final_answer=answer) == text


def test_the_parts_of_an_answer_come_in_any_order_and_all_of_them() -> None:
    text = reference(answer=["2", "-2"])
    assert is_correct(extract_answer(r"$x = \boxed{-2}$ or $x = \boxed{2}$"), text)
    assert not is_correct(extract_answer(r"\boxed{2}"), text)


def test_several_words_may_be_parts_or_spellings_and_are_an_error() -> None:
    with pytest.raises(
        BadRowError, match=r"^`answer` lists 2 answers in words, which may be parts or spellings of one$"
    ):
        reference(answer=["December 1972", "14 December 1972 UTC"])


def test_a_solution_of_any_form_stands_beside_an_answer() -> None:
    for solution in (["One way.", "Another."], {"steps": ["a"]}, 5, None, True):
        assert reference(answer="5", solution=solution) == "5"
    assert reference(final_answer=["5"], solution=[r"\boxed{6}"]) == "5"


def test_a_list_of_solutions_helps_out_where_there_is_no_answer() -> None:
    assert reference(solution=["By hand.", r"So \boxed{6}.", r"Or \boxed{6.0}."]) == "6"
    for nothing in ([], ["By hand."], [None, 5]):
        with pytest.raises(BadRowError, match="no answer"):
            reference(solution=nothing)
    with pytest.raises(BadRowError, match="`solution` is neither text nor a number"):
        reference(solution={"steps": []})


def test_a_number_of_hundreds_of_digits_is_one() -> None:
    assert reference(answer=10**400) == "1" + "0" * 400
