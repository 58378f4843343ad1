"""The forms of answers that a user may ask for, by name."""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache

from ttcli.errors import UsageError

FORMS = ("auto", "boxed", "choice", "last-line", "text", "code", "none")
REGEX = "regex:"  # and a pattern


def check_form(form: str) -> None:
    """Make sure that this is a form.

    Raises:
        UsageError: it is none, or a pattern that does not compile.
    """
    known = f"one of {', '.join(FORMS)}, or {REGEX}PATTERN"
    if form.startswith(REGEX):
        try:
            compiled = pattern_of(form)
        except (re.error, RecursionError, OverflowError) as error:
            raise UsageError(
                f"--answer {form!r} has no pattern in it: {error}", hint="--answer 'regex:ANSWER: (.*)'"
            ) from error
        if compiled.fullmatch("") and not compiled.groups:
            raise UsageError(f"--answer {form!r} takes nothing for an answer", hint="--answer 'regex:ANSWER: (.*)'")
    elif form not in FORMS:
        raise UsageError(f"--answer {form!r} is no form of an answer", hint=known)


@lru_cache(maxsize=16)
def pattern_of(form: str) -> re.Pattern[str]:
    """The pattern of `regex:PATTERN`; `^` and `$` are the ends of lines."""
    return re.compile(form.removeprefix(REGEX), re.MULTILINE)


def matched(form: str, text: str) -> str | None:
    """What the last match of the pattern has in its first group, or all of it where it has none; None: nothing.

    That may take for ever: `pattern_search` has it done in a process that can be stopped.
    """
    last = next(iter(deque(pattern_of(form).finditer(text), maxlen=1)), None)
    if last is None:
        return None
    return (last.group(1 if last.re.groups else 0) or "").strip() or None


def last_line(text: str) -> str | None:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), None)
