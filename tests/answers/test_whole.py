"""Texts and code as answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.answers import is_correct, majority
from ttcli.answers.whole import answer_key, code_block
from ttcli.solution import AnswerKind, Candidate, Ended

FUNCTION = "def add(a, b):\n    return a + b"


def same(one: str, other: str, kind: AnswerKind) -> bool:
    return answer_key(one, kind) == answer_key(other, kind)


def test_the_only_block_of_code_is_taken_without_its_fence() -> None:
    assert code_block(f"Here it is:\n```python\n{FUNCTION}\n```\nDone.") == FUNCTION
    assert code_block(f"~~~\n{FUNCTION}\n~~~") == FUNCTION
    assert code_block("no code, only `a word` of it") is None
    assert code_block("```\n\n```") is None


def test_the_last_block_counts_unless_it_is_a_mere_example() -> None:
    better = "def add(a, b):\n    return b + a"
    assert code_block(f"```\n{FUNCTION}\n```\nor rather\n```\n{better}\n```") == better
    assert code_block(f"```\n{FUNCTION}\n```\nwhich prints\n```\n3\n```") == FUNCTION


def test_an_open_block_counts_in_a_finished_text_alone() -> None:
    assert code_block(f"```python\n{FUNCTION}") == FUNCTION
    assert code_block(f"```python\n{FUNCTION}", finished=False) is None
    assert code_block(f"```python\n{FUNCTION}\n```\nas", finished=False) == FUNCTION


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FUNCTION, "def add(a,b):\n\n  # the sum\n  return (a+b)\n"),
        ("x = '\\d'", "x  =  '\\d'  # escapes are left alone"),
        ("let x = 1; // one\n\n", "let   x = 1;"),
        ("SELECT 1 -- one", "SELECT 1"),
    ],
)
def test_layout_and_comments_make_no_other_code(one: str, other: str) -> None:
    assert same(one, other, AnswerKind.CODE)


@pytest.mark.parametrize(
    ("one", "other"),
    [(FUNCTION, FUNCTION.replace("+", "-")), ("f('a  b')", "f('a b')"), ("a = 1 // 2", "a = 1"), ("#include <a>", "x")],
)
def test_other_code_is_other_code(one: str, other: str) -> None:
    assert not same(one, other, AnswerKind.CODE)


def test_case_layout_and_punctuation_make_no_other_text() -> None:
    assert same("Hello, **World**!", "hello\nworld", AnswerKind.TEXT)
    assert not same("it is 1.5", "it is 15", AnswerKind.TEXT)
    assert not same("it is 5", "it is -5", AnswerKind.TEXT)
    assert not same("monde, bonjour", "bonjour, monde", AnswerKind.TEXT)
    assert not same("?!", "...", AnswerKind.TEXT)


@given(st.text(), st.sampled_from(AnswerKind))
def test_any_text_has_a_key_and_is_its_own_answer(text: str, kind: AnswerKind) -> None:
    assert is_correct(text, text, kind) or kind is AnswerKind.CODE


def test_a_reference_may_stand_in_a_fence() -> None:
    assert is_correct(FUNCTION, f"```python\n{FUNCTION}\n```", AnswerKind.CODE)
    assert not is_correct(None, FUNCTION, AnswerKind.CODE)
    assert not is_correct("def add(): pass", FUNCTION, AnswerKind.CODE)


def text(index: int, answer: str, logprob: float | None) -> Candidate:
    return Candidate(index, answer, answer, Ended.STOP, 2, logprob, kind=AnswerKind.TEXT)


def test_two_equal_texts_win_and_else_the_one_the_policy_was_surest_of() -> None:
    alone = [text(0, "Red leaves", -4.0), text(1, "Cold wind", -1.0), text(2, "Grey sky", None)]
    assert (majority(alone).leader or alone[0]).answer == "Cold wind"
    leader = majority([*alone, text(3, "grey sky.", -9.0)]).leader
    assert leader is not None
    assert (leader.answer, leader.members) == ("Grey sky", (2, 3))
