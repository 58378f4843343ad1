"""Whether what is stated for a computation is its value, as people write values: rounded, in percent, in thousands.

What is false only in the way it was read is not judged: another unit, a range, "7 more than".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from ttcli.answers.pattern import words as listed
from ttcli.verifier.arithmetic.bounds import Values
from ttcli.verifier.arithmetic.lexer import Token
from ttcli.verifier.arithmetic.side import Side, read
from ttcli.verifier.arithmetic.units import convertible
from ttcli.verifier.arithmetic.written import written

_ABOUT = Fraction(1, 50)  # of a value: what "about" may be off by
_DENOMINATORS = (3, 6, 7, 9, 11, 12)  # of fractions that operands may be roundings of
_CUT = 10  # from here a quotient may be cut to a whole number
_CURRENCIES = frozenset("$€£¥₹")
_COMPARED = frozenset(
    listed("""more less fewer greater larger smaller higher lower bigger older younger longer shorter times remainder
    rounded rounding am pm o'clock or and""")
)


@dataclass(frozen=True, slots=True)
class Equation:
    """An equality that could be checked; offsets are of characters in the text."""

    start: int
    end: int
    value: Fraction  # what the computation comes to, in the unit of what is stated: percent where it has that sign
    stated: Fraction  # as it is written, without sign of percent or unit
    stated_start: int
    stated_end: int
    holds: bool  # a rounding as it is written does
    replacement: str  # the value as the stated number is written; that itself where it holds
    # that are computed with, as written: without sign, a fraction by its parts; of two computations those of the first
    operands: tuple[Fraction, ...]


class Stated(NamedTuple):
    """A number as it is written down as a result."""

    start: int
    end: int
    number: Fraction
    text: str
    places: int | None  # decimals; None: it is a fraction
    units: tuple[Fraction, ...]  # numbers that make a value one in the unit that is written, the likeliest first
    money: bool

    @classmethod
    def of(cls, side: Side, text: str) -> Stated | None:
        """What a side states; None where it is no number."""
        end = next(token.end for token in reversed(side.tokens) if token.kind not in {"word", "percent"})
        raw = side.values[0] * 100 if side.percent else side.values[0]
        if side.quotient:
            numbers, places = side.numbers[0].start, None
            start = min(numbers, side.start)
        else:
            if len(side.numbers) != 1:
                return None
            token = side.numbers[0]
            start, end = token.start, token.end
            places = decimals(token) if token.value.denominator in _powers(token) else None
            signs = [sign for sign in side.tokens if sign.kind == "sign" and sign.end <= start]
            if len(signs) > 1 or (signs and raw > 0):
                return None
            if signs and signs[0].end == start:
                start = signs[0].start
        units = tuple(dict.fromkeys([*(raw / value for value in side.values if value), Fraction(1)]))
        if side.percent:
            units = (Fraction(100), Fraction(1))
        return cls(start, end, raw, text[start:end], places, units, _is_money(text, side.numbers[0].start))


def _powers(token: Token) -> range | tuple[int, ...]:
    """Denominators that a number in decimals may have: all of them, but for a half or a third in words."""
    return (token.value.denominator,) if token.text[:1].isdigit() or token.text.startswith(".") else ()


def decimals(token: Token) -> int:
    """Digits behind the point of a number."""
    return len(token.text.rstrip(".…").partition(".")[2])


def _is_money(text: str, start: int) -> bool:
    return start > 0 and text[start - 1] in _CURRENCIES


