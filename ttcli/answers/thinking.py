"""What a text says aloud: without thinking that was left in it, and without questions that it puts to itself."""

from __future__ import annotations

import re

_NAMES = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)"
_CLOSE = re.compile(rf"</{_NAMES}>|\[/{_NAMES}\]|<\|end_of_thought\|>|◁/think▷|<\|?/think\|?>", re.IGNORECASE)
_OPEN = re.compile(rf"<{_NAMES}>|\[{_NAMES}\]|<\|begin_of_thought\|>|◁think▷|<\|?think\|?>", re.IGNORECASE)
_NEXT = re.compile(
    r"\n[ \t]*\n[ \t]*(?:[#*_]{0,4} ?)(?:(?:next |new )?(?:question|problem|exercise)|Q)"
    r"(?: ?\d{1,4})?[*_]{0,2} ?[:.](?=\s)",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"\\boxed|####|\banswer\b", re.IGNORECASE)


def aloud(text: str) -> str:
    """The text behind the last closed thought and before one that is still open."""
    text = text[max((closed.end() for closed in _CLOSE.finditer(text)), default=0) :]
    opened = _OPEN.search(text)
    return text[: opened.start()] if opened else text


def thinks_on(text: str) -> bool:
    """Whether a thought was begun and never closed."""
    return bool(_OPEN.search(text, max((closed.end() for closed in _CLOSE.finditer(text)), default=0)))


def first_answer(text: str) -> str:
    """The text up to where, having answered, it runs on into another question."""
    for following in _NEXT.finditer(text):
        if _ANSWERED.search(text, 0, following.start()):
            return text[: following.start()]
    return text
