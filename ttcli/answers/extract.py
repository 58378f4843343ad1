r"""The final answer of a solution, where the solution says so: `\boxed{x}`, `#### x`, or "the answer is x".

`\boxed` is the convention of MATH (Hendrycks et al., 2021), `####` that of GSM8K (Cobbe et al., 2021), the sentence
that of Minerva's prompt (Lewkowycz et al., 2022). A number that merely comes last is never taken for an answer.
"""

from __future__ import annotations

import re
import string
from collections import deque
from collections.abc import Iterator

from ttcli.answers.normal import is_number

_MAX_SENTENCE = 1000  # characters looked at after "the answer is"
_MAX_SENTENCES = 100  # such sentences looked at, the last ones

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace groups nothing
_UNBRACED = re.compile(r"(?:[\d+\-([$]|\.\d|\\[A-Za-z$%])[^\s$]*")
_HASHES = re.compile(r"^[ \t]*####(?!#)(.*)$", re.MULTILINE)
_SAYS_ANSWER = re.compile(r"\banswer\b", re.IGNORECASE)
_SENTENCE = re.compile(r"\banswer(?:\s+is\b|\W{0,4}:)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!](\$|\\\))?(?=\s|$)|\n")
_BOLD = re.compile(r"(?<![\w)\]}])\*\*|\*\*(?![\w(\\{-])")  # but not the power of 2**3 and (x+1)**2
_TRAILING = string.whitespace + "."
_DISPLAY = {"$$": "$$", "\\[": "\\]"}
_WRAPS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))


def extract_answer(text: str) -> str | None:
    r"""The final answer as the solution writes it, without `$...$`, `**` and trailing periods; None where it has none.

    In this order: the last complete `\boxed{...}` or `\fbox{...}` that is not empty (`\boxed 5` counts); the last line
    `#### x`; the last "answer is x" or "answer: x". An unclosed box is no box. Markdown's headings can look
    like `#### x` too: a line that is no number counts only at the very end of the text. Takes time linear in the text
    and raises nothing.
    """
    for candidates in (_boxed(text), _hashed(text), _said(text)):
        for candidate in candidates:
            if answer := _bare(candidate):
                return answer
    return None


def _boxed(text: str) -> Iterator[str]:
    """Contents of complete boxes, the last one first; a box around a box says nothing that the inner one did not."""
    boxes = list(_BOX.finditer(text))
    closing = _closing_braces(text) if boxes else {}
    last = len(text)
    for box in reversed(boxes):
        start = box.end()
        if text.startswith("{", start):
            if closing.get(start, len(text)) < last:
                yield text[start + 1 : closing[start]]
        elif word := _UNBRACED.match(text, start):
            yield word.group()
        last = box.start()


def _closing_braces(text: str) -> dict[int, int]:
    """Where each `{` of the text is closed; braces that stay open are left out."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace.group() == "{":
            opened.append(brace.start())
        elif brace.group() == "}" and opened:
            closing[opened.pop()] = brace.start()
    return closing


def _hashed(text: str) -> Iterator[str]:
    """What stands behind `####`, the last line first."""
    end = len(text.rstrip())
    for line in reversed(list(_HASHES.finditer(text))):
        answer = line.group(1)
        if not _SAYS_ANSWER.search(answer) and (line.end() >= end or is_number(_bare(answer))):
            yield answer


def _said(text: str) -> Iterator[str]:
    """What follows "answer is" or "answer:", the last one first; not a box, which is empty or open if it comes here."""
    return (said for said in _after_phrase(text) if not _BOX.search(said))


def _after_phrase(text: str) -> Iterator[str]:
    for sentence in reversed(deque(_SENTENCE.finditer(text), maxlen=_MAX_SENTENCES)):
        rest = _BOLD.sub("", text[sentence.end() : sentence.end() + _MAX_SENTENCE]).lstrip(" \t:")
        below = rest.lstrip()
        end = below.find(_DISPLAY.get(below[:2], "\n"), 2)
        if below[:2] in _DISPLAY and end >= 0:
            yield below[2:end]
        elif below == rest:
            yield _first_sentence(rest)
        elif is_number(_bare(line := below.partition("\n")[0])):  # not "1. First, ..." under a heading "Answer:"
            yield line


def _first_sentence(text: str) -> str:
    end = _SENTENCE_END.search(text)
    return text[: end.start()] + (end.group(1) or "") if end else text


def _bare(answer: str) -> str:
    """The answer without white space, periods, bold marks and dollar signs around it."""
    answer = _BOLD.sub("", answer)
    while True:
        trimmed = _unwrapped(answer.lstrip().rstrip(_TRAILING))
        if trimmed == answer:
            return answer
        answer = trimmed


def _unwrapped(answer: str) -> str:
    for left, right in _WRAPS:
        inner = answer[len(left) : -len(right)]
        whole = answer.startswith(left) and answer.endswith(right) and len(answer) >= len(left) + len(right)
        if whole and left not in inner and right not in inner:
            return inner
    return answer