class Judge:
    """Judges the equalities of one text, in its order: a number may stand for the result that it was rounded from."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rounded: dict[Fraction, list[Fraction]] = {}

    def result(
        self, computed: Side, side: Side, words: Sequence[str], *, about: bool, firm: bool = True
    ) -> Equation | None:
        """A computation and what is stated for it; None: it is not to be judged.

        Args:
            words: that follow.
            about: the relation says that it is an approximation.
            firm: where it is false it is; otherwise what is taken for a result may be something else.
        """
        stated = Stated.of(side, self._text)
        if stated is None:
            return None
        start, end = min(computed.start, side.start), max(computed.end, stated.end)
        true = self._value(computed, stated, about=about)
        if true is not None:
            if true != stated.number:
                self._rounded.setdefault(stated.number, []).append(true)
            place, operands = (stated.start, stated.end), _numbers(computed)
            return Equation(start, end, true, stated.number, *place, True, stated.text, operands)
        ambiguous = len(computed.values) > 1 or (len(side.values) > 1)
        if (
            not firm
            or about
            or ambiguous
            or _excused(
                computed,
                side,
                stated,
                words,
                money=any(_is_money(self._text, token.start) for token in computed.numbers),
            )
        ):
            return None
        value = min(_scaled(computed, stated), key=lambda scaled: _distance(scaled, stated.number))
        others = [token.text for token in computed.numbers]
        text = written(value, stated.text, others, money=stated.money)
        if text == stated.text:
            return None
        return Equation(start, end, value, stated.number, stated.start, stated.end, False, text, _numbers(computed))

    def same(self, left: Side, right: Side) -> Equation | None:
        """Two computations of one value, or of which the second goes on from the first (5 + 3 = 8 + 2 = 10)."""
        for factor in (1, 100) if left.percent != right.percent else (1,):
            one, other = (left, right) if right.percent else (right, left)
            if {value * factor for value in other.values} & {*one.values} or (
                {*other.values} & {value * factor for value in one.values}
            ):
                return self._held(left, right, right.start, right.end, left.values[0])
        first = right.numbers[0] if right.numbers else None
        if first is None or right.tokens[0] is not first:
            return None
        places = decimals(first)
        if any(_rounds(value, first.value, places, about=False) for value in left.values):
            return self._held(left, right, first.start, first.end, first.value)
        return None

    def _held(self, left: Side, right: Side, start: int, end: int, value: Fraction) -> Equation:
        last, text = max(end, right.start), self._text[start:end]
        return Equation(left.start, last, value, value, start, end, True, text, _numbers(left))

    def _value(self, computed: Side, stated: Stated, *, about: bool) -> Fraction | None:
        """The value of the computation in the unit of what is stated, where that is it; None where it is not."""
        for side in (computed, read(computed.tokens, self._leaf)):
            if side is None:
                continue
            for value in _scaled(side, stated):
                if stated.places is None:
                    if value == stated.number or (about and _distance(value, stated.number) <= _ABOUT):
                        return value
                elif _rounds(value, stated.number, stated.places, about=about):
                    return value
        return None

    def _leaf(self, token: Token) -> Values:
        """What an operand may stand for: itself, a result above that was rounded to it, a simple fraction."""
        known = self._rounded.get(token.value, [])[:3]
        places = decimals(token)
        if places < 2:
            return (token.value, *known)
        ulp = Fraction(1, 10**places)
        near = [Fraction(round(token.value * size), size) for size in _DENOMINATORS]
        simple = [fraction for fraction in near if abs(fraction - token.value) < ulp]
        return tuple(dict.fromkeys([token.value, *known, *simple]))


def _numbers(side: Side) -> tuple[Fraction, ...]:
    return tuple(token.value for token in side.numbers)


def _scaled(computed: Side, stated: Stated) -> list[Fraction]:
    """The values of a computation in the units that may be meant."""
    units = stated.units
    if computed.percent and len(units) == 1:
        units = (*units, Fraction(100))
    return [value * unit for unit in units for value in computed.values]


def _rounds(value: Fraction, number: Fraction, places: int, *, about: bool) -> bool:
    """Whether a number with so many decimals is the value as people round it: to the nearest, or cut."""
    off = abs(value - number)
    if off == 0:
        return True
    ulp = Fraction(1, 10**places)
    if about:
        return off <= max(ulp * _zeros(number, places) / 2, ulp, abs(value) * _ABOUT)
    if (value * 10**places).denominator == 1:
        return False  # it could have been written as it is
    if off * 2 <= ulp:
        return True
    return off < ulp and abs(number) < abs(value) and (places > 0 or abs(value) >= _CUT)


def _zeros(number: Fraction, places: int) -> int:
    """The power of ten that a whole number is a multiple of."""
    power = 1
    while places == 0 and number and number % (power * 10) == 0:
        power *= 10
    return power


def _distance(value: Fraction, number: Fraction) -> Fraction:
    """How far off a number is, as a part of the larger one."""
    largest = max(abs(value), abs(number))
    return abs(value - number) / largest if largest else Fraction(0)


def _excused(computed: Side, side: Side, stated: Stated, words: Sequence[str], *, money: bool) -> bool:
    """Whether something else may be meant than what was read."""
    value = computed.values[0]
    if convertible([*computed.units, *side.units, *words, *(["dollar"] if money else [])]):
        return True
    if not _COMPARED.isdisjoint(" ".join([*side.units, *words[:3]]).split()[:4]):
        return True
    if computed.additive and value == -stated.number:
        return True  # a range, or a difference without its sign
    whole = stated.number.denominator == 1 and not side.percent
    return computed.quotient and abs(value) < 1 and whole  # "3/4 = 15 students"
