from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.answers import extract_answer
from ttcli.answers.question import Question
from ttcli.data.fields import BadFileError, BadRowError
from ttcli.data.question import question_of
from ttcli.data.reference import reference_of

FRUIT = ["apple", "pear", "plum", "fig"]
FORMS: dict[str, Mapping[str, object]] = {
    "list": {"choices": FRUIT},
    "options": {"options": FRUIT},
    "upper case": {"Options": FRUIT},
    "lettered": {"options": ["A)apple", "B) pear", "(C) plum", "D. fig"]},
    "object": {"options": {"A": "apple", "B": "pear", "C": "plum", "D": "fig"}},
    "object out of order": {"options": {"B": "pear", "A": "apple", "D": "fig", "C": "plum"}},
    "text and label": {"choices": {"text": FRUIT, "label": ["A", "B", "C", "D"]}},
    "objects": {"choices": [{"label": letter, "text": text} for letter, text in zip("ABCD", FRUIT, strict=True)]},
    "JSON in a cell": {"choices": json.dumps(FRUIT)},
    "Python in a cell": {"choices": repr(FRUIT)},
    "one text": {"options": "a ) apple , b ) pear , c ) plum , d ) fig"},
    "lines of a text": {"options": "A) apple\nB) pear\nC) plum\nD) fig"},
    "columns": dict(zip("ABCD", FRUIT, strict=True)),
    "columns with a blank one": {**dict(zip("ABCD", FRUIT, strict=True)), "E": ""},
    "named columns": {f"option_{letter}": text for letter, text in zip("abcd", FRUIT, strict=True)},
    "with blanks behind": {"options": {"A": "apple", "B": "pear", "C": "plum", "D": "fig", "E": None}},
}


def row(**fields: object) -> dict[str, object]:
    return {"question": "Which is blue?", **fields}


def complaint(fields: Mapping[str, object]) -> str:
    with pytest.raises(BadRowError) as caught:
        reference_of(fields)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_options_of_any_form_are_lettered_behind_the_question(form: str) -> None:
    fields = row(**FORMS[form])
    assert question_of(fields) == "Which is blue?\n\nA) apple\nB) pear\nC) plum\nD) fig"
    for answer in (
        "C",
        "c",
        "(C)",
        "C.",
        "plum",
        "Plum",
        r"It is \boxed{C}.",
        "The answer is plum.",
        "#### C",
        "C) plum",
    ):
        assert reference_of({**fields, "answer": answer}) == "C", answer


@pytest.mark.parametrize("name", ["answer", "answerKey", "correct", "correct_answer", "target", "gold", "label"])
def test_the_right_option_has_several_names(name: str) -> None:
    assert reference_of(row(choices=FRUIT, **{name: "B"})) == "B"


def test_a_number_is_an_index_from_0() -> None:
    assert [reference_of(row(choices=FRUIT, answer=at)) for at in range(4)] == list("ABCD")
    assert reference_of(row(choices=FRUIT, answer=2.0)) == "C"
    assert reference_of(row(choices=FRUIT, answer="2")) == "C"
    assert reference_of(row(choices=["2", "3", "0", "1"], answer=0)) == "A"


def test_a_label_of_the_data_set_goes_before_an_index() -> None:
    choices = {"text": FRUIT, "label": ["1", "2", "3", "4"]}
    assert reference_of(row(choices=choices, answerKey="2")) == "B"
    assert reference_of(row(choices=choices, answerKey=2)) == "B"
    assert reference_of(row(choices={**choices, "text": ["3", "4", "1", "2"]}, answerKey="2")) == "B"


def test_an_index_beside_the_answer_must_agree_with_it() -> None:
    assert reference_of(row(options=FRUIT, answer="B", answer_index=1)) == "B"
    assert reference_of(row(options=FRUIT, answer="pear", answer_idx="B")) == "B"
    assert reference_of(row(options=FRUIT, answer_index=1)) == "B"
    assert complaint(row(options=FRUIT, answer="B", answer_index=2)) == "`answer` says B and `answer_index` says C"


