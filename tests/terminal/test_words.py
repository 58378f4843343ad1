from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.pictures import BEGAN, ballot, candidate, solved
from ttcli.cost import Budget, Cost, Unit
from ttcli.printable import one_line
from ttcli.solution import Ended
from ttcli.terminal import words
from ttcli.terminal.messages import complain, show_cursor


@given(st.text())
def test_one_line_is_one_line_of_printable_characters(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line == line.strip()
    assert one_line(line) == line


def test_one_line_marks_what_it_had_to_take_out() -> None:
    assert one_line("a\n\n b\tc\x1b[2J") == "a b c\ufffd[2J"
    assert one_line("三 é \\frac{1}{2}") == "三 é \\frac{1}{2}"


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(1), "1 generation"),
        (Budget(16), "16 generations"),
        (Budget(1, Unit.TOKENS), "1 token"),
        (Budget(2_000_000, Unit.TOKENS), "2,000,000 tokens"),
        (Budget(1, Unit.SECONDS), "1 second"),
        (Budget(0.25, Unit.SECONDS), "0.25 seconds"),
        (Budget(3600, Unit.SECONDS), "3,600 seconds"),
    ],
)
def test_a_budget_is_said_in_words(budget: Budget, text: str) -> None:
    assert words.allowed(budget) == text


def test_the_heading_names_method_model_verifier_budget_and_seed() -> None:
    assert words.heading(BEGAN) == "best-of-n, tiny, verifier judge:tiny, budget 16 generations, seed 0"


@pytest.mark.parametrize(
    ("ended", "fate"), [(Ended.STOP, ""), (Ended.OPEN, ""), (Ended.LENGTH, "token limit"), (Ended.CUT, "cut short")]
)
def test_only_an_unusual_end_is_worth_a_word(ended: Ended, fate: str) -> None:
    assert words.fate(ended) == fate
    assert words.length(candidate(0, "4", ended=ended, tokens=1)) == ", ".join(filter(None, ["1 token", fate]))


def test_no_answer_is_said_and_an_empty_answer_is_not_mistaken_for_it() -> None:
    assert words.answer(candidate(0, None)) == "no answer"
    assert words.answer(candidate(0, "")) == ""


def test_spending_has_a_speed_only_where_time_has_passed() -> None:
    assert words.spending(Cost(policy_tokens=5)) == "5 tokens, 0.0 s"
    assert words.spending(Cost(prompt_tokens=100, policy_tokens=50, seconds=2)) == "150 tokens, 25 tokens/s, 2.0 s"


def test_support_counts_those_who_agree_among_all() -> None:
    all_three = [candidate(0, "4"), candidate(1, "4"), candidate(2, None)]
    outcome = solved(all_three, ballot(("4", [0, 1]), abstained=1)).outcome
    assert words.support(outcome) == "2 of 3 candidates agree"
    assert words.tally(outcome) == "4 x 2; no answer x 1"


def test_an_error_is_a_line_and_so_is_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    complain("two\nlines \x1b[2J", "a\nhint")
    complain("no hint")
    assert capsys.readouterr() == ("", "error: two; lines \ufffd[2J\nhint: a hint\nerror: no hint\n")


def test_the_cursor_is_not_spoken_of_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_cursor()
    assert capsys.readouterr() == ("", "")
