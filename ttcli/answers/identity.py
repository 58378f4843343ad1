r"""Whether two expressions are the same function: their values at a few points, exact or with 200 digits.

An identity that fails shows at almost every point (Schwartz, 1980), and a point costs far less than algebra. Values
stay rational as long as they can. Points are real; where only one side is defined there (`\ln x^2`, `2\ln x`), the
point says nothing. Numbers without symbols may be complex.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

from mpmath import mp

from ttcli.answers import exact
from ttcli.answers.node import Expression

DIGITS = 200
_TOLERANCE = 180  # digits in which values that are equal agree
_POINTS = 8
_ENOUGH = 3  # points at which both are defined
_MAX_EXPONENT = 10**12
_GIVE_UP = 10  # points beyond, where few are in the domain

Value = Any  # Fraction, or a number of mpmath


class Undefined(ArithmeticError):
    """The expression has no value at this point, or none that can be computed."""


def identical(a: Expression, b: Expression) -> bool:
    """Whether two expressions have the same value wherever both have one, as far as points can tell."""
    return _constant(a, b, lambda x, y: Fraction(1) if _close(x, y) else None)


def proportional(a: Expression, b: Expression, *, positive: bool = False) -> bool:
    """Whether one expression is a constant multiple of the other: then `a = 0` and `b = 0` say the same."""
    if not a.symbols and not b.symbols:
        return False  # without an unknown there is nothing that they would say

    def ratio(x: Value, y: Value) -> Value | None:
        if not x or not y:
            return None
        quotient = _divided(x, y)
        return quotient if not positive or _positive(quotient) else None

    return _constant(a, b, ratio)


def _constant(a: Expression, b: Expression, ratio: Callable[[Value, Value], Value | None]) -> bool:
    """Whether the ratio of two expressions is the same at all points; a ratio of None is another one."""
    names = sorted(a.symbols | b.symbols)
    ratios: list[Value] = []
    with mp.workdps(DIGITS):
        for seed in range(_POINTS + _GIVE_UP if names else 1):
            point = _point(names, seed)
            try:
                found = ratio(evaluate(a, point), evaluate(b, point))
            except (ArithmeticError, ValueError):
                continue
            if found is None or (ratios and not _close(found, ratios[0])):
                return False
            ratios.append(found)
            if len(ratios) == _POINTS:
                break
    return len(ratios) >= (_ENOUGH if names else 1)


def _point(names: list[str], seed: int) -> dict[str, Fraction]:
    """A value for each symbol; the first points are positive, as lengths and numbers of things are."""
    rng = random.Random(seed)
    low = 1 if seed < _ENOUGH else -300
    return {name: Fraction(rng.randint(low, 300) or 7, 97) for name in names}


def evaluate(node: Expression, point: Mapping[str, Fraction]) -> Value:
    """The value of a tree at a point, as a Fraction where that is exact; `Undefined` where it has none."""
    if node.head == "number":
        return node.value
    if node.head == "symbol":
        return point[str(node.value)]
    if node.head in _CONSTANTS:
        return _CONSTANTS[node.head]()
    args = [evaluate(arg, point) for arg in node.args]
    if node.head == "apply":
        return _unknown_function(str(node.value), args)
    if node.head in _OPERATIONS:
        result = _OPERATIONS[node.head](*args)
    elif node.head in _REAL_OPERATIONS:
        result = _REAL_OPERATIONS[node.head](*args, real=bool(point))
    else:
        raise Undefined(node.head)
    if not isinstance(result, Fraction):
        if not mp.isfinite(result):
            raise Undefined(node.head)
        if isinstance(result, mp.mpc) and result.imag == 0:
            result = result.real
    return result


def _float(value: Value) -> Value:
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _close(a: Value, b: Value) -> bool:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    a, b = _float(a), _float(b)
    return bool(abs(a - b) <= mp.mpf(10) ** -_TOLERANCE * (max(abs(a), abs(b)) or 1)) or _both_vanish(a, b)


def _both_vanish(a: Value, b: Value) -> bool:
    """A zero that only rounding hides."""
    return bool(max(abs(a), abs(b)) < mp.mpf(10) ** -_TOLERANCE and min(abs(a), abs(b)) == 0)


def _positive(value: Value) -> bool:
    return bool(_float(value).imag == 0 and _float(value).real > 0)


def _divided(a: Value, b: Value) -> Value:
    return a / b if isinstance(a, Fraction) and isinstance(b, Fraction) else _float(a) / _float(b)


def _sum(*terms: Value) -> Value:
    if all(isinstance(term, Fraction) for term in terms):
        return sum(terms, Fraction(0))
    floats = [_float(term) for term in terms]
    total = mp.fsum(floats)
    largest = max(map(abs, floats))
    if any(term and abs(term) < largest * mp.mpf(10) ** -(_TOLERANCE // 2) for term in floats):
        raise Undefined("a term is lost beside a larger one")
    return total if abs(total) > largest * mp.mpf(10) ** -_TOLERANCE else Fraction(0)


def _product(a: Value, b: Value) -> Value:
    return a * b if isinstance(a, Fraction) and isinstance(b, Fraction) else _float(a) * _float(b)


def _quotient(a: Value, b: Value) -> Value:
    if not b:
        raise Undefined("division by zero")
    return _divided(a, b)


def _power(base: Value, exponent: Value, *, real: bool) -> Value:
    both = isinstance(base, Fraction) and isinstance(exponent, Fraction)
    if both and (result := exact.power(base, exponent)) is not None:
        return result
    if abs(exponent) > _MAX_EXPONENT or not base:
        raise Undefined("a power out of reach")
    if both and exponent.denominator % 2 and base < 0 and exponent.denominator > 1:
        sign = -1 if exponent.numerator % 2 else 1
        return sign * mp.power(_float(-base), _float(exponent))
    return _checked(mp.power(_float(base), _float(exponent)), base, exponent, real=real)


def _root(radicand: Value, degree: Value, *, real: bool) -> Value:
    if not isinstance(degree, Fraction) or not degree:
        raise Undefined("a root of no known degree")
    if isinstance(radicand, Fraction) and degree == 2 and (root := exact.root(radicand)) is not None:
        return root
    if not radicand:
        return Fraction(0)
    if not isinstance(radicand, Fraction) and _float(radicand).imag == 0 and degree == 3 and radicand < 0:
        return -mp.power(-radicand, mp.mpf(1) / 3)
    return _power(radicand, 1 / degree, real=real)


def _checked(result: Value, *operands: Value, real: bool) -> Value:
    """The result, unless real operands have left the real numbers at a point that is real."""
    if real and _float(result).imag != 0 and all(_float(operand).imag == 0 for operand in operands):
        raise Undefined("not real")
    return result


def _function(of: Callable[[Value], Value], argument: Value, *, real: bool) -> Value:
    if abs(argument) > _MAX_EXPONENT:
        raise Undefined("an argument out of reach")
    result = _checked(of(_float(argument)), argument, real=real)
    return (
        Fraction(0) if abs(result) < mp.mpf(10) ** -_TOLERANCE and abs(_float(argument)) > mp.mpf(10) ** -20 else result
    )


def _logarithm(argument: Value, base: Value | None = None, *, real: bool) -> Value:
    r"""To an unknown base where none is written: `\log` is that of 10 to some and the natural one to others."""
    if not argument:
        raise Undefined("the logarithm of zero")
    divisor = mp.log(mp.mpf(7919) / 1000) if base is None else mp.log(_float(base))
    return _checked(mp.log(_float(argument)) / divisor, argument, real=real)


def _unknown_function(name: str, args: list[Value]) -> Value:
    """Any function will do, as long as another name or argument gives another value."""
    rng = random.Random(name)
    total = mp.mpf(rng.random())
    for arg in args:
        total += mp.mpf(rng.random()) * mp.cos(_float(arg)) + mp.mpf(rng.random()) * _float(arg)
    return total


def _whole(of: Callable[[Value], Value], value: Value) -> Fraction:
    if _float(value).imag or abs(value) > mp.mpf(10) ** (DIGITS // 2):
        raise Undefined("no digits left in front of the point")
    return Fraction(int(of(_float(value))))


def _exactly(of: Callable[..., Fraction | None], otherwise: Callable[..., Value]) -> Callable[..., Value]:
    def operation(*args: Value) -> Value:
        if all(isinstance(arg, Fraction) for arg in args) and (result := of(*args)) is not None:
            return result
        if any(abs(arg) > 10**4 for arg in args):
            raise Undefined("an argument out of reach")
        return otherwise(*map(_float, args))

    return operation


_CONSTANTS: dict[str, Callable[[], Value]] = {"pi": lambda: +mp.pi, "e": lambda: +mp.e, "i": lambda: mp.mpc(0, 1)}
_OPERATIONS: dict[str, Callable[..., Value]] = {
    "+": _sum,
    "neg": lambda a: -a,
    "*": _product,
    "/": _quotient,
    "abs": abs,
    "degree": lambda a: _float(a) * mp.pi / 180,
    "floor": partial(_whole, mp.floor),
    "ceil": partial(_whole, mp.ceil),
    "factorial": _exactly(exact.factorial, mp.factorial),
    "binom": _exactly(exact.binomial, mp.binomial),
}
_FUNCTIONS = {
    "ln": mp.ln,
    "exp": mp.exp,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "cot": mp.cot,
    "sec": mp.sec,
    "csc": mp.csc,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arccot": mp.acot,
}
_REAL_OPERATIONS: dict[str, Callable[..., Value]] = {  # these may lead from real numbers to complex ones
    "^": _power,
    "root": _root,
    "log": _logarithm,
    "lg": _logarithm,
    **{name: partial(_function, function) for name, function in _FUNCTIONS.items()},
}
