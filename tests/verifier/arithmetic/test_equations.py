"""What is read as an equality, whether it holds, and how the right value is written."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ttcli.verifier.arithmetic import Equation, equations


def only(text: str) -> Equation:
    (found,) = equations(text)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "He has 48 + 24 = 72 clips.",
        r"\[ \text{Total clips} = 48 + 24 = 72 \]",
        r"is \( \frac{48}{2} = 24 \).",
        r"\frac{85 \text{ flowers}}{100 \text{ flowers}} \times 100 = 85\%",
        "Half of 60 is 30.",
        "20% of the 50 students = 10",
        "50 * 20% = 10",
        "15% + 20% = 35%",
        "1/4 = 25%",
        "100 + 25% = 125",
        "$1,250 x 2 = $2,500",
        r"1{,}250 \cdot 2 = 2{,}500",
        "10 / 3 = 3.33",
        "200 / 3 = 66.6",
        "20 / 240 = 0.0833...",
        "85 / 110 × 100 ≈ 77",
        "33.33 * 3 = 100",  # of what was rounded before
        "4 1/2 * 2 = 9",
        r"4\frac{1}{2} \times 2 = 9",
        "2 cups / 1/4 cup = 8",
        "5 + 3 = 8 + 2 = 10",
        "2^3 = 8 and 2**3 = 8",
        "5! = 120",
        r"\sqrt{16} + 1 = 5",
        "5 times 3 plus 2 equals 17",
        r"\boxed{5 + 3 = 8}",
        "**5 + 3 = 8**",
        "72 = 48 + 24",
        "$3 million * 2 = $6 million",
        r"180^\circ - 60^\circ = 120^\circ",
        "60 miles/hour * 3 hours = 180 miles",
        "3 + 4 = \n7",
        "3 + 4\n= 7",
        r"3 + 4 \\ &= 7",
        "5 - 8 = -3",
        "2(3 + 4) = 14",
        "12/2(3) = 2",
    ],
)
def test_what_is_true_is_read_as_true(text: str) -> None:
    found = equations(text)
    assert found
    assert all(equation.holds for equation in found)


@pytest.mark.parametrize(
    ("text", "value", "replacement"),
    [
        ("12 x 5 = 70", 60, "60"),
        (r"12 \times 5 = 70", 60, "60"),
        ("$1,250 + $1,250 = $2,400", 2500, "2,500"),
        (r"1{,}250 + 1{,}250 = 2{,}400", 2500, "2{,}500"),
        ("$7.50 * 2 = $14.00", 15, "15.00"),
        ("$7.25 * 2 = $16", Fraction(29, 2), "14.50"),
        ("10 / 3 = 4.33", Fraction(10, 3), "3.33"),
        ("5 / 4 = 2", Fraction(5, 4), "1.25"),
        ("1/4 + 1/4 = 2/8", Fraction(1, 2), "1/2"),
        (r"\frac{1}{4} + \frac{1}{4} = \frac{2}{8}", Fraction(1, 2), r"\frac{1}{2}"),
        ("3/4 = 70%", 75, "75"),
        ("20% of 50 = 11", 10, "10"),
        ("5 - 8 = -2", -3, "-3"),
        ("5 - 8 = 2", -3, "-3"),
        ("25 roses + 40 tulips + 35 daisies = 110 flowers", 100, "100"),
        ("Total = 70 = 48 + 24", 72, "72"),
    ],
)
def test_what_is_false_is_found_with_its_right_value(text: str, value: Fraction, replacement: str) -> None:
    found = only(text)
    assert not found.holds
    assert found.value == value
    assert found.replacement == replacement
    mended = text[: found.stated_start] + found.replacement + text[found.stated_end :]
    assert only(mended).holds


@pytest.mark.parametrize(
    "text",
    [
        "x + 3 + 4 = 10",
        "3x + 4 = 10",
        "2L + 11 = 35",
        r"2\pi + 1 = 7",
        "f(3) = 5",
        r"\binom{5}{2} = 11",
        r"\gcd(12, 18) = 7",
        "12_8 + 3_8 = 17_8",
        "|3 - 5| + 1 = 4",
        "2 hours + 30 minutes = 150 minutes",
        "1/2 hour = 30 minutes",
        "$2.50 - $2.24 = 26 cents",
        "4 pounds - 6 ounces = 58 ounces",
        "9 - 12 = 3 hours",
        "5 + 2 = 8 more than before",
        "17 / 5 = 4 remainder 2",
        "3/4 = 15 students",
        "11 + 3 = 2 pm",
        "3:00 + 2 = 6",
        "0900 - 0130 = 0730",
        "5 + 2 = 8x",
        "5 + 2 = 8 - tax",
        "Day 1 = 20 + 5",
        "if Bush is 12 years old then Matt is 12 + 3",
        "the 30-60-90 triangle is 1",
        "1 and 1/4 cup = 2.5 cups",
        "7 / 3 = 2 and a third",
        "3 * 5 = 2 feet and 3 inches",
        "7 + 8 = 14 and one",
        "a == 5 + 3, 5 + 3 != 9, 7 // 2 = 4",
        "10 apples",
        "",
    ],
)
def test_what_may_mean_something_else_is_not_called_false(text: str) -> None:
    assert all(equation.holds for equation in equations(text))


def test_each_link_of_a_chain_is_read_by_itself() -> None:
    text = "3 + 4 * 2 = 3 + 9 = 12 = 13"
    first = "3 * 4 + 2 = 14 and then 14 * 2 = 29, so 29 + 1 = 30."
    assert [(text[e.start : e.stated_end], e.holds) for e in equations(text)] == [("3 + 9 = 12", True)]
    assert [(first[e.start : e.stated_end], e.holds) for e in equations(first)] == [
        ("3 * 4 + 2 = 14", True),
        ("14 * 2 = 29", False),
        ("29 + 1 = 30", True),
    ]


@pytest.mark.parametrize(
    "text", ["12 + 5 = 18 and then he goes home", "12 + 5 = 18 and 18 * 2 = 36", "12 + 5 = 18 and the rest is his"]
)
def test_an_and_that_leads_to_another_statement_ends_a_result(text: str) -> None:
    assert next((text[e.start : e.stated_end], e.replacement) for e in equations(text)) == ("12 + 5 = 18", "17")


def test_a_rounded_result_may_be_used_as_what_it_was_rounded_from() -> None:
    assert all(equation.holds for equation in equations("37 / 13 = 2.85 and 2.85 * 1300 = 3700"))
    assert [equation.holds for equation in equations("2.85 * 1300 = 3700")] == [False]


def test_offsets_are_those_of_the_text() -> None:
    text = "So\n\\[ \\text{Cost} = \\$12 \\times 5 = \\$1,070.00 \\]"
    found = only(text)
    assert text[found.start : found.end] == "12 \\times 5 = \\$1,070.00"
    assert text[found.stated_start : found.stated_end] == "1,070.00"
    assert (found.value, found.stated, found.replacement) == (Fraction(60), Fraction(1070), "60.00")


@pytest.mark.parametrize(
    "text",
    [
        "10^9^9 = 5",
        "2 + 9^9^9^9 = 7",
        "99999999999^60 * 99999999999^60 = 1",
        "5 / 0 = 3",
        r"\frac{3}{2 - 2} = 4",
        "0^-1 + 1 = 2",
        "999! + 1 = 4",
        "(5!)! = 1",
        "9" * 100_000 + " + 1 = 5",
        "*".join(["9" * 30] * 40) + " = 5",
        "(" * 9_000 + "1" + ")" * 9_000 + " = 2",
        "1 + " * 5_000 + "1 = 5",
        "-" * 20_000 + "5 = 4",
        "word " * 20_000 + "5",
        "1=" * 9_000,
        "5 words " * 2_000 + ")" * 2_000,
        "\\frac" * 20_000 + "{1}{2} = 3",
        "\x00 \ud800 = \u0663 + \u0664 = 9",
    ],
)
def test_what_is_too_much_or_no_number_is_passed_over(text: str) -> None:
    assert not equations(text)
