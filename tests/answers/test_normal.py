import time
from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.answers.normal import canonical, is_number, latex_of


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("5", 5),
        ("+5.", 5),
        ("007", 7),
        ("-3.25", Fraction(-13, 4)),
        (".0000672", Fraction(672, 10**7)),
        ("−4", -4),
        (r"\frac{14}{3}", Fraction(14, 3)),
        (r"\dfrac43", Fraction(4, 3)),
        (r"-\frac{1}{-2}", Fraction(1, 2)),
        ("3/4", Fraction(3, 4)),
        (r"1\frac{4}{5}", Fraction(9, 5)),
        (r"-137 \frac{1}{2}", Fraction(-275, 2)),
        ("2 1/2", Fraction(5, 2)),
        ("1,234", 1234),
        ("1,234,567.5", Fraction(2469135, 2)),
        (r"10,\!080", 10080),
        ("10{,}080", 10080),
        (r"1\,234", 1234),
        (r"50\%", 50),
        ("50 percent", 50),
        ("$5", 5),
        (r"-\$32,\!348", -32348),
        ("5 dollars", 5),
        ("12 apples", 12),
        ("3 cm", 3),
        ("3cm", 3),
        (r"\frac{1}{2} cup", Fraction(1, 2)),
        (r"5 \text{ cm}^2", 5),
        (r"5\text{ m}", 5),
        (r"\frac{270}7\text{ degrees}", Fraction(270, 7)),
        ("60 miles per hour", 60),
        (r"90^\circ", 90),
        (r"90^{\circ}", 90),
        ("1.5e3", 1500),
        (r"2\times10^3", 2000),
        (r"2 \cdot 10^{-3}", Fraction(1, 500)),
        ("2 million dollars", 2000000),
        ("x = 5", 5),
        (r"\text{Total} = \$5", 5),
        (r"\left( 5 \right)", 5),
        (r"\{5\}", 5),
        (r"\text{5}", 5),
    ],
)
def test_these_are_numbers(answer: str, value: Fraction) -> None:
    assert canonical(answer) == ("number", value)


