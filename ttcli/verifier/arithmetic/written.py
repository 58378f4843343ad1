"""How a right value is written where a wrong one stood: with its decimals, thousands, fraction and sign."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

_DECIMALS = 4  # that a value is written out with, where it ends there
_ROUNDED = 2  # decimals of one that does not end

_SHORT = re.compile(r"(\\[dtc]?frac)\s*(?:\d\s*\d|\{[^{}]*\}\s*\{[^{}]*\})")
_SLASH = re.compile(r"-?\d+( ?/ ?)\d+")
_GROUP = re.compile(r"\d(,|\{,\}|\\!,|\\,)\d{3}")


def written(value: Fraction, stated: str, others: Iterable[str], *, money: bool) -> str:
    """The value as `stated` is written.

    Args:
        value: in the unit of what is stated.
        stated: a number, a fraction in LaTeX or with a slash.
        others: further numbers of the equality, whose thousands show how they are set off.
        money: whether a currency sign stands before it: cents have two digits.
    """
    if value.denominator > 1 and (latex := _SHORT.fullmatch(stated.lstrip("-− "))):
        sign = "-" if value < 0 else ""
        return f"{sign}{latex[1]}{{{abs(value.numerator)}}}{{{value.denominator}}}"
    if value.denominator > 1 and (slash := _SLASH.fullmatch(stated)):
        return f"{value.numerator}{slash[1]}{value.denominator}"
    decimals = len(stated.partition(".")[2]) if re.fullmatch(r"[-−\d,.{}\\!]+", stated) else 0
    separator = next((found[1] for text in (stated, *others) if (found := _GROUP.search(text))), "")
    return _decimal(value, _places(value, decimals, money=money), separator)


def _places(value: Fraction, decimals: int, *, money: bool) -> int:
    """Decimals to write: those that were there, or those that the value has."""
    if value.denominator == 1:
        return 2 if money and decimals == 2 else 0
    if money:
        return max(2, decimals)
    exact = next((places for places in range(1, _DECIMALS + 1) if (value * 10**places).denominator == 1), None)
    return max(_ROUNDED, decimals) if exact is None else exact


def _decimal(value: Fraction, places: int, separator: str) -> str:
    """Rounded half up, since that is what people do."""
    scaled = (abs(value) * 10**places * 2 + 1) // 2
    whole, part = divmod(int(scaled), 10**places)
    digits = f"{whole:,}".replace(",", separator)
    sign = "-" if value < 0 and scaled else ""
    return sign + digits + (f".{part:0{places}d}" if places else "")
