"""The value of an expression in rational numbers, without a rounding anywhere: 48 + 24, 2^10, 3/4 of 20!."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from ttcli.answers.expression import read
from ttcli.answers.node import Expression
from ttcli.answers.tokens import Unreadable

MAX_BITS = 20_000  # of a numerator or denominator; what is longer has no value here
_MAX_FACTORIAL = 1_000


def rational(text: str) -> Fraction | None:
    """The value of the text where it is an expression of rational numbers alone."""
    try:
        return value(read(text))
    except Unreadable:
        return None


def value(node: Expression) -> Fraction | None:
    """The exact value of a tree; None where it has symbols, roots, or a value too long to be written."""
    if isinstance(node.value, Fraction):
        return node.value
    operation = _OPERATIONS.get(node.head)
    if operation is None:
        return None
    operands = []
    for arg in node.args:
        if (operand := value(arg)) is None:
            return None
        operands.append(operand)
    result = operation(*operands)
    return result if result is not None and _bits(result) <= MAX_BITS else None


def power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """The power where it is rational for certain: a whole exponent, and a result of bounded length."""
    if exponent.denominator != 1 or (base == 0 and exponent <= 0):
        return None
    if base not in {0, 1, -1} and abs(exponent) * _bits(base) > 2 * MAX_BITS:
        return None
    return base ** (exponent.numerator if abs(base) != 1 and base else exponent.numerator % 2 + 2)


def factorial(number: Fraction) -> Fraction | None:
    """The factorial of a whole number that is not large."""
    whole = number.denominator == 1 and 0 <= number <= _MAX_FACTORIAL
    return Fraction(math.factorial(number.numerator)) if whole else None


def binomial(above: Fraction, below: Fraction) -> Fraction | None:
    """The binomial coefficient of whole numbers that are not large."""
    whole = above.denominator == below.denominator == 1 and 0 <= below <= above <= _MAX_FACTORIAL
    return Fraction(math.comb(above.numerator, below.numerator)) if whole else None


def root(radicand: Fraction) -> Fraction | None:
    """The square root where it is rational."""
    if radicand < 0:
        return None
    result = Fraction(math.isqrt(radicand.numerator), math.isqrt(radicand.denominator))
    return result if result * result == radicand else None


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


def _sum(*terms: Fraction) -> Fraction:
    return sum(terms, Fraction(0))


_OPERATIONS: dict[str, Callable[..., Fraction | None]] = {
    "+": _sum,
    "neg": lambda a: -a,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
    "^": power,
    "abs": abs,
    "floor": lambda a: Fraction(math.floor(a)),
    "ceil": lambda a: Fraction(math.ceil(a)),
    "factorial": factorial,
    "binom": binomial,
}
