r"""Answers in boxes: `\boxed{x}`, the convention of MATH (Hendrycks et al., 2021), and its relatives.

Several boxes side by side, "x = \boxed{2} and x = \boxed{3}", are one answer with several parts, and a box that holds a
part of a formula, `$\boxed{5}\sqrt{2}$` or `$-\boxed{5}$`, stands for the formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ttcli.answers.statement import Statement, bare

BOX = re.compile(r"\\(?:boxed|fbox|framebox|box)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace groups nothing
_UNBRACED = re.compile(r"(?:[\d+\-([$]|\.\d|\\[A-Za-z$%])[^\s$]*")
_TAGGED = re.compile(
    r"<(answer)>((?:(?!<answer>).){1,2000}?)</answer>|<\|(begin)_of_box\|>(.{1,2000}?)<\|end_of_box\|>",
    re.DOTALL | re.IGNORECASE,
)
_JOINT = re.compile(
    r"[\s$.]*(?:\\[()])?\s*(?:,|;|,?\s*(?:\\text\{\s*)?(?:and|or)(?:\s*\})?)[\s$]*(?:\\[()])?\s*(?P<name>[A-Za-z](?:_\{?\w\}?)?\s*=\s*)?[\s$]*"
)
_NAMED = re.compile(r"(?:^|[\s$(,])(?P<name>[A-Za-z](?:_\{?\w\}?)?\s*=)\s*$")
_MINUS = re.compile(r"[\$(=:]\s*(-)\s*$")
_REST = re.compile(r"\s*((?:\\times|\\cdot|\\sqrt|\\pi|\\frac|\^|\\%)[^$=\n.]*)\$")


class _Box(NamedTuple):
    start: int
    end: int
    inside: str


def boxed(text: str) -> Iterator[Statement]:
    """What boxes state, in the order of the text."""
    boxes = _boxes(text)
    place = 0
    while place < len(boxes):
        group = [boxes[place]]
        while place + 1 < len(boxes) and _JOINT.fullmatch(text, group[-1].end, boxes[place + 1].start):
            place += 1
            group.append(boxes[place])
        place += 1
        if answer := _answer(text, group):
            yield Statement(group[-1].end, answer)


def tagged(text: str) -> Iterator[Statement]:
    """What stands between tags for an answer."""
    for tag in _TAGGED.finditer(text):
        inside = tag.group(2) or tag.group(4) or ""
        if not BOX.search(inside) and (answer := bare(inside)):
            yield Statement(tag.end(), answer)


def _answer(text: str, group: list[_Box]) -> str:
    answers = [(answer, box) for box in group if (answer := bare(box.inside))]
    if len(answers) == 1:
        return _completed(text, *answers[0])
    names = [
        name.group("name") if (name := _NAMED.search(text, max(0, box.start - 20), box.start)) else ""
        for _, box in answers
    ]
    different = len({name for name in names if name}) > 1
    parts = [
        f"{name} {answer}" if different and name else answer for name, (answer, _) in zip(names, answers, strict=True)
    ]
    return ", ".join(dict.fromkeys(parts))


def _completed(text: str, answer: str, box: _Box) -> str:
    """The answer with the sign before it and the factors behind it that belong to the same formula."""
    if _MINUS.search(text, max(0, box.start - 8), box.start):
        answer = f"-{answer}"
    if rest := _REST.match(text, box.end, box.end + 80):
        answer += rest.group(1).rstrip()
    return answer


def _boxes(text: str) -> list[_Box]:
    """Complete boxes; a box around a box says nothing that the inner one did not."""
    found = list(BOX.finditer(text))
    closing = _closing_braces(text) if found else {}
    boxes: list[_Box] = []
    last = len(text)
    for box in reversed(found):
        start = box.end()
        if text.startswith("{", start):
            if closing.get(start, len(text)) < last:
                boxes.append(_Box(box.start(), closing[start] + 1, text[start + 1 : closing[start]]))
        elif word := _UNBRACED.match(text, start):
            boxes.append(_Box(box.start(), word.end(), word.group()))
        last = box.start()
    return boxes[::-1]


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
