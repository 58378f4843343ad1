r"""The reference answer of a row.

The first of `answer`, `final answer`, `expected answer`, `correct answer`, `ground truth`, `target`, `gold` that says
something holds it. With `\boxed{x}` or `#### x` in it, it is a worked solution and stands for x; a sentence that ends
in its answer ("2 + 2 = 4. The answer is 4.") stands for that; anything else is the reference as it is written.
`solution` counts only with a mark. With options the reference is the letter of the right one.

A list of one is what is in it. A list of several values is one answer with several parts, in any order, as
OlympiadBench (He et al., 2024) has `final_answer`; values that are all the same are one. Of several words nobody can
tell whether they are parts or spellings, so that is an error.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ttcli.answers import extract_answer
from ttcli.answers.normal import canonical
from ttcli.answers.statement import is_value
from ttcli.data.fields import BadRowError, Fields, as_text, column, is_blank
from ttcli.data.options import Way, right_option
from ttcli.data.question import Asked, asked

_ANSWERS = ("answer", "final answer", "expected answer", "correct answer", "ground truth", "target", "gold")
_MARKED = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])|####")  # a solution that says where its answer stands
_SENTENCE = re.compile(r"(?:the )?(?:final |correct )?answer(?: is\b|:).*", re.IGNORECASE)
_END = re.compile(r"(?:[\s.*$`\"]|</answer>)+$")


class Reference(NamedTuple):
    """A reference answer."""

    text: str
    way: Way | None = None  # how a number said which option it is


def reference_of(fields: Fields) -> str:
    """The reference answer of a row; raises BadRowError where it has none, or one that fits none of its options."""
    return reference(fields, asked(fields)).text


def reference(fields: Fields, problem: Asked | None) -> Reference:
    """The reference answer of a row to what it asks; None: it does not say what that is.

    Raises:
        BadRowError: it has none, or one that fits none of its options.
    """
    if problem and problem.options:
        return Reference(*right_option(fields, problem.options, problem.text))
    name = column(fields, *_ANSWERS)
    answer = _answer(fields[name], name) if name else None
    if answer is not None and not _MARKED.search(answer):
        return Reference(_stated(answer))
    for worked in (answer, *_solutions(fields)):
        if worked is not None and _MARKED.search(worked) and (found := extract_answer(worked)):
            return Reference(found)
    raise BadRowError(r"no answer: `answer` must hold it, or `solution` with \boxed{...} or ####")


def reference_in(fields: Fields, name: str) -> str | None:
    """The reference answer that one field holds, read as `answer` is; None where it is null or blank."""
    found = column(fields, name)
    answer = _answer(fields[found], found) if found else None
    if answer is None:
        return None
    return extract_answer(answer) if _MARKED.search(answer) else _stated(answer)


def _answer(value: object, name: str) -> str | None:
    """An answer, or a list of them, as one text."""
    if not isinstance(value, list):
        return as_text(value, name)
    parts = [as_text(part, name) for part in value if not is_blank(part)]
    if len({canonical(part) for part in parts}) <= 1:
        return parts[0] if parts else None
    if not all(is_value(part) for part in parts):
        raise BadRowError(f"`{name}` lists {len(parts)} answers in words, which may be parts or spellings of one")
    return ", ".join(parts)


def _stated(answer: str) -> str:
    """What a sentence states to be its answer, where it ends in that; the answer as it is written otherwise."""
    stated = extract_answer(answer)
    if stated is None or not _END.sub("", answer).endswith(_END.sub("", stated)):
        return answer
    return stated if is_value(stated) or _SENTENCE.fullmatch(answer) else answer


def _solutions(fields: Fields) -> list[str]:
    """Worked solutions of a row: one, or a list."""
    name = column(fields, "solution")
    value = fields[name] if name else None
    if isinstance(value, list):
        return [solution for solution in value if isinstance(solution, str)]
    return [as_text(value, name)] if name else []
