"""One side of an equality: where it begins and ends among the tokens, and what it comes to, exactly.

What can be read in two ways (`4 \\frac{1}{2}`, `100 + 25%`, `12/2(3)`, `5 million`) has two values or more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

from ttcli.answers.pattern import words
from ttcli.verifier.arithmetic.bounds import Unreadable, Values, bounded, factorials, raised, roots
from ttcli.verifier.arithmetic.lexer import Token

LONGEST = 160  # tokens of a side; what is longer is left out
WORDS = 5  # of a unit
_DEPTH = 24  # of brackets

_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}

_CLAUSE = frozenset(  # words that begin a clause rather than name a unit
    words("""the and or but so then if when because since as for from by with to in on at is are was were be has have
    had he she it they we you i there that this these those who which what means represents gets get got will would can
    let now next therefore thus hence both also only""")
)

Leaf = Callable[[Token], Values]


@dataclass(slots=True)
class Side:
    """A side that could be read."""

    tokens: Sequence[Token]
    values: Values = ()  # by the ways to read it, the likeliest first
    operations: int = 0
    percent: bool = False
    additive: bool = False  # it has a sum or a difference
    quotient: bool = False  # it is one number over another, and nothing else
    units: list[str] = field(default_factory=list)
    numbers: list[Token] = field(default_factory=list)

    @property
    def start(self) -> int:
        """Offset of its first character."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Offset behind its last character."""
        return self.tokens[-1].end


def is_unit(token: Token) -> bool:
    """Whether a word may be part of a unit."""
    return token.kind == "word" and _CLAUSE.isdisjoint(token.text.split()[:2])


def plainly(token: Token) -> Values:
    """A number as it is written."""
    return (token.value,)


def read(tokens: Sequence[Token], leaf: Leaf = plainly) -> Side | None:
    """All of the tokens as a side; None where they are none.

    Args:
        tokens: without relations.
        leaf: what a number may stand for.
    """
    parser = _Parser(tokens, leaf)
    try:
        side = parser.side()
    except (Unreadable, ZeroDivisionError, OverflowError):
        return None
    return side if parser.at == len(tokens) else None


def head(tokens: Sequence[Token], leaf: Leaf = plainly) -> tuple[Side, int] | None:
    """The longest side that the tokens begin with, and how many they are; None: they begin with none."""
    parser = _Parser(tokens[:LONGEST], leaf)
    try:
        side = parser.side()
    except (Unreadable, ZeroDivisionError, OverflowError):
        return None
    return side, parser.at


