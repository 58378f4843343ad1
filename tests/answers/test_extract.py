import json
import random
import time
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.answers import extract_answer
from ttcli.answers.normal import is_number

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def test_the_box_gives_the_answer() -> None:
    assert extract_answer(r"Therefore $x = \boxed{42}$.") == "42"


def test_the_last_box_counts() -> None:
    assert extract_answer(r"First \boxed{1}, but then \fbox{2}.") == "2"


def test_nested_braces_stay_whole() -> None:
    assert extract_answer(r"so \boxed{\frac{1}{\sqrt{2}}} it is") == r"\frac{1}{\sqrt{2}}"


def test_an_escaped_brace_closes_no_box() -> None:
    assert extract_answer(r"\boxed{\left\{1,2\right\}}") == r"\left\{1,2\right\}"
    assert extract_answer(r"\boxed{\left\{ x \right.}") == r"\left\{ x \right"


def test_a_box_without_braces_holds_one_word() -> None:
    assert extract_answer(r"$\boxed 5$ apples") == "5"
    assert extract_answer(r"$\boxed \frac{1}{2}$") == r"\frac{1}{2}"


def test_the_bare_command_in_prose_is_no_box() -> None:
    assert extract_answer(r"I put the answer into \boxed and go home with 7") is None


def test_an_unclosed_box_is_no_answer() -> None:
    assert extract_answer(r"hence \boxed{12") is None
    assert extract_answer(r"hence \boxed{\frac{1}{2}") is None
    assert extract_answer(r"\boxed{3}, hence \boxed{12") == "3"


@pytest.mark.parametrize("empty", [r"\boxed{}", r"\boxed{ }", r"\boxed{...}", r"\boxed{$$}", r"\boxed{\boxed{}}"])
def test_an_empty_box_is_no_answer(empty: str) -> None:
    assert extract_answer(empty) is None
    assert extract_answer(r"\boxed{7} and " + empty) == "7"


def test_dollar_signs_around_the_answer_go_and_currency_stays() -> None:
    assert extract_answer(r"\boxed{$5$}") == "5"
    assert extract_answer(r"\boxed{\$5}") == r"\$5"
    assert extract_answer("#### $5") == "$5"


def test_the_last_line_with_four_hashes_gives_the_answer() -> None:
    assert extract_answer("#### 3\nno, wait\n#### 1,234.\n") == "1,234"


def test_a_markdown_heading_is_no_answer() -> None:
    assert extract_answer("#### Step 1: Add\n3 + 4 = 7\n#### Step 2: Conclude\nSo it is 7.") is None
    assert extract_answer("#### Final Answer\n") is None


def test_four_hashes_before_words_count_at_the_end() -> None:
    assert extract_answer("It is she.\n#### Evelyn\n\n") == "Evelyn"


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("The answer is 5.", "5"),
        ("the final answer is: $\\frac{1}{2}$. I hope it is correct.", r"\frac{1}{2}"),
        ("The answer is $7.$ Done", "7"),
        ("THE ANSWER IS **12**!", "12"),
        ("**Answer:** 3.5 apples", "3.5 apples"),
        ("Final Answer: \\(x^2\\)", "x^2"),
        ("The final answer is:\n\\[\n\\sqrt{2}\n\\]", r"\sqrt{2}"),
        ("Answer:\n\n**42**\n", "42"),
        ("The answer is (x+1)**2.", "(x+1)**2"),
        ("The answer is 4. No, the answer is 5.", "5"),
    ],
)
def test_the_sentence_gives_the_answer(sentence: str, answer: str) -> None:
    assert extract_answer(f"Thinking.\n{sentence}") == answer


def test_a_list_under_a_heading_is_no_answer() -> None:
    assert extract_answer("### Answer:\n1. First, add.\n2. Then multiply") is None


def test_what_is_said_last_wins_however_it_is_marked() -> None:
    marks = ("\\boxed{%d}", "#### %d", "The answer is %d", "<answer>%d</answer>", "## Final Answer\n%d")
    for order in permutations(marks):
        assert extract_answer("\n".join(mark % number for number, mark in enumerate(order))) == str(len(marks) - 1)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is the number of apples, within \\boxed{}.",
        "The answer is to be put within \\boxed{}",
        "The answer is: \\boxed{12",
        "the answer is \\boxed{}\n\nand",
    ],
)
def test_a_phrase_that_ends_in_an_empty_or_open_box_gives_no_answer(text: str) -> None:
    assert extract_answer(text) is None


