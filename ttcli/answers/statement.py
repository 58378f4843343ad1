"""Places where a text states an answer, and what counts as one."""

from __future__ import annotations

import re
import string
from typing import NamedTuple

from ttcli.answers.normal import canonical
from ttcli.answers.pattern import either, phrases

_BOLD = re.compile(r"(?<![\w)\]}])\*\*|\*\*(?![\w(\\{-])")  # but not the power of 2**3 and (x+1)**2
_TRAILING = string.whitespace + ".。"
_WRAPS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`"), ("*", "*"), ('"', '"'))
_SAYS_NOTHING = phrases(
    """right, correct, wrong, incorrect, clear, obvious, simple, easy, unique, below, above, given, as follows,
    the following, found, reasonable, valid, as above, shown below, shown above, here, complete, expected, known,
    unknown, unclear, not given, not known, not clear, not possible, not available, n/?a, ans"""
)
_THE_ANSWER = (
    r"(?:the|your|my|this|our)? ?(?:final|correct|right)? ?(?:answer|result|solution|value)(?: goes)?(?: here)?"
)
_SLOT = r"[\[<{(]+[^\[\]<>{}()]*(?:answer|result|number|value)[^\[\]<>{}()]*[\]>})]+"
_NOTHING = re.compile(
    either(
        r"[?_\s.…-]*",
        _THE_ANSWER,
        _SLOT,
        rf"\\text\{{ ?{_THE_ANSWER} ?\}}",
        rf"(?:indeed |also |thus |therefore |definitely )?{_SAYS_NOTHING}",
    ),
    re.IGNORECASE,
)
_DENIED = re.compile(
    phrases(
        """not, never, n't, neither, incorrect, wrong, in the form, of the form, given by, found by, obtained, supposed,
        to be"""
    )
    + r"\b",
    re.IGNORECASE,
)
_VALUES = frozenset({"number", "group", "union", "choice", "clock", "ratio", "based", "measure", "relation"})
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}(?![A-Za-z]*\})")


class Statement(NamedTuple):
    """An answer, and where the text had finished saying it."""

    end: int
    answer: str
    sure: bool = True  # a value or marked as the answer; not sure: words that may describe it only


def bare(answer: str) -> str:
    """The answer without white space, periods, bold marks and dollar signs around it; "" where it says nothing."""
    answer = _BOLD.sub("", answer)
    while True:
        trimmed = _unwrapped(answer.lstrip().rstrip(_TRAILING))
        if trimmed == answer:
            return "" if _NOTHING.fullmatch(answer) else answer
        answer = trimmed


def _unwrapped(answer: str) -> str:
    for left, right in _WRAPS:
        inner = answer[len(left) : -len(right)]
        whole = answer.startswith(left) and answer.endswith(right) and len(answer) >= len(left) + len(right)
        if whole and left not in inner and right not in inner:
            return inner
    return answer


def is_denied(answer: str) -> bool:
    """Whether what follows "the answer is" says what it is not, or how it is found."""
    return bool(_DENIED.match(answer))


def is_value(answer: str) -> bool:
    """Whether an answer is a value, and not words that may only describe it."""
    key = canonical(answer)
    if key.kind in _VALUES:
        return len(_PROSE.findall(answer)) <= 6
    return key.kind == "text" and not _PROSE.search(re.sub(r"\\(?:text|mathrm)\{[^{}]*\}", "", answer))
