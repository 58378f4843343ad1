r"""Answers of a form of their own, which are neither numbers nor expressions although they look like one.

A time of day (`3:30 p.m.`), a ratio (`3:4`), a number to a base (`52_8`), a measure in two units (`3 hours 20 minutes`)
and the letter of an option (`(C) 42`). What they are is compared, and not what they would be as arithmetic: 6:30 is not
3:15, and 52_8 is not 52_7. Two digits behind a colon make a time, all else a ratio, which is reduced.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from fractions import Fraction
from math import gcd
from typing import Literal

from ttcli.answers.pattern import words

Form = tuple[Literal["clock", "ratio", "based", "measure", "choice"], Hashable]

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))? ?(?:([ap])\.? ?m\.?|h|o'clock)?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2}) ?(?:o'clock )?([ap])\.? ?m\.?", re.IGNORECASE)
_NAMED_HOURS = {"noon": 12 * 60, "12 noon": 12 * 60, "midnight": 0, "12 midnight": 0}
_RATIO = re.compile(
    r"(\d+(?:\.\d+)?)(?: ?(?::|\\colon) ?(\d+(?:\.\d+)?)| to (\d+(?:\.\d+)?))(?: ?(?::|to) ?(\d+(?:\.\d+)?))?"
)
_BASED = re.compile(r"\(?([0-9A-Fa-f]+)\)?_ ?\{? ?([A-Za-z]+|\d{1,2}) ?\}?")
_BASE_NAMES = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_BASES = {name: base for base, name in enumerate(words(_BASE_NAMES), start=2)}
_AMOUNT = r"(\d[\d.,/]*) ?([A-Za-z]+)"
_MEASURE = re.compile(rf"{_AMOUNT}\.?(?:,? and |, ?| ){_AMOUNT}(?:(?:,? and |, ?| ){_AMOUNT})?")
_MEASURES = {
    name: kind
    for kind, names in {
        "hour": "hours hour hrs hr h", "minute": "minutes minute mins min m", "second": "seconds second secs sec s",
        "day": "days day d", "week": "weeks week wk", "month": "months month", "year": "years year yr yrs",
        "foot": "feet foot ft", "inch": "inches inch in", "yard": "yards yard yd", "mile": "miles mile mi",
        "pound": "pounds pound lbs lb", "ounce": "ounces ounce oz", "gallon": "gallons gallon gal",
        "quart": "quarts quart qt", "pint": "pints pint pt", "cup": "cups cup",
        "metre": "meters meter metres metre", "centimetre": "centimeters centimeter centimetres cm",
        "kilometre": "kilometers kilometer km", "gram": "grams gram g", "kilogram": "kilograms kilogram kg",
        "dollar": "dollars dollar", "cent": "cents cent",
    }.items()
    for name in words(names)
}  # fmt: skip
_CHOICE = re.compile(
    r"(?:(?:the )?(?:correct )?(?:option|choice|answer|letter)(?: is)?:? )?[(\[]? ?([A-Z]) ?[)\]]?[.:]?", re.IGNORECASE
)
_CHOICE_WITH_TEXT = re.compile(
    r"(?:(?:option|choice|answer) )?(?:[(\[] ?([A-J]) ?[)\]]|([A-J])[.:)]) ?(?!,|;|and |or |\(|[^=]*=)\S.*"
)


def form(plain: str) -> Form | None:
    """The form of the answer and what it says; None where it has no form of its own."""
    return choice(plain) or clock(plain) or ratio(plain) or based(plain) or measure(plain)


def choice(plain: str) -> Form | None:
    """The letter of an option, alone, in brackets, behind a word, or before the option's text."""
    if match := _CHOICE.fullmatch(plain):
        letter = match.group(1)
        return ("choice", letter.upper()) if letter.isupper() or (len(plain) > 1 and plain[0] in "([") else None
    if match := _CHOICE_WITH_TEXT.fullmatch(plain):
        return "choice", match.group(1) or match.group(2)
    return None


def clock(plain: str) -> Form | None:
    """A time of day in seconds from midnight, or as it is written where neither a.m. nor p.m. is said."""
    if plain.lower() in _NAMED_HOURS:
        return "clock", _NAMED_HOURS[plain.lower()] * 60
    if match := _CLOCK.fullmatch(plain):
        hour, minute, second = int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)
        half = match.group(4)
    elif match := _HOUR.fullmatch(plain):
        hour, minute, second, half = int(match.group(1)), 0, 0, match.group(2)
    else:
        return None
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    elif hour <= 12:
        return "clock", f"{hour}:{minute:02}:{second:02}"
    return ("clock", (hour * 60 + minute) * 60 + second) if hour <= 24 else ("ratio", plain)


def ratio(plain: str) -> Form | None:
    """The parts of a ratio in lowest terms."""
    match = _RATIO.fullmatch(plain)
    if not match:
        return None
    parts = [Fraction(part) for part in match.groups() if part]
    scale = 1
    for part in parts:
        scale = scale * part.denominator // gcd(scale, part.denominator)
    whole = [int(part * scale) for part in parts]
    divisor = gcd(*whole) or 1
    return "ratio", tuple(part // divisor for part in whole)


def based(plain: str) -> Form | None:
    """The digits of a number and the base that it is written to."""
    match = _BASED.fullmatch(plain)
    if not match:
        return None
    digits, base = match.group(1).upper(), match.group(2).lower()
    number = int(base) if base.isdigit() else _BASES.get(base, 0)
    valid = 2 <= number <= 16 and all(int(digit, 16) < number for digit in digits)
    return ("based", (digits.lstrip("0") or "0", number)) if valid and digits[0].isdigit() else None


def measure(plain: str) -> Form | None:
    """A measure in several units, as it is written: `3 hours 20 minutes`."""
    match = _MEASURE.fullmatch(plain)
    if not match:
        return None
    amounts, names = match.groups()[::2], match.groups()[1::2]
    kinds = [_MEASURES.get(name.lower()) for name in names if name]
    if None in kinds or len(set(kinds)) < len(kinds):
        return None
    return "measure", tuple(zip([amount for amount in amounts if amount], kinds, strict=True))
