"""Rows laid out as nine public data sets lay theirs out, with problems of our own: what a model sees, and what counts.

GSM8K (Cobbe et al., 2021), MATH (Hendrycks et al., 2021), AIME, SVAMP (Patel et al., 2021), ASDiv (Miao et al., 2020),
MMLU (Hendrycks et al., 2021), GPQA (Rein et al., 2023), AQuA (Ling et al., 2017), OlympiadBench (He et al., 2024).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from ttcli.answers import extract_answer, is_correct
from ttcli.data.dataset import read_dataset
from ttcli.policy.prompt import INSTRUCTION, Prompt

SHAPES = Path(__file__).parent / "shapes"


class Case(NamedTuple):
    """A row of a shape, and solutions of it."""

    file: str
    at: int
    id: str
    prompt: str
    reference: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


CASES = [
    Case(
        "gsm8k.jsonl",
        1,
        "2",
        "A hall has 25 rows of 50 seats. How many seats does it have?",
        "1,250",
        (r"25 times 50 is \boxed{1250}.", "#### 1250", "The answer is 1,250 seats."),
        (r"\boxed{125}", "It has 1250 seats, or so I think"),
    ),
    Case(
        "math.jsonl",
        0,
        "1",
        "What is the slope of the line $2y = 3x + 8$?",
        r"\frac{3}{2}",
        (r"\boxed{\frac32}", r"The answer is $1.5$."),
        (r"\boxed{\frac{2}{3}}", r"\boxed{3}"),
    ),
    Case(
        "aime.jsonl",
        0,
        "2031-I-1",
        r"Find the number of positive integers $n \le 100$ that are multiples of neither $4$ nor $5$.",
        "60",
        (r"\boxed{060}", r"\boxed{60}"),
        (r"\boxed{65}",),
    ),
    Case(
        "svamp.jsonl",
        1,
        "chal-b",
        "Mira had 31 stamps. She gave 13 of them to her brother and 5 to her aunt. "
        "How many more stamps did her brother get than her aunt?",
        "8",
        (r"\boxed{8}", "The answer is 8.0."),
        (r"\boxed{18}",),
    ),
    Case(
        "asdiv.jsonl",
        0,
        "1",
        "Four green pears and nine yellow pears lie on a table. How many pears lie on the table?",
        "13 (pears)",
        (r"\boxed{13}", "The answer is 13 pears."),
        (r"\boxed{12}", "The answer is 5 pears."),
    ),
    Case(
        "asdiv.jsonl",
        1,
        "2",
        "A class of 20 has 12 girls. What is the ratio of girls to boys?",
        "3:2",
        (r"\boxed{3:2}", r"\boxed{12:8}"),
        (r"\boxed{2:3}",),
    ),
    Case(
        "mmlu.jsonl",
        0,
        "1",
        "Which of these is a prime number?\n\nA) 21\nB) 27\nC) 29\nD) 33",
        "C",
        (r"\boxed{C}", r"\boxed{29}", "The answer is (C) 29."),
        (r"\boxed{B}", r"\boxed{27}", r"\boxed{2}"),
    ),
    Case(
        "mmlu.jsonl",
        1,
        "2",
        "Which planet is nearest to the Sun?\n\nA) Mercury\nB) Venus\nC) Earth\nD) Mars",
        "A",
        (r"\boxed{A}", r"\boxed{\text{Mercury}}", "The answer is Mercury."),
        (r"\boxed{D}", "Venus"),
    ),
    Case(
        "gpqa.csv",
        1,
        "rec02",
        'A sample has a half-life of 3 days.\nWhich part of it, "as measured", is left after 9 days?\n\n'
        "A) 1/8\nB) 1/6\nC) 1/3\nD) 1/9",
        "A",
        (r"\boxed{A}", r"\boxed{\frac18}"),
        (r"\boxed{B}", r"\boxed{\frac16}"),
    ),
    Case(
        "gpqa.csv",
        2,
        "rec03",
        "Which gas is the main part of the air?\n\n"
        "A) argon, Ar\nB) oxygen, O2\nC) nitrogen, N2\nD) carbon dioxide, CO2",
        "C",
        (r"\boxed{C}", "The answer is C."),
        (r"\boxed{A}", "So the answer is oxygen, O2"),
    ),
    Case(
        "aqua.jsonl",
        1,
        "2",
        "A shirt of $40 is sold at 15% off. What does it cost?\n\nA) $25\nB) $30\nC) $32\nD) $34\nE) None of these",
        "D",
        (r"\boxed{D}", r"\boxed{34}", "The answer is $34."),
        (r"\boxed{E}", r"\boxed{\$32}"),
    ),
    Case(
        "olympiadbench.jsonl",
        0,
        "9001",
        "Find the smallest positive integer $n$ such that $n^2$ ends in $44$ and $n > 20$.",
        "38",
        (r"\boxed{38}",),
        (r"\boxed{62}",),
    ),
    Case(
        "olympiadbench.jsonl",
        1,
        "9002",
        "Determine all real $x$ with $x^2 - 5x + 6 = 0$.",
        "$2,3$",
        (r"\boxed{2, 3}", r"$x = \boxed{3}$ or $x = \boxed{2}$", r"\boxed{\{3, 2\}}"),
        (r"\boxed{2}", r"\boxed{2, 4}"),
    ),
    Case(
        "olympiadbench.jsonl",
        2,
        "9003",
        "Let $f$ be a function with $f(x) = x^3 - x$ for every real $x$.\n\nFind $f(2)$.",
        "$6$",
        (r"\boxed{6}",),
        (r"\boxed{8}",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.at}")
def test_a_row_is_put_to_the_model_and_graded_as_its_data_set_means_it(case: Case) -> None:
    problem = read_dataset(str(SHAPES / case.file)).rows[case.at].problem
    assert (problem.id, problem.answer) == (case.id, case.reference)
    assert Prompt().messages(problem) == [{"role": "user", "content": f"{case.prompt}\n{INSTRUCTION}"}]
    for text in case.right:
        assert is_correct(extract_answer(text, problem.text), case.reference), text
    for text in case.wrong:
        assert not is_correct(extract_answer(text, problem.text), case.reference), text


@pytest.mark.parametrize("path", sorted(SHAPES.iterdir()), ids=lambda path: path.name)
def test_no_row_of_a_shape_is_bad_and_no_part_of_a_question_left_out(path: Path) -> None:
    dataset = read_dataset(str(path))
    assert len(dataset.rows) >= 2
    assert (dataset.bad, dataset.left_out) == ((), ())
    assert all(row.problem.answer for row in dataset.rows)
    assert path.name in {case.file for case in CASES}


def test_remarks_are_kept() -> None:
    def remarks(file: str) -> tuple[str | None, str | None]:
        row = read_dataset(str(SHAPES / file)).rows[0]
        return row.level, row.subject

    assert remarks("math.jsonl") == ("Level 2", "Algebra")
    assert remarks("mmlu.jsonl") == (None, "elementary_mathematics")
    assert remarks("svamp.jsonl") == (None, "Multiplication")
