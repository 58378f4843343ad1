from __future__ import annotations

from collections.abc import Mapping

import pytest

from ttcli.data.fields import BadRowError
from ttcli.data.question import asked, question_of

NAMES = ["problem", "question", "question_stem", "prompt", "query", "instruction", "statement", "input"]


@pytest.mark.parametrize("name", NAMES)
def test_a_question_has_several_names(name: str) -> None:
    for spelt in (name, name.upper(), name.title(), name.replace("_", " "), name.replace("_", "-")):
        assert question_of({"answer": 2, spelt: " What?\n"}) == "What?"


def test_the_first_of_the_names_with_text_counts() -> None:
    fields = {name: f"{name}?" for name in reversed(NAMES) if name not in ("instruction", "input")}
    for name in NAMES:
        if name in fields:
            assert question_of(fields) == f"{name}?"
            assert name not in asked(fields).left_out
            fields[name] = ""
    assert question_of({"problem": 5, "Question": "What?"}) == "What?"


def test_a_name_as_it_is_written_goes_before_another_spelling() -> None:
    assert question_of({"Question": "No.", "question": "What?"}) == "What?"
    assert question_of({"QUESTION": "What?", "Question": "What?"}) == "What?"
    with pytest.raises(BadRowError, match=r"^`QUESTION` and `Question` say different things$"):
        question_of({"QUESTION": "What?", "Question": "Who?"})


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"Body": "Two birds sit.", "Question": "How many?"}, "Two birds sit. How many?"),
        ({"body": None, "question": "How many?"}, "How many?"),
        ({"body": "Two birds sit.", "question": "Two birds sit. How many?"}, "Two birds sit. How many?"),
        ({"context": "Birds.", "question": "How many?"}, "Birds.\n\nHow many?"),
        ({"passage": "Birds.", "question": "How many?"}, "Birds.\n\nHow many?"),
        ({"article": "Birds.", "body": "Two sit.", "question": "How many?"}, "Birds.\n\nTwo sit. How many?"),
        ({"instruction": "Add them.", "input": "2 and 3"}, "Add them.\n\n2 and 3"),
        ({"instruction": "Add 2 and 3.", "input": ""}, "Add 2 and 3."),
    ],
)
def test_what_belongs_to_a_question_is_joined_with_it(fields: Mapping[str, object], text: str) -> None:
    problem = asked(fields)
    assert problem.text == text
    assert not problem.left_out


def test_what_looks_like_part_of_a_question_and_is_not_joined_is_kept_in_mind() -> None:
    fields = {
        "question": "What?",
        "Hint": "Add.",
        "image_1": {"bytes": "x"},
        "context": ["a"],
        "table": "",
        "level": "2",
    }
    assert asked(fields).left_out == {"Hint": "Add.", "image_1": {"bytes": "x"}, "context": ["a"]}
    assert not asked({"question": "What is it?", "prompt": "is it", "solution": "x", "rationale": "y"}).left_out


def test_a_row_that_asks_nothing_says_what_it_has() -> None:
    with pytest.raises(BadRowError) as caught:
        question_of({"ctx": "A man", "body": "Two birds sit."})
    assert str(caught.value) == "no problem: `problem` or `question` must hold text, and there is `ctx`, `body`"
    with pytest.raises(BadRowError, match="and there is nothing"):
        question_of({})
