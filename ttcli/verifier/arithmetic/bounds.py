"""What a side may come to: exact values, a few at most, and none that takes long to compute."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import product

from ttcli.answers.exact import factorial, power, root

Values = tuple[Fraction, ...]

_READINGS = 6
_BITS = 2_000  # of a numerator or denominator
_EXPONENT = 64
_FACTORIAL = 40


class Unreadable(Exception):
    """The tokens are no arithmetic with numbers, or more than is worth computing."""


def bounded(values: Iterable[Fraction]) -> Values:
    """The different ones among the first few.

    Raises:
        Unreadable: there is none, or one is too long.
    """
    found: list[Fraction] = []
    for value in values:
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
            raise Unreadable
        if value not in found:
            found.append(value)
        if len(found) == _READINGS:
            break
    if not found:
        raise Unreadable
    return tuple(found)


def raised(bases: Values, exponents: Values) -> Values:
    """Powers.

    Raises:
        Unreadable: one is no rational number, or out of bounds.
    """
    if any(abs(exponent) > _EXPONENT for exponent in exponents):
        raise Unreadable
    return bounded(_known(power(a, b)) for a, b in product(bases, exponents))


def factorials(values: Values) -> Values:
    """Factorials.

    Raises:
        Unreadable: one has none, or is out of bounds.
    """
    if any(value > _FACTORIAL for value in values):
        raise Unreadable
    return bounded(_known(factorial(value)) for value in values)


def roots(values: Values) -> Values:
    """Square roots.

    Raises:
        Unreadable: one is no rational number.
    """
    return bounded(_known(root(value)) for value in values)


def _known(value: Fraction | None) -> Fraction:
    if value is None:
        raise Unreadable
    return value
