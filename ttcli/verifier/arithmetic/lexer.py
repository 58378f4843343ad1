r"""Tokens of solutions: numbers, signs, words and relations, in plain text, Markdown and LaTeX, with their offsets.

Whatever is no part of arithmetic still is a token (`word`, `symbol`, `stop`), because it says where arithmetic ends:
`3x + 4 = 10` states nothing about 4, and `he has 3 + 4 = 7` does about 3 + 4.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, NamedTuple

from ttcli.answers.pattern import words

Kind = Literal[
    "number",
    "sign",  # + - * / ^ !
    "open",
    "close",
    "relation",  # =
    "about",  # an approximate one
    "says",  # "is", "gives": a relation where numbers stand on both sides
    "percent",
    "of",
    "fraction",  # \frac, before two groups
    "root",
    "word",
    "symbol",  # a variable, a function, anything that arithmetic with numbers does not know
    "line",  # a new line: what follows a relation, or begins with one, goes on
    "stop",  # of a sentence, or of an item in a list
]

_DIGITS = 30  # of a number, at most

_UNIT = re.compile(r"(?:kg|km|cm|mm|mg|ml|kb|mb|gb|lbs?|oz|ft|yd|mi|mph|hrs?|mins?|secs?|cents?)(?![^\W\d])")
_SIGNS = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/"}
_SAYS = frozenset({"is", "are", "gives", "makes", "yields", "is about", "is approximately", "is roughly"})
_EQUALS = frozenset({"equals", "equal", "is equal to", "equal to", "which is"})
_FUNCTIONS = frozenset(
    words("""log ln lg sin cos tan cot sec csc gcd lcm mod min max sqrt floor ceil abs det lim exp arg len range int
    rem remainder choose bmod pmod""")
)
_BETWEEN = frozenset(  # "of" and what it is a part of
    words(
        "the a an his her their its my your our these those that this all remaining total original initial first other"
    )
)
_PARTS = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4)}

_TOKEN = re.compile(
    r"""
      (?P<space> [ \t&~`]+ )
    | (?P<word> (?:multiplied|divided)\s+by\b|(?:is\s+|are\s+)?(?:equal\s+to|about|approximately|roughly)\b|which\s+is\b
        | [^\W\d_]+(?:['’][^\W\d_]+)? )
    | (?P<bullet> (?:\A|\n)[ \t]*(?:[-*•+][ \t]+|\(?\d{1,3}[.)](?=\s)|\#+[ \t]+)(?:\*\*)? )
    | (?P<number> (?: [0-9]{1,3}(?:(?:,|\{,\}|\\,|\\!,)[0-9]{3})+(?![0-9]) | [0-9]+ ) (?:\.[0-9]+)? (?:\.{3}|…)?
        | \.[0-9]+ (?:\.{3}|…)? )
    | (?P<line> \n\s* | \\\\(?:\[[^\]\n]{0,20}\])?\s* | \\(?:begin|end)\{[^{}\n]{0,30}\} )
    | (?P<stop> <<|>>|\.\.\.|…|=>|->|==|!=|<=|>=|:=|[-+*/]=|[<>;?,] | [.:](?!\d) | \\[lc]?dots(?![a-zA-Z]) | — )
    | (?P<short> \\[dtc]?frac\s*(?P<above>\d)\s*(?P<below>\d) )
    | (?P<fraction> \\[dtc]?frac(?![a-zA-Z]) )
    | (?P<root> \\sqrt(?=\s*[{\d]) )
    | (?P<degree> \^\s*\{?\s*\\circ\s*\}?|\\degree(?![a-zA-Z])|° )
    | (?P<skip> \\(?:left|right|quad|qquad|displaystyle|[bB]igg?[lr]?)(?![a-zA-Z]) | \\[,;:!\s] | \\[\[\]()] |\s
        | \\?[$€£¥₹] | \\(?:text|mathrm|textbf|mathbf|textrm|textit|mathit|mbox|boxed|fbox|operatorname)(?=\s*\{)
        | \*\*(?!\d)|(?<!\d)\*\* )
    | (?P<power> \*\*|\^ )
    | (?P<super> [²³] )
    | (?P<times> \\(?:times|cdot|ast)(?![a-zA-Z])|[×·⋅∗*] )
    | (?P<over> \\div(?![a-zA-Z])|[÷/⁄] )
    | (?P<plus> \+ ) | (?P<minus> [-−–] )
    | (?P<about> \\(?:approx|simeq|sim)(?![a-zA-Z])|[≈≃] )
    | (?P<relation> = )
    | (?P<percent> \\?% )
    | (?P<open> [(\[{] ) | (?P<close> [)\]}] )
    | (?P<bang> ! )
    | (?P<symbol> \\[a-zA-Z]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of the text."""

    kind: Kind
    start: int
    end: int
    text: str  # of signs one of + - * / ^ !
    value: Fraction = Fraction(0)  # of a number


def tokens(text: str) -> list[Token]:
    """The tokens of a text, those that mean nothing left out; time and memory grow with its length alone."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup not in {"space", "skip"}:
            _add(found, match)
    return _joined(found)


def _add(found: list[Token], match: re.Match[str]) -> None:
    """Append what a match is, if it is anything."""
    start, end, text = match.start(), match.end(), match.group()
    match match.lastgroup:
        case "below":  # \frac12
            value = Fraction(int(match["above"]), int(match["below"]) or 1)
            found.append(Token("number" if match["below"] != "0" else "symbol", start, end, text, value))
        case "number":
            found.append(_number(match))
        case "power":
            found.append(Token("sign", start, end, "^"))
        case "super":
            found.append(Token("sign", start, start, "^"))
            found.append(Token("number", start, end, text, Fraction("²³".index(text) + 2)))
        case "times" | "over" | "plus" | "minus":
            found.append(Token("sign", start, end, {"times": "*", "over": "/", "plus": "+"}.get(match.lastgroup, "-")))
        case "bang":
            joined = found and found[-1].end == start and found[-1].kind in {"number", "close"}
            found.append(Token("sign" if joined else "stop", start, end, "!"))
        case "degree":
            found.append(Token("word", start, end, "degrees"))
        case "word":
            found.append(_word(match))
        case "bullet":
            found.append(Token("stop", start, end, text))
        case "line" | "stop" | "fraction" | "root" | "about" | "relation" | "percent" | "open" | "close" as kind:
            found.append(Token(kind, start, end, text))
        case _:
            found.append(Token("symbol", start, end, text))


def _number(match: re.Match[str]) -> Token:
    """A number, or a symbol where its surroundings make it something else: x2, 12_8, 3:00, 12th, version 1.2.3."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    glued = before.isalpha() and not (before in "xX" and text[max(start - 2, 0)].isdigit())
    if (before and before in "_.") or (before == ":" and text[max(start - 2, 0)].isdigit()) or glued:
        return Token("symbol", start, end, match.group())
    if (
        after == "_"
        or (after in {":", "."} and text[end + 1 : end + 2].isdigit())
        or text.startswith("\\overline", end)
    ):
        return Token("symbol", start, end, match.group())
    if after.isalpha() and not (_UNIT.match(text, end) or (after in "xX" and text[end + 1 : end + 2].isdigit())):
        return Token("symbol", start, end, match.group())
    digits = re.sub(r"[^\d.]", "", match.group().removesuffix("..."))
    if len(digits) > _DIGITS or re.match(r"0\d", digits):  # 0900 is a time
        return Token("symbol", start, end, match.group())
    return Token("number", start, end, match.group(), Fraction(digits))


def _word(match: re.Match[str]) -> Token:
    text, start, end = match.group(), match.start(), match.end()
    small = " ".join(text.lower().split())
    around = match.string
    if small in _SIGNS:
        return Token("sign", start, end, _SIGNS[small])
    if small in _EQUALS:
        return Token("relation", start, end, text)
    if small in {"about", "approximately", "roughly"}:
        return Token("word", start, end, small)
    if small in _SAYS:
        return Token("says", start, end, text)
    if small in {"percent", "per cent"}:
        return Token("percent", start, end, text)
    if small == "of":
        return Token("of", start, end, text)
    if text in {"x", "X"} and _between_numbers(around, start, end):
        return Token("sign", start, end, "*")
    if small in _PARTS and re.match(r"\s+of\b", around[end : end + 8]):
        return Token("number", start, end, text, _PARTS[small])
    single = (
        len(text) == 1
        and text not in {"a", "A", "I"}
        and not (_UNIT.match(text) and around[start - 1 : start].isdigit())
    )
    capitals = text.isupper() and 1 < len(text) <= 3 and text.isascii()
    called = around[end : end + 1] == "(" and start and not around[start - 1].isspace()
    if (
        single
        or capitals
        or small in _FUNCTIONS
        or called
        or around[end : end + 1] == "_"
        or around[max(start - 1, 0) : start] == "_"
    ):
        return Token("symbol", start, end, text)
    return Token("word", start, end, small)


def _between_numbers(text: str, start: int, end: int) -> bool:
    before, after = text[max(start - 4, 0) : start].rstrip(), text[end : end + 4].lstrip(" $\\")
    return bool(re.search(r"[\d)}%]$", before)) and bool(re.match(r"[\d(.]", after))


def _joined(found: list[Token]) -> list[Token]:
    """Words in brackets are words, an exponent or a slash makes one longer, "of the 50" is "of 50"."""
    out: list[Token] = []
    for token in found:
        last = out[-1] if out else None
        if token.kind == "close" and (start := _words_inside(out)) is not None:
            out[start:] = [_group(out[start - 1] if start else None, out[start:], token.end)]
        elif token.kind == "number" and len(out) > 1 and out[-1].text == "^" and out[-2].kind == "word":
            out.pop()  # square metres
        elif (
            token.kind == "word"
            and last
            and last.text == "/"
            and len(out) > 1
            and out[-2].kind in {"number", "word", "close"}
        ):
            out[-1] = Token("word", last.start, token.end, "per " + token.text)
        elif token.kind == "number" and (start := _after_of(out)) is not None:
            del out[start:]
            out.append(token)
        else:
            out.append(token)
    return out


_ASIDE = 12  # words in brackets, at most


def _words_inside(out: list[Token]) -> int | None:
    """Where a bracket opens that holds nothing but words."""
    for back in range(1, min(_ASIDE, len(out)) + 1):
        kind = out[-back].kind
        if kind == "open":
            return len(out) - back if back > 1 else None
        if kind not in {"word", "of", "says"} and not (kind == "symbol" and out[-back].text.isalpha()):
            return None
    return None


def _after_of(out: list[Token]) -> int | None:
    """Where up to three words begin that stand between "of" and what comes next."""
    for back in range(1, min(4, len(out)) + 1):
        if out[-back].kind == "of":
            return len(out) - back + 1 if back > 1 else None
        if out[-back].text not in _BETWEEN:
            return None
    return None


def _group(before: Token | None, inside: list[Token], end: int) -> Token:
    """Words in brackets, their opening one first: an aside or a unit, unless a number is multiplied by them."""
    start = inside[0].start
    glued = before is not None and before.end == start and before.kind in {"number", "close"}
    letters = inside[0].text == "{" and any(token.kind == "symbol" for token in inside)
    return Token("symbol" if glued or letters else "word", start, end, " ".join(token.text for token in inside[1:]))
