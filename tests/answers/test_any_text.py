"""What holds for any text: nothing is raised, and equality is an equivalence among changes of one answer."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.answers import equivalent, extract_answer, majority
from ttcli.solution import Candidate, Ended

ROWS = [json.loads(line) for line in Path(__file__).with_name("kinds.jsonl").read_text(encoding="utf-8").splitlines()]
REFERENCES = sorted({answer for row in ROWS for answer in row.get("same", row.get("apart_from_first"))})
PIECES = [
    *"0129+-*/^_=<>()[]{}.,:;|!%&$°axnieπ²½×", "\\frac", "\\sqrt", "\\pi", "\\pm", "\\infty", "\\cup", "\\le", "\\sin",
    "\\text{", "\\left(", "\\right)", "\\begin{pmatrix}", "\\end{pmatrix}", "\\\\", "\\{", "\\}", "\\boxed{", "\\ldots",
    "^\\circ", "cm", "10^", "and", "or",
]  # fmt: skip
LATEX = st.lists(st.sampled_from([*PIECES, " "]), max_size=12).map("".join)


@st.composite
def changed(draw: st.DrawFn, reference: str) -> str:
    """A reference with one character replaced, put in or left out."""
    place = draw(st.integers(0, len(reference)))
    piece: str = draw(st.sampled_from(["", *PIECES]))
    return reference[:place] + piece + reference[place + draw(st.integers(0, 1)) :]


ANY = st.one_of(st.text(), LATEX, st.sampled_from(REFERENCES).flatmap(changed))


@settings(deadline=None)
@given(ANY, ANY)
def test_any_two_texts_are_compared_alike_in_either_order(one: str, other: str) -> None:
    assert equivalent(one, other) == equivalent(other, one)
    assert equivalent(one, one)


@settings(deadline=None)
@given(ANY, st.none() | ANY)
def test_any_text_with_any_problem_gives_an_answer_or_none(text: str, problem: str | None) -> None:
    answer = extract_answer(f"So it is {text}. The answer is {text}.\n\\boxed{{{text}}}", problem)
    assert answer is None or answer.strip()


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(REFERENCES).flatmap(lambda reference: st.lists(changed(reference), min_size=3, max_size=6)))
def test_a_class_of_a_vote_holds_only_answers_that_are_equal_to_each_other(answers: list[str]) -> None:
    vote = majority([Candidate(index, answer, answer, Ended.STOP, 1, None) for index, answer in enumerate(answers)])
    for each in vote.votes:
        assert all(equivalent(answers[a], answers[b]) for a, b in permutations(each.members, 2))
