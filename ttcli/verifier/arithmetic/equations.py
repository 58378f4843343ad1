"""The equalities between numbers that a text states, and whether they hold.

Chains (a = b = c) are read link by link, in plain text, Markdown and LaTeX. What cannot be read is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ttcli.verifier.arithmetic.judgement import Equation, Judge
from ttcli.verifier.arithmetic.lexer import Token, tokens
from ttcli.verifier.arithmetic.side import LONGEST, WORDS, Side, head, is_unit, read

_RELATIONS = frozenset({"relation", "about", "says"})
_GOES_ON = frozenset({"symbol", "sign", "number", "fraction", "root"})  # behind a result, it is no result

_COMPUTES = frozenset({"sign", "fraction", "root", "of", "percent"})


class _Segment(NamedTuple):
    """What stands between two relations, or a relation and an end."""

    tokens: Sequence[Token]
    after: Token | None  # the relation that it stands behind; None: it begins the statement


def equations(text: str) -> list[Equation]:
    """The equalities of a text that can be checked, in its order; in time that grows with its length alone."""
    judge = Judge(text)
    found = []
    for statement in _statements(tokens(text)):
        for left, right in itertools.pairwise(statement):
            equation = _link(left, right, judge)
            if equation is not None:
                found.append(equation)
    return found


def _statements(found: Sequence[Token]) -> Iterator[list[_Segment]]:
    """Runs of segments joined by relations; a relation may stand at the beginning of a line, or at its end."""
    done: list[_Segment] = []
    open_tokens: list[Token] = []
    after: Token | None = None
    for number, token in enumerate(found):
        if token.kind == "line" and ((after and not open_tokens) or _leads_on(found, number)):
            continue
        if token.kind in _RELATIONS:
            done.append(_Segment(open_tokens, after))
            open_tokens, after = [], token
        elif token.kind in {"stop", "line"}:
            if after:
                yield [*done, _Segment(open_tokens, after)]
            done, open_tokens, after = [], [], None
        else:
            open_tokens.append(token)
    if after:
        yield [*done, _Segment(open_tokens, after)]


def _leads_on(found: Sequence[Token], number: int) -> bool:
    """Whether the line behind a break begins with a relation."""
    return number + 1 < len(found) and found[number + 1].kind in {"relation", "about"}


def _link(left: _Segment, right: _Segment, judge: Judge) -> Equation | None:
    """What two neighbours in a chain state; None: nothing that can be checked."""
    relation = right.after
    if not any(token.kind in _COMPUTES for segment in (left, right) for token in segment.tokens):
        return None
    first, begun = _tail(left), head(right.tokens)
    if relation is None or first is None or begun is None:
        return None
    second, length = begun
    rest = right.tokens[length:]
    if rest and rest[0].kind in _GOES_ON:
        return None
    words = _words(rest)
    about = relation.kind == "about" or "about" in relation.text or "approx" in relation.text
    says = relation.kind == "says"
    result = not second.operations or second.quotient
    if first.operations:
        found = judge.same(first, second) if second.operations else None
        if found or not result:
            return found
        return judge.result(first, second, words, about=about, firm=not (says and _is_name(first)))
    if not result:
        firm = left.after is not None and not says and len(first.tokens) == len(left.tokens)
        return judge.result(second, first, words, about=about, firm=firm)
    return None


def _is_name(side: Side) -> bool:
    """Whether it may name something instead of computing it: "3/4 of these", a 30-60-90 triangle."""
    signs = [token.text for token in side.tokens if token.kind == "sign"]
    return side.quotient or (bool(signs) and set(signs) == {"-"})


def _words(rest: Sequence[Token]) -> list[str]:
    """The words that follow, up to six, and what they lead to where that is a number."""
    found: list[str] = []
    for token in rest[:6]:
        if token.kind != "word":
            break
        if token.text == "and" and _begins_anew(rest[len(found) + 1 :]):
            break
        found.append(token.text)
    return found


def _begins_anew(rest: Sequence[Token]) -> bool:
    """Whether an "and" before the tokens leads to another statement, and not to more of the result: 2 and 1/2."""
    if rest and rest[0].kind == "word":
        return not is_unit(rest[0])
    begun = head(rest)
    return begun is not None and begun[0].operations > 0 and not begun[0].quotient


def _tail(segment: _Segment) -> Side | None:
    """The side that a segment ends in; None: there is none, or it may go on to the left."""
    found = segment.tokens
    start = _beginning(found)
    if start is None or start == len(found):
        return None
    before = found[start - 1] if start else None
    if before and (before.kind not in {"word", "open", "of"} or _operand(found, start - 1)):
        return None
    if found[start].kind == "sign" and not _is_own(found, start, segment.after):
        return None
    return read(found[start:])


def _is_own(found: Sequence[Token], start: int, after: Token | None) -> bool:
    """Whether the sign there is that of a number, and no dash nor a sum that goes on from words."""
    before = found[start - 1] if start else after
    if before is not None and before.kind != "word":
        return True
    close = start + 1 < len(found) and found[start].end == found[start + 1].start
    return close and (before is None or before.end < found[start].start)


def _operand(found: Sequence[Token], at: int) -> bool:
    """Whether the words there stand behind a sign: "12 - the other 3 + 4"."""
    last = at
    while at >= 0 and found[at].kind in {"word", "of"}:
        at -= 1
    mixed = last == at + 1 and found[last].text == "and" and at >= 0 and found[at].kind == "number"  # 1 and 1/4
    return at >= 0 and (found[at].kind in {"sign", "fraction", "root"} or mixed)


def _beginning(found: Sequence[Token]) -> int | None:
    """Where the side that the tokens end in begins; None: it is too long."""
    depth, start = 0, len(found)
    while start > 0:
        token = found[start - 1]
        if len(found) - start > LONGEST:
            return None
        if token.kind == "close":
            depth += 1
        elif token.kind == "open":
            if depth == 0:
                return start
            depth -= 1
        elif depth == 0 and (
            token.kind == "symbol" or (token.kind in {"word", "of"} and not _inside(found, start - 1))
        ):
            return start
        start -= 1
    return start


def _inside(found: Sequence[Token], at: int) -> bool:
    """Whether the word there is part of a side: the unit of a number, or the "of" between a part and its whole."""
    if found[at].kind == "of":
        before = found[at - 1] if at else None
        slash = at > 1 and found[at - 2].text == "/"
        part = before and (before.kind in {"percent", "close"} or 0 < before.value < 1 or slash)
        return bool(part) and at + 1 < len(found) and found[at + 1].kind in {"number", "open", "fraction", "root"}
    first, last = at, at
    while last + 1 < len(found) and is_unit(found[last + 1]):
        last += 1
    while first >= 0 and is_unit(found[first]):
        first -= 1
    unit = first >= 0 and last - first <= WORDS and found[first].kind in {"number", "close", "percent"}
    return unit and (last + 1 == len(found) or found[last + 1].kind in {"sign", "close", "percent"})
