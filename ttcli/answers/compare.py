"""Whether two answers are the same where keys do not tell: their structure, and in it the values of expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from ttcli.answers.expression import read
from ttcli.answers.identity import identical, proportional
from ttcli.answers.key import Canonical
from ttcli.answers.node import Expression, constant
from ttcli.answers.tokens import Unreadable

_LETTERS = re.compile(r"[^\W\d_]+")
_EQUATION = {("=",), ("\\approx",), (":=",)}
_BELOW = {"<": False, "\\le": False, ">": True, "\\ge": True}


def same(a: Canonical, b: Canonical) -> bool:
    """Whether two keys are the same answer; False where that cannot be told."""
    if a == b:
        return True
    a, b = _resolved(a), _resolved(b)
    if a == b:
        return True
    if a.kind == b.kind == "relation":
        return _same_relation(a, b)
    if a.kind == b.kind and a.kind in {"group", "union"}:
        return _same_group(a, b)
    return _same_value(a, b)


def _same_group(a: Canonical, b: Canonical) -> bool:
    if isinstance(a.value, frozenset) and isinstance(b.value, frozenset):
        return _matched(list(a.value), list(b.value))
    if isinstance(a.value, tuple) and isinstance(b.value, tuple) and len(a.value) == len(b.value):
        return all(x == y if isinstance(x, str) else same(x, y) for x, y in zip(a.value, b.value, strict=True))
    return False


def _matched(ours: list[Canonical], theirs: list[Canonical]) -> bool:
    """Whether each member has a partner of its own on the other side."""
    if len(ours) != len(theirs):
        return False
    left = list(theirs)
    for member in ours:
        partner = next((other for other in left if same(member, other)), None)
        if partner is None:
            return False
        left.remove(partner)
    return True


def _same_value(a: Canonical, b: Canonical) -> bool:
    if not ({a.kind, b.kind} <= {"text", "number"}):
        return False
    if all(_LETTERS.fullmatch(str(key.value)) for key in (a, b)):
        return False  # two words, and not products of the same letters
    try:
        return identical(_tree(a), _tree(b))
    except Unreadable:
        return False


def _tree(key: Canonical) -> Expression:
    if isinstance(key.value, float):
        raise Unreadable("an infinity")
    return constant(key.value) if isinstance(key.value, Fraction) else read(str(key.value))


def _resolved(key: Canonical) -> Canonical:
    r"""A chain of numbers that are all the same, `\sqrt{8} = 2\sqrt{2}`, is that number."""
    if key.kind != "relation" or not isinstance(key.value, tuple):
        return key
    operators, sides = key.value
    if not set(operators) <= {"=", "\\approx", ":="}:
        return key
    try:
        trees = [read(side) for side in sides]
    except Unreadable:
        return key
    if any(tree.symbols for tree in trees[1:]) or trees[0].symbols:
        return key
    return Canonical("text", sides[-1]) if all(identical(trees[0], tree) for tree in trees[1:]) else key


def _same_relation(a: Canonical, b: Canonical) -> bool:
    """Whether two equations or inequalities say the same: one is a multiple of the other."""
    (operators, sides), (others, other_sides) = _parts(a), _parts(b)
    if len(operators) != 1 or len(others) != 1:
        return False
    try:
        difference, other = _difference(sides), _difference(other_sides)
    except Unreadable:
        return False
    if operators in _EQUATION and others in _EQUATION:
        return proportional(difference, other)
    if operators[0] not in _BELOW or others[0] not in _BELOW or ("e" in operators[0]) != ("e" in others[0]):
        return False
    if _BELOW[operators[0]] != _BELOW[others[0]]:
        other = Expression("neg", (other,))
    return proportional(difference, other, positive=True)


def _parts(key: Canonical) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assert isinstance(key.value, tuple)
    return key.value[0], key.value[1]


def _difference(sides: Iterable[str]) -> Expression:
    left, right = map(read, sides)
    return Expression("+", (left, Expression("neg", (right,))))
