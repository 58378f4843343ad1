"""Numbers in English words: `twenty-one`, `two thirds`, `three and a half`, `minus four apples`."""

from __future__ import annotations

from fractions import Fraction

from ttcli.answers.pattern import words
from ttcli.answers.units import are_units

_SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen"""
_UNITS = {name: number for number, name in enumerate(words(_SMALL))}
_TENS = {
    name: 10 * number
    for number, name in enumerate(words("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)
}
_PARTS = {
    name: denominator
    for denominator, names in {
        2: "half halves",
        3: "third thirds",
        4: "quarter quarters fourth fourths",
        5: "fifth fifths",
        6: "sixth sixths",
        7: "seventh sevenths",
        8: "eighth eighths",
        9: "ninth ninths",
        10: "tenth tenths",
        12: "twelfth twelfths",
        100: "hundredth hundredths",
        1000: "thousandth thousandths",
    }.items()
    for name in words(names)
}
_BIG = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_AFTER_A = {"hundred", "dozen", *_BIG, *_PARTS}
_MAX_NOUNS = 2  # words behind the number


def number_words(plain: str) -> Fraction | None:
    """The value of a number in words, perhaps with a noun or two behind it; None where the text is none."""
    if not plain[:1].isalpha():
        return None
    tokens = plain.lower().replace("-", " ").split()
    sign = 1
    if tokens[:1] in (["minus"], ["negative"]):
        sign, tokens = -1, tokens[1:]
    if tokens == ["half"]:
        return sign * Fraction(1, 2)
    value, rest = _with_part(tokens)
    if value is None:
        return None
    if rest[:1] == ["dozen"]:
        value, rest = value * 12, rest[1:]
    counted = len(rest) <= _MAX_NOUNS and plain[-1].islower() and are_units(" ".join(rest))
    return sign * value if not rest or counted else None


def _with_part(tokens: list[str]) -> tuple[Fraction | None, list[str]]:
    """The value of a number with a fraction, `two thirds` or `two and a third`, and the words behind it."""
    value, rest = _cardinal(tokens)
    if value and rest and rest[0] in _PARTS:
        return value / _PARTS[rest[0]], rest[1:]
    if value is not None and rest[:1] == ["and"]:
        part, after = _cardinal(rest[1:])
        if part is None or not after or after[0] not in _PARTS:
            return None, rest
        return value + part / _PARTS[after[0]], after[1:]
    return value, rest


def _cardinal(tokens: list[str]) -> tuple[Fraction | None, list[str]]:
    """The value of the number words that the tokens begin with, None for none, and the tokens behind them."""
    if tokens[:1] == ["a"] and tokens[1:2] and tokens[1] in _AFTER_A:
        tokens = ["one", *tokens[1:]]
    total = current = place = 0
    for place, token in enumerate([*tokens, ""]):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in _UNITS and (place == 0 or (current % 10 == 0 and current % 100 != 10)):
            current += _UNITS[token]
        elif token in _TENS and current % 100 == 0:
            current += _TENS[token]
        elif token == "hundred" and 0 < current < 100:
            current *= 100
        elif token in _BIG and current:
            total, current = total + current * _BIG[token], 0
        elif not (token == "and" and place and current % 100 == 0 and following in _UNITS | _TENS):
            break
    return (Fraction(total + current) if place else None), tokens[place:]
