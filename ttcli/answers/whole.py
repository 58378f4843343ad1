"""Texts and code as answers: where in a solution they are, and what they are reduced to when they are compared."""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings

from ttcli.answers.key import Canonical
from ttcli.answers.normal import canonical
from ttcli.solution import AnswerKind

_MAX_PARSED = 50_000  # characters of code; what is longer is compared by its words
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(.*?)(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CLOSED = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*\Z", re.MULTILINE)
_TOKEN = re.compile(r"-?\d+(?:[.,:/]\d+)*|\w+|[^\w\s.,;:!?'\"()\[\]{}*`#~…–—’‘“”«»-]")
_COMMENT = re.compile(r"(?:^|\s)(?://|#|--)(?:\s.*)?$")


def code_block(text: str, *, finished: bool = True) -> str | None:
    """The block of code that a solution comes to, without its fence; None where it has none.

    The last one counts, unless it is less than half as long as the longest: then it shows how to use that, or what it
    prints. A block that is still open counts in a finished text alone.
    """
    blocks = [
        match.group(2).strip("\n") for match in _FENCE.finditer(text) if finished or _CLOSED.search(match.group())
    ]
    blocks = [block for block in blocks if block.strip()]
    longest = max(map(len, blocks), default=0)
    return next((block for block in reversed(blocks) if 2 * len(block) >= longest), None)


def answer_key(answer: str, kind: AnswerKind) -> Canonical:
    """What an answer is reduced to: equal keys are equal answers."""
    match kind:
        case AnswerKind.TEXT | AnswerKind.EACH:
            return Canonical("prose", _words(answer))
        case AnswerKind.CODE:
            return Canonical("code", _structure(answer) or _lines(answer))
    return canonical(answer)


def _words(text: str) -> str:
    """Without case, layout and punctuation, as long as something is left."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_TOKEN.findall(plain)) or " ".join(plain.split())


def _structure(code: str) -> str | None:
    """The syntax tree of Python; None where it is no Python."""
    if len(code) > _MAX_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that are none
            return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _lines(code: str) -> str:
    """Lines without comments at their ends, and with single spaces."""
    lines = (" ".join(_COMMENT.sub("", line).split()) for line in code.splitlines())
    return "\n".join(line for line in lines if line)
