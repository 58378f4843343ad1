"""Words behind a number: which ones only say what is counted, and which change the number."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_SHORT = _words(
    # symbols
    "mm cm dm km mi in ft yd sq cu kg mg lb lbs oz ton ml cl gal mph kmh kph rpm hr hrs min mins sec secs ms day deg "
    "rad gb mb kb usd eur "
    # things that problems count
    "of per all men boy kid man cat cow dog fox hen pet pig bee ant bus car van toy bag box can cup jar mug pan pen "
    "pie egg hat key map pin row set way win"
)
_CHANGES = _words(
    "am pm ad bc bce ce and or to if when where for not "
    "plus minus times over by divided multiplied mod modulo base root sqrt choose power factorial "
    "sin cos tan cot csc log ln exp pi theta infinity infty "
    "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh sevenths "
    "eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths"
) | frozenset(_SCALES)
_CHANGES_FIRST = frozenset({"squared", "cubed"})  # 5 squared is 25, but 5 cm squared is an area
_TOKEN = re.compile(r"[A-Za-z]+|/")


def scale_of(words: str) -> tuple[int, str]:
    """The factor that the first of the words says, and the words left: `million dollars` is 1000000 and `dollars`."""
    first, _, rest = words.strip().partition(" ")
    factor = _SCALES.get(first.lower())
    return (1, words) if factor is None else (factor, rest)


def are_units(words: str, *, marked: bool = False) -> bool:
    r"""Whether words behind a number name units or things and leave the number as it is.

    `marked`: they stood in `\text{...}`, and so a single letter is a unit. Elsewhere `3 x`, `3ab` and `3 m` may be
    products: a bare word needs four letters or to be a usual unit, and single letters may only follow `/` or `per`.
    """
    tokens = [token.lower() for token in _TOKEN.findall(words.replace(".", ""))]
    if not tokens or tokens[0] in _CHANGES_FIRST or not _CHANGES.isdisjoint(tokens):
        return False
    before = ["", *tokens]
    return marked or all(_is_noun(token, last) for token, last in zip(tokens, before, strict=False))


def _is_noun(token: str, last: str) -> bool:
    return len(token) >= 4 or token in _SHORT or "/" in {token, last} or last == "per"