class _Parser:
    """Recursive descent; each rule gives the values of what it read."""

    def __init__(self, tokens: Sequence[Token], leaf: Leaf) -> None:
        self.at = 0
        self._tokens = tokens
        self._leaf = leaf
        self._depth = 0
        self._side = Side(tokens)

    def side(self) -> Side:
        values = self._sum()
        self._side.values = values
        self._side.tokens = self._tokens[: self.at]
        texts = [token.text for token in self._side.tokens if token.kind in {"sign", "fraction", "open", "of"}]
        self._side.quotient = (
            self._side.operations == 1
            and len(self._side.numbers) == 2
            and {*texts} <= {"/", "(", "{"} | {text for text in texts if text.startswith("\\")}
        )
        return self._side

    def _peek(self, ahead: int = 0) -> Token | None:
        place = self.at + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _sign(self, signs: str) -> str | None:
        token = self._peek()
        if token and token.kind == "sign" and token.text in signs and self._begins(1):
            self.at += 1
            return token.text
        return None

    def _begins(self, ahead: int) -> bool:
        """Whether an operand begins there."""
        token = self._peek(ahead)
        if token and token.kind == "sign" and token.text in "+-":
            return self._begins(ahead + 1) if ahead < 4 else False
        return token is not None and token.kind in {"number", "open", "fraction", "root"}

    def _sum(self) -> Values:
        values = self._product()
        while sign := self._sign("+-"):
            first = self.at
            right = self._product()
            self._side.operations += 1
            self._side.additive = True
            one = 1 if sign == "+" else -1
            readings = [a + one * b for a, b in product(values, right)]
            if any(token.kind == "percent" for token in self._tokens[first : self.at]):
                readings += [a * (1 + one * b) for a, b in product(values, right)]
                readings += [a + one * b * 100 for a, b in product(values, right)]
            values = bounded(readings)
        return values

    def _product(self) -> Values:
        values = self._factor()
        divided: Values | None = None  # what the last divisor divided, and by what: 12/2(3) may be 12/(2(3))
        divisor: Values = ()
        while True:
            start = self.at
            if sign := self._sign("*/"):
                right = self._factor()
                self._side.operations += 1
                if sign == "*":
                    values, divided = bounded(a * b for a, b in product(values, right)), None
                else:
                    readings = [a / b for a, b in product(values, right)]
                    if divided is not None:  # 3 / 1/4
                        readings += [a / (b / c) for a, b, c in product(divided, divisor, right)]
                    divided, divisor = values, right
                    values = bounded(readings)
            elif self._of(start):
                self.at += 1
                right = self._factor()
                self._side.operations += 1
                values, divided = bounded(a * b for a, b in product(values, right)), None
            elif self._juxtaposed():
                right = self._factor()
                self._side.operations += 1
                readings = [a * b for a, b in product(values, right)]
                if divided is not None:
                    divisor = bounded(a * b for a, b in product(divisor, right))
                    readings += [a / b for a, b in product(divided, divisor)]
                values = bounded(readings)
            else:
                return values

    def _of(self, start: int) -> bool:
        token, before = self._peek(), self._tokens[start - 1]
        part = before.kind in {"percent", "close"} or 0 < before.value < 1
        part = part or (start > 1 and before.kind == "number" and self._tokens[start - 2].text == "/")
        return token is not None and token.kind == "of" and part and self._begins(1)

    def _juxtaposed(self) -> bool:
        """Whether a factor follows without a sign; a bracket behind a word is an aside."""
        token, before = self._peek(), self._tokens[self.at - 1]
        if token is None or before.kind not in {"number", "close"}:
            return False
        if token.kind == "fraction":
            return before.kind == "close"
        return token.kind == "open" and (before.kind == "close" or token.start == before.end)

    def _factor(self) -> Values:
        negative = False
        while (token := self._peek()) and token.kind == "sign" and token.text in "+-":
            negative ^= token.text == "-"
            self.at += 1
            if self.at > LONGEST:
                raise Unreadable
        values = self._power()
        return tuple(-value for value in values) if negative else values

    def _power(self) -> Values:
        values = self._postfix(self._atom())
        if self._sign("^"):
            self._enter()
            exponents = self._factor()
            self._depth -= 1
            self._side.operations += 1
            values = self._postfix(raised(values, exponents))
        return values

    def _postfix(self, values: Values) -> Values:
        """With what stands behind: percent, an exclamation mark, a unit."""
        while token := self._peek():
            if token.kind == "percent":
                self._side.percent = True
                values = tuple(value / 100 for value in values)
            elif token.kind == "sign" and token.text == "!":
                self._side.operations += 1
                values = factorials(values)
            elif token.kind == "word" and self._is_unit():
                self._side.units.append(token.text)
                if token.text in _SCALES:
                    values = bounded([*values, *(value * _SCALES[token.text] for value in values)])
            else:
                return values
            self.at += 1
        return values

    def _is_unit(self) -> bool:
        """Whether the words here end at a sign, a bracket, or the end of the side, and so belong to the number."""
        ahead = 0
        while (token := self._peek(ahead)) and is_unit(token) and ahead < WORDS:
            ahead += 1
        if token is None or token.kind in {"close", "percent", "of"}:
            return True
        return token.kind == "sign" and self._begins(ahead + 1)

    def _atom(self) -> Values:
        token = self._peek()
        if token is None:
            raise Unreadable
        self.at += 1
        match token.kind:
            case "number":
                return self._number(token)
            case "open":
                self._enter()
                values = self._sum()
                if not (last := self._peek()) or last.kind != "close":
                    raise Unreadable
                self.at += 1
                self._depth -= 1
                return values
            case "fraction":
                above, below = self._group(), self._group()
                self._side.operations += 1
                return bounded(a / b for a, b in product(above, below))
            case "root":
                radicand = self._group()
                self._side.operations += 1
                return roots(radicand)
        raise Unreadable

    def _group(self) -> Values:
        token = self._peek()
        if token is None or token.kind not in {"open", "number"}:
            raise Unreadable
        return self._atom()

    def _number(self, token: Token) -> Values:
        """A number, or a mixed one: 3 1/2, 4 \\frac{1}{2}."""
        self._side.numbers.append(token)
        values = self._leaf(token)
        following, slash, below = self._peek(), self._peek(1), self._peek(2)
        whole = token.value.denominator == 1 and token.text.isdigit()
        if not whole or following is None:
            return values
        if following.kind == "fraction" or (following.text.startswith("\\") and following.kind == "number"):
            part = self._atom() if following.kind == "fraction" else self._leaf(self._take())
            readings = [a + b for a, b in product(values, part) if 0 < b < 1]
            return bounded([*readings, *(a * b for a, b in product(values, part))])
        if following.kind == "number" and slash and slash.text == "/" and below and below.kind == "number":
            if not 0 < following.value < below.value or following.start - token.end > 2:
                raise Unreadable
            self.at += 3
            self._side.operations += 1
            return tuple(value + following.value / below.value for value in values)
        return values

    def _take(self) -> Token:
        self.at += 1
        return self._tokens[self.at - 1]

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise Unreadable
