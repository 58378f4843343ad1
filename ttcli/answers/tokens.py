"""Tokens of expressions: numbers, commands, letters and signs, in LaTeX and in plain text as programs write it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ttcli.answers.pattern import words

FUNCTIONS = frozenset(
    words("sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh ln log lg exp abs floor ceil sqrt")
)
GREEK = frozenset(
    words(
        """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi
        omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar nabla partial"""
    )
)
_INVERSES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "cosec": "csc"}
_PLAIN_WORDS = sorted(FUNCTIONS | _INVERSES.keys() | (GREEK - {"nu"}) | {"pi"}, key=len, reverse=True)
_PLAIN = re.compile(rf"(?<![A-Za-z\\])(?:{'|'.join(_PLAIN_WORDS)})(?![A-Za-z])")
_UPRIGHT = re.compile(r"\\(?:mathrm|text|textrm|operatorname|mathit|mathnormal|mathsf)\s*\{\s*(\\?[A-Za-z]+)\s*\}")
_TOKEN = re.compile(
    r"(?P<number>(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)|\\(?P<command>[A-Za-z]+)|(?P<name>[A-Za-z])"
    r"|(?P<sign>\\[{}|%]|[-+*/^_!'()\[\]{}|,%])|(?P<space>\s+)",
    re.ASCII,
)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_VECTORS = re.compile(r"(?<![\\A-Za-z])[jk](?![A-Za-z])|\{\s*\\?[ijk](?:math)?\s*\}")


class Unreadable(ValueError):
    """The text is no expression of the grammar."""


class Tokens(NamedTuple):
    """The tokens of an expression, and whether i stands beside j or k in it, or below a hat: then it is a vector."""

    tokens: list[str]
    vectors: bool


def tokens(text: str) -> Tokens:
    """The tokens of a text; capitals side by side are one name where there is no small letter."""
    text = _PLAIN.sub(lambda word: f"\\{_INVERSES.get(word.group(), word.group())} ", _UPRIGHT.sub(r" \1 ", text))
    joined = not any(letter.islower() for letter in _COMMAND.sub("", text))
    found: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() != end:
            raise Unreadable(text)
        end = match.end()
        if match.lastgroup == "name" and joined and match.start() and text[match.start() - 1].isupper():
            found[-1] += match.group()
        elif match.lastgroup != "space":
            found.append(match.group())
        elif found and found[-1][0].isdigit() and text[end : end + 1].isdigit() and found[-2:-1] != ["_"]:
            raise Unreadable(text)  # two numbers side by side
    if end != len(text):
        raise Unreadable(text)
    return Tokens(found, bool(_VECTORS.search(text)))