@pytest.mark.parametrize(
    "answer",
    [
        "52_8",
        "3x",
        "3 x",
        "3ab",
        "3 m",
        "5 squared",
        "3 pm",
        "3:4",
        "1/0",
        r"\frac{1}{0}",
        r"2\frac{5}{3}",
        r"\sqrt{4}",
        "--5",
        "",
        "$",
        "-",
        ".",
        ",",
        "1e999999999",
        "9^{9^{9^9}}",
        "[5]",
        "1 2",
        "3 halves",
        "5 and",
        "1,2",
        "(1,234)",
        "12a",
    ],
)
def test_these_are_no_numbers(answer: str) -> None:
    assert not is_number(answer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1, 2", r"\{2,1\}"),
        ("1,2", r"2 \text{ and } 1"),
        (r"x=1 \text{ or } x = 2", "2, 1"),
        ("3, 5, and 7", "7,3,5"),
        (r"\left( 3 , 0.5 \right)", r"(3,\frac{1}{2})"),
        (r"(-\infty, 3]", r"x \in \left(-\infty, \frac{6}{2}\right]"),
        ("(1,2),(3,4)", "(3,4), (1,2)"),
        ("(1,234)", "(1, 234)"),
        (r"\text{Even}", "even"),
        (r"\text{(B)}", "B"),
        (r"\dfrac{x}{y}", r"\frac{x} {y}"),
        (r"6 + 9i", "6+9i"),
        (r"8\pi\text{ cm}", r"8 \pi"),
        (r"x^{2}", "x^2"),
        (r"\left(x, y\right)", "(x,y)"),
    ],
)
def test_these_have_the_same_key(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1,2)", "[1,2]"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", r"\{1,2\}"),
        ("(1,234)", "(1234)"),
        ("1,234", "1, 234"),
        ("x=1, y=2", "x=2, y=1"),
        ("0.333", r"\frac{1}{3}"),
        (r"50\%", "0.5"),
        ("5 thousand", "5"),
        ("Evelyn", "Navin"),
        ("12 3", "123"),
        (r"(-\infty,3)", r"(\infty,3)"),
        (r"\{\}", "0"),
    ],
)
def test_these_have_different_keys(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_a_text_is_not_exact_and_a_number_a_group_and_a_word_are() -> None:
    assert not canonical("2x+1").exact
    assert not canonical("(x,2)").exact
    assert all(canonical(answer).exact for answer in ("5", "(1,2)", "1,2", "ellipse"))


def test_numbers_are_passed_on_without_units_and_texts_without_currency() -> None:
    assert latex_of(r"\$1,234.5 dollars") == r"\frac{2469}{2}"
    assert latex_of(r"\$5x") == "5x"
    assert latex_of(r"8\pi \text{ square units}") == r"8\pi"


INTEGERS = st.integers(-(10**12), 10**12)
FRACTIONS = st.fractions(max_denominator=10**6)
RENDERINGS = (
    lambda f: f"{f.numerator}/{f.denominator}",
    lambda f: rf"\frac{{{f.numerator}}}{{{f.denominator}}}",
    lambda f: rf"$\dfrac{{ {f.numerator} }}{{ {f.denominator} }}$.",
    lambda f: rf"x = \frac{{{f.numerator}}}{{{f.denominator}}}\text{{ cm}}",
    lambda f: f"{'-' if f < 0 else ''}{abs(f)}",
    lambda f: rf"\({'-' if f < 0 else ''}{int(abs(f))}\frac{{{abs(f).numerator % f.denominator}}}{{{f.denominator}}}\)",
)


@settings(deadline=None)
@given(FRACTIONS, st.sampled_from(RENDERINGS))
def test_a_rendered_fraction_is_read_back(value: Fraction, render: Callable[[Fraction], str]) -> None:
    assert canonical(render(value)) == ("number", value)
    assert canonical(latex_of(render(value))) == ("number", value)


@settings(deadline=None)
@given(
    INTEGERS,
    st.sampled_from(["{:,}", "{}.00", "${:,}", "{} apples", r"{}^\circ", "{}e0"]),
)
def test_a_rendered_integer_is_read_back(value: int, form: str) -> None:
    assert canonical(form.format(value)) == ("number", value)


@settings(deadline=None)
@given(st.lists(FRACTIONS, min_size=2, max_size=5, unique=True), st.randoms())
def test_members_of_a_set_may_come_in_any_order_and_those_of_a_tuple_may_not(
    members: list[Fraction], rng: Random
) -> None:
    shuffled = rng.sample(members, len(members))
    one, other = (", ".join(map(str, order)) for order in (members, shuffled))
    assert canonical(one) == canonical(rf"\{{{other}\}}")
    assert (canonical(f"({one})") == canonical(f"({other})")) == (members == shuffled)


PIECES = st.sampled_from(
    [
        *"0123456789.,;()[]{}^_$%/+-= aex",
        r"\frac",
        r"\{",
        r"\}",
        r"\text{",
        r"\circ",
        "10^",
        r"\times",
        r"\infty",
        "°",
        "½",
        "²",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_every_text_has_a_key_and_passes_on(answer: str) -> None:
    hash(canonical(answer))
    latex_of(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "9" * 10**6,
        "9" * 999,
        "1e999999999",
        "1e-999999999",
        "9^{9^{9^9}}",
        r"2\times10^{999999999}",
        "(" * 999,
        "((1)," * 199,
        " " * 999,
        "1," * 499,
        r"\frac" * 199,
        "a " * 499,
        "1 a" * 333,
        r"\text{a" * 142,
        "0." * 499,
        "x_" * 499,
        "{" * 999,
        "1 " * 499 + "x=",
    ],
)
def test_absurd_answers_take_no_time(answer: str) -> None:
    start = time.process_time()
    canonical(answer)
    latex_of(answer)
    assert time.process_time() - start < 1
