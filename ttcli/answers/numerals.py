r"""Numbers as people write them: digits, fractions, mixed numbers, powers of ten, repeating decimals, words.

All are exact. `1,234` is a number and so are `1.234.567` and `1 234 567`; `3,5` is a list, and `3{,}5` is 3.5.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from ttcli.answers.exact import rational
from ttcli.answers.number_words import number_words
from ttcli.answers.split import inside
from ttcli.answers.units import are_units, scale_of

Number = Fraction | float  # a float is an infinity

_MAX_EXPONENT = 400  # of ten; numbers beyond are compared as texts

_DIGITS = r"(?:(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
_EXPONENT = r"[+-]?\d{1,9}"
_TIMES_TEN = r"(?:\\times|\\cdot|\*|x(?= ?10)) ?(?:10|\{ ?10 ?\}) ?\^ ?"
_DECIMAL = re.compile(
    rf"([+-]?) ?({_DIGITS})(?:[eE]({_EXPONENT})| ?{_TIMES_TEN}(?:\{{ ?({_EXPONENT}) ?\}}|\(?({_EXPONENT})\)?))?",
    re.ASCII,
)
_FRACTION = re.compile(
    rf"([+-]?) ?(?:(\d+) ?(?=\\)|(\d+) (?:and )?(?=\d))?"
    rf"(?:\\frac\{{ ?([+-]? ?{_DIGITS}) ?\}} ?\{{ ?([+-]? ?{_DIGITS}) ?\}}|({_DIGITS}) ?/ ?({_DIGITS}))",
    re.ASCII,
)
_GROUPED = (  # thousands of other countries, where nothing else can be meant
    (re.compile(r"([+-]?\d{1,3}(?:\.\d{3}){2,})"), "."),
    (re.compile(r"([+-]?\d{1,3}(?:_\d{3}){2,})"), "_"),
    (re.compile(r"([+-]?\d{1,3}(?: \d{3}){2,})"), " "),
)
_GROUPED_COMMA = re.compile(r"([+-]?[1-9]\d{0,2}(?:\.\d{3})+),(\d+)")  # 1.234,56
_INFINITY = re.compile(r"([+-]?) ?(?:\\infty|infinity|inf|oo)", re.IGNORECASE)
_MARK = re.compile(r" ?(?:\\?%|\^\\circ(?: ?[CFK](?![A-Za-z]))?)$")
_NEGATIVE = re.compile(r"(?:minus|negative) (?=[\d.\\])", re.IGNORECASE)
_NOUN = re.compile(r"(.*[\d.}]) ?((?<=[ }])[^\W\d_][^\W\d_ /-]*(?:[ /-]+[^\W\d_]+)*|(?<=\d)[^\W\d_]+(?: [^\W\d_]+)*)")
_ORDINAL = re.compile(
    r"(\d{1,9}) ?(?:\^ ?\{? ?)?(?:\\(?:text|mathrm|textrm|mbox)\{ ?)?(?:st|nd|rd|th) ?\}{0,2}(?= |$)( [a-z ]+)?"
)
_REPEATED = re.compile(r"([+-]?\d*)\.(\d*?)(?:\\(?:overline|bar|dot|overset\{\.\}) ?\{? ?(\d+) ?\}?|\((\d+)\))")
_DOTTED = re.compile(r"([+-]?\d*)\.(\d*)\\dot ?\{?(\d)\}?(\d*)\\dot ?\{?(\d)\}?")


def number(plain: str) -> Number | None:
    """The value of a text that is one number, with its unit, percent sign, scale or ordinal ending dropped."""
    if infinity := _INFINITY.fullmatch(plain):
        return -math.inf if infinity.group(1) == "-" else math.inf
    bare = _NEGATIVE.sub("-", _MARK.sub("", plain))
    for reading in (decimal, repeating, ordinal, _counted, number_words, _computed):
        if (value := reading(bare)) is not None:
            return value
    return None


def _computed(plain: str) -> Fraction | None:
    return None if any(inside(plain, *pair) for pair in (("(", (")", "]")), ("[", ("]", ")")))) else rational(plain)


def decimal(plain: str) -> Fraction | None:
    """The value of a decimal number, a fraction or a mixed number."""
    if match := _DECIMAL.fullmatch(plain):
        sign, digits, *exponents = match.groups()
        exponent = int(next(filter(None, exponents), "0"))
        if abs(exponent) > _MAX_EXPONENT:
            return None
        value = Fraction(digits.replace(",", "")) * Fraction(10) ** exponent
        return -value if sign == "-" else value
    if match := _GROUPED_COMMA.fullmatch(plain):
        return Fraction(match.group(1).replace(".", "") + "." + match.group(2))
    for pattern, separator in _GROUPED:
        if match := pattern.fullmatch(plain):
            return Fraction(match.group(1).replace(separator, ""))
    return _fraction(plain)


def _fraction(plain: str) -> Fraction | None:
    if not (match := _FRACTION.fullmatch(plain)):
        return None
    sign, *parts = match.groups()
    whole, (numerator, denominator) = parts[0] or parts[1], filter(None, parts[2:])
    top, bottom = decimal(numerator), decimal(denominator)
    if top is None or not bottom:
        return None
    value = top / bottom
    if whole is not None:
        if not 0 <= value < 1:  # a product rather than a mixed number
            return None
        value += int(whole)
    return -value if sign == "-" else value


def repeating(plain: str) -> Fraction | None:
    r"""The value of `0.1\overline{6}`, `0.1\dot{6}`, `0.\dot{1}4\dot{2}`, `0.1(6)` and `0.1666...`."""
    if match := _DOTTED.fullmatch(plain):
        whole, fixed, first, middle, last = match.groups()
        return _periodic(whole, fixed, first + middle + last)
    if match := _REPEATED.fullmatch(plain):
        whole, fixed, marked, bracketed = match.groups()
        return _periodic(whole, fixed, marked or bracketed)
    if "\\ldots" in plain and (match := re.fullmatch(r"([+-]?\d*)\.(\d{3,60}) ?\\ldots", plain)):
        whole, digits = match.groups()
        for length in range(1, len(digits) // 2 + 1):
            block = digits[-length:]
            times = 3 if length == 1 else 2
            if digits.endswith(block * times):
                return _periodic(whole, digits[: -length * times], block)
    return None


def _periodic(whole: str, fixed: str, block: str) -> Fraction:
    sign = -1 if whole.startswith("-") else 1
    scale = 10 ** len(fixed)
    value = Fraction(int(whole.strip("+-") or 0)) + Fraction(int(fixed or 0), scale)
    return sign * (value + Fraction(int(block), scale * (10 ** len(block) - 1)))


def ordinal(plain: str) -> Fraction | None:
    """The number of `12th`, of `12^{th}` and of `12th floor`."""
    match = _ORDINAL.fullmatch(plain)
    if not match or (match.group(2) and not are_units(match.group(2))):
        return None
    return Fraction(int(match.group(1)))


def _counted(plain: str) -> Fraction | None:
    noun = _NOUN.fullmatch(plain)
    if not noun:
        return None
    factor, words = scale_of(noun.group(2))
    value = decimal(noun.group(1))
    if value is None or not (are_units(words) or (factor > 1 and not words)):
        return None
    return value * factor