def test_a_count_from_1_is_no_guess_but_an_error_with_a_hint() -> None:
    with pytest.raises(
        BadFileError, match=r"^`answer` is 4 with 4 options, so answers seem to count from 1$"
    ) as caught:
        reference_of(row(choices=FRUIT, answer=4))
    assert "from 0" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"choices": FRUIT, "answer": "cherry"}, "`answer` is cherry, which is none of the 4 options"),
        ({"choices": FRUIT, "answer": "E"}, "`answer` is E, which is none of the 4 options"),
        ({"choices": FRUIT, "answer": -1}, "`answer` is -1, which is none"),
        ({"choices": FRUIT, "answer": 7}, "`answer` is 7, which is none"),
        ({"choices": FRUIT, "answer": [1]}, "`answer` is neither text nor a number"),
        ({"choices": FRUIT, "answer": True}, "`answer` is neither text nor a number"),
        ({"choices": FRUIT}, "no answer: `answer` must hold the letter, the text or the index"),
        ({"choices": ["1", "2", "3"], "answer": "2"}, "`answer` is 2, which may be B and C: a letter leaves no doubt"),
        ({"choices": [1, 2, 3], "answer": 2}, "`answer` is 2, which may be B and C"),
        ({"choices": ["C", "B", "A"], "answer": "A"}, "`answer` is A, which may be A and C"),
        ({"choices": ["fig", "fig", "plum"], "answer": "fig"}, "fig is the text of several options"),
        ({"choices": ["fig"], "answer": "fig"}, "`choices`: there must be from 2 to 26 options"),
        ({"choices": [str(at) for at in range(27)], "answer": "5"}, "`choices`: there must be from 2 to 26 options"),
        ({"choices": ["fig", "", "plum"], "answer": "fig"}, "`choices`: there must be from 2 to 26 options, and none"),
        ({"choices": 5, "answer": 0}, "`choices` holds no options in a form that is known"),
        ({"choices": "apple or pear", "answer": 0}, "`choices` holds no options in a form"),
        ({"choices": "['apple' 'pear']", "answer": 0}, "`choices`: there must be from 2"),
        ({"choices": [["fig"], ["plum"]], "answer": 0}, "`choices` is neither text nor a number"),
        ({"choices": {"text": FRUIT, "label": ["A"]}, "answer": "A"}, "`choices` has 4 texts and 1 labels"),
        ({"Correct Answer": "fig", "Incorrect Answer 1": "fig"}, "two of `Correct Answer` and `Incorrect Answer 1`"),
    ],
)
def test_options_and_answers_that_do_not_fit_are_told(fields: Mapping[str, object], reason: str) -> None:
    assert complaint(row(**fields)).startswith(reason)


def test_an_answer_that_repeats_a_number_is_told_by_its_text() -> None:
    assert reference_of(row(choices=["12", "15", "20"], answer=15)) == "B"
    assert reference_of(row(choices=[12, 15, 20], answer=15)) == "B"
    assert reference_of(row(choices=["0", "1", "2"], answer="1")) == "B"


def test_a_solution_may_say_which_option_is_right() -> None:
    assert reference_of(row(choices=FRUIT, solution=r"So \boxed{D}.")) == "D"


def test_no_options_are_no_options() -> None:
    blank: list[object] = [[], None, ""]
    for nothing in blank:
        assert question_of(row(choices=nothing)) == "Which is blue?"
        assert reference_of(row(choices=nothing, answer="plum")) == "plum"


def test_options_that_the_question_lists_are_not_repeated() -> None:
    text = "Which is blue?\n(A) apple\n(B) pear\n(C) plum\n(D) fig"
    assert question_of({"question": text, "choices": FRUIT}) == text
    assert reference_of({"question": text, "choices": FRUIT, "answer": 2}) == "C"
    other = "Which hold?\nA. It rains.\nB. It snows."
    assert question_of({"question": other, "choices": ["A only", "B only"]}) == f"{other}\n\nA) A only\nB) B only"


def test_a_question_that_is_an_object_has_its_options_in_it() -> None:
    choices = [{"label": "A", "text": "apple"}, {"label": "B", "text": "plum"}]
    fields = {"id": "1", "question": {"stem": "Which is blue?", "choices": choices}, "answerKey": "B"}
    assert question_of(fields) == "Which is blue?\n\nA) apple\nB) plum"
    assert reference_of(fields) == "B"


def test_a_line_feed_within_an_option_is_a_space() -> None:
    assert question_of(row(choices=["an\n apple", "plum\n"])) == "Which is blue?\n\nA) an apple\nB) plum"


def shuffled(question: str, right: str, *wrong: str) -> tuple[list[str], str]:
    fields: dict[str, object] = {"Question": question, "Correct Answer": right}
    fields |= {f"Incorrect Answer {at}": text for at, text in enumerate(wrong, 1)}
    options = Question.of(question_of(fields)).options
    return list(options.values()), reference_of(fields)


def test_the_right_option_of_columns_stands_anywhere_and_the_order_does_not_tell_it() -> None:
    letters = Counter(shuffled(f"Which, in year {year}?", *FRUIT)[1] for year in range(2000))
    assert sorted(letters) == list("ABCD")
    assert all(420 < times < 580 for times in letters.values())  # 500 expected, four standard deviations
    order, letter = shuffled("Which?", *FRUIT)
    for right in FRUIT:
        again, moved = shuffled("Which?", right, *(text for text in FRUIT if text != right))
        assert again == order
        assert order[ord(moved) - ord("A")] == right
    assert order[ord(letter) - ord("A")] == "apple"


def test_distractors_are_options_too() -> None:
    fields = row(correct_answer="plum", distractor1="apple", distractor2="pear", distractor3="fig")
    assert sorted(Question.of(question_of(fields)).options.values()) == sorted(FRUIT)
    assert Question.of(question_of(fields)).options[reference_of(fields)] == "plum"


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=12)


@given(TEXT, st.lists(TEXT.filter(lambda text: text.strip(" $\\~.;,")), min_size=2, max_size=26, unique=True))
def test_options_are_recognised_where_answers_are_read(question: str, texts: list[str]) -> None:
    fields = {"question": question, "choices": texts, "answer_index": len(texts) - 1}
    letter = reference_of(fields)
    assert letter == chr(64 + len(texts))
    read = Question.of(question_of(fields)).options
    if not all(re.match(r"\(?[A-Za-z]\s?[).:]", text) for text in texts):
        assert len(read) == len(texts)
    assert extract_answer(rf"\boxed{{{letter}}}", question_of(fields)) == letter
