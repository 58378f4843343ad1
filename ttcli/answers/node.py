"""An expression as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation with its operands, a number, or a symbol."""

    head: str  # "number", "symbol", "+", "*", "/", "^", "neg", or the name of a function
    args: tuple[Expression, ...] = ()
    value: Fraction | str | None = None

    @property
    def symbols(self) -> frozenset[str]:
        """The names of all symbols in it."""
        if self.head == "symbol":
            return frozenset({str(self.value)})
        return frozenset().union(*(arg.symbols for arg in self.args))


def constant(value: Fraction | int) -> Expression:
    """A number as a tree."""
    return Expression("number", value=Fraction(value))
