"""What the tests of `ttc train` share: a small data set, and what a refusal looks like."""

from __future__ import annotations

import json
from pathlib import Path

from cli.calls import Result

ROWS = [{"question": f"What is {number} + 2?", "answer": f"#### {number + 2}"} for number in range(1, 13)]
SOLUTION = "I add {a} and 2.\n\n{way}, so it is \\boxed{{{answer}}}."
_WAYS = (("That is a sum", 0), ("I only guess", 1), ("Adding up", 0), ("Who knows", 7))


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path.name


def write_solutions(path: Path, *, problems: int = len(ROWS), text: str = SOLUTION) -> str:
    """Four of each of the first problems: the two that do not guess are right."""
    texts = [(at, text.format(a=at + 1, way=way, answer=at + 3 + off)) for at in range(problems) for way, off in _WAYS]
    return write(path, *({"problem_index": at, "text": told, "finish": "stop"} for at, told in texts))


def complaint(result: Result) -> str:
    """The one error of a command that said nothing else but a hint."""
    assert (result.code, result.out) == (2, "")
    error, hint = result.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return error
