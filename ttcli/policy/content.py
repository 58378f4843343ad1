"""When a step states something, so that a search has grounds to prefer it to another.

Solutions begin with "Let's break this down step by step." and the like: nine in ten first steps hold no number. A
search that selects among such steps goes by noise, so they are taken together with what follows until there is content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from ttcli.catalog.template import Content
from ttcli.problem import Problem

MOST = 4  # steps that are taken together at most: a solution may have none of what is looked for

# what numbers a step or an item, and states nothing: "### Step 2:", "**1.** ", "3) "
_NUMBERING = re.compile(r"^[\s#>*_\-]*(?:(?:step|part|case)\s*\d+\b|\(?\d{1,2}[.):](?=[\s*]|$))", re.I | re.M)
_NUMBER = re.compile(r"\d")
_EQUATION = re.compile(r"\d[^\n=]*=|=[^\n=]*\d")
_FENCE = re.compile(r"^\s*```[\w+#-]*\s*$", re.M)
_COMMENT = re.compile(r"^\s*(?:#|//|--).*$", re.M)


def states(text: str, content: Content) -> bool:
    """Whether a step holds a number, or an equation; what only numbers the step is none."""
    match content:
        case "any":
            return bool(text.strip())
        case "number":
            return _NUMBER.search(_NUMBERING.sub("", text)) is not None
        case "equation":
            return _EQUATION.search(_NUMBERING.sub("", text)) is not None


def states_code(text: str) -> bool:
    """Whether a piece of code holds a statement: a line that is no comment, no fence, and not blank."""
    return bool(_COMMENT.sub("", _FENCE.sub("", text)).strip())


def steps_counted(problem: Problem, content: Content) -> Callable[[Sequence[str]], int]:
    """How many steps of a search the steps of a problem's solution come to: each up to the first that states something.

    That is a statement where code is wanted; nothing in particular where a text is, or where there is no number in the
    problem, for then there need not be one in its solution.
    """
    if problem.form == "code":
        return partial(_counted, states_code)
    if content == "any" or problem.form == "text" or not _NUMBER.search(problem.text):
        return len
    return partial(_counted, partial(states, content=content))


def _counted(stating: Callable[[str], bool], steps: Sequence[str]) -> int:
    count = empty = 0
    for step in steps:
        empty += 1
        if empty == MOST or stating(step):
            count, empty = count + 1, 0
    return count