def test_a_phrase_before_an_empty_box_still_counts() -> None:
    assert extract_answer("The answer is 7. I put the answer within \\boxed{}.") == "7"


@pytest.mark.parametrize("text", ["", "   ", "So she has 12 apples.", "x = 5", "3 + 4 = 7"])
def test_a_number_that_comes_last_is_not_guessed(text: str) -> None:
    assert extract_answer(text) is None


LATEX = st.recursive(
    st.text("abxy0123+-^ ", min_size=1, max_size=5).map(lambda s: f"a{s}b"),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: "\\f" + "".join(f"{{{p}}}" for p in parts)),
    max_leaves=20,
)


@settings(deadline=None)
@given(LATEX, st.text("abc .\n$"), st.text("abc .\n$"))
def test_any_balanced_answer_comes_out_of_its_box(answer: str, before: str, after: str) -> None:
    assert extract_answer(f"{before}\\boxed{{{answer}}}{after}") == answer


PIECES = st.sampled_from(
    ["\\boxed", "{", "}", "\\", "$", "**", "####", "answer is", "answer:", "\n", " ", ".", "5", "\\["]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_no_text_raises(text: str) -> None:
    answer = extract_answer(text)
    assert answer is None or answer.strip()


@pytest.mark.parametrize(
    "piece",
    [
        "\\boxed{",
        "\\boxed{}",
        "\\boxed{.",
        "{",
        "}",
        "\\boxed ",
        "####",
        "#### \n",
        "answer is ",
        "answer:\n",
        " ",
        "*",
        "$",
        ". ",
        "\\",
    ],
)
def test_time_is_linear_in_adversarial_text(piece: str) -> None:
    text = piece * (200_000 // len(piece))  # quadratic time would be minutes
    for adversarial in (text, "\\boxed{" * 9 + text + "}" * 20_000, "The answer is " + text):
        start = time.process_time()
        extract_answer(adversarial)
        assert time.process_time() - start < 4


def test_answers_of_gsm8k_are_numbers() -> None:
    path = DATA / "gsm8k_train.jsonl"
    if not path.exists():
        pytest.skip("the GSM8K training set is not beside the repository")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in random.Random(0).sample(rows, 500):
        answer = extract_answer(row["answer"])
        assert answer is not None
        assert is_number(answer), answer


def lettered(*options: str) -> str:
    return "\n".join(f"{chr(65 + at)}) {option}" for at, option in enumerate(options))


@pytest.mark.parametrize("count", [2, 4, 5, 10, 12, 26])
def test_options_are_read_to_the_last_letter(count: int) -> None:
    question = "Which is it?\n\n" + lettered(*(f"{at}5 kg" for at in range(1, count + 1)))
    last = chr(64 + count)
    said = [rf"\boxed{{{last}}}", f"The answer is ({last}).", f"#### {last}", rf"\boxed{{{count}5 kg}}"]
    said += [rf"\boxed{{{last}) {count}5 kg}}", f"So it is\n({last})"]
    assert {extract_answer(text, question) for text in said} == {last}
    assert extract_answer(r"\boxed{A}", question) == "A"


def test_the_last_list_of_options_counts() -> None:
    question = f"Consider these.\n{lettered('It rains', 'It snows')}\nWhich hold?\n\n{lettered('1', '2', '3')}"
    assert extract_answer(r"\boxed{3}", question) == "C"
    assert extract_answer(r"\boxed{It snows}", question) == "It snows"


def test_a_letter_with_the_text_of_another_option_is_no_option() -> None:
    question = "Which?\n" + lettered(*(str(at) for at in range(30, 44)))
    assert extract_answer(r"\boxed{N) 43}", question) == "N"
    assert extract_answer(r"\boxed{N) 42}", question) == "N) 42"
    assert extract_answer(r"\boxed{Z.}", question) == "Z"
