"""What a call of `ttc` gives, and how much of it must be as it was."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_EXPECTED = Path(__file__).parent / "expected"
_DATA = re.compile(r"<script type=\"application/json\"[^>]*>(.*)</script>")  # of a page
TIMES = frozenset({"seconds", "when", "command"})  # keys of what no two sittings have in common

# keys that came after the old outputs
ADDED = frozenset({"ungraded", "number", "p_all", "headroom", "probed", "cut", "sum_logprob"})


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it, as it is kept."""
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


Ttc = Callable[..., Result]


def expected(name: str) -> str:
    return (_EXPECTED / f"{name}.txt").read_text("utf-8")


def alike(one: Any, other: Any, *, but: frozenset[str] = frozenset()) -> bool:
    """Whether JSON is the same, but for what stands under some keys, and the last digits of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        found, wanted = one.keys() - ADDED, other.keys() - ADDED
        return found == wanted and all(key in but or alike(one[key], other[key], but=but) for key in found)
    if isinstance(one, list) and isinstance(other, list):
        if not any(map(_is_new, other)):
            one = [each for each in one if not _is_new(each)]
        return len(one) == len(other) and all(alike(*pair, but=but) for pair in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def _is_new(line: Any) -> bool:
    """Whether it is a line of a table that the old outputs lack."""
    return isinstance(line, dict) and line.get("method") == "all correct"


def lines(text: str) -> Iterator[Any]:
    """Line by line what is JSON, also within a page, and the rest as text."""
    for line in text.splitlines():
        try:
            yield json.loads(_DATA.sub(r"\1", line))
        except ValueError:
            yield line


def same(one: str, other: str, *, but: frozenset[str] = frozenset()) -> bool:
    """Whether two outputs are alike, line by line."""
    return alike([*lines(one)], [*lines(other)], but=but)


def told(page: str) -> str:
    """A report without its pictures, style and program."""
    page = re.sub(r"<(svg|style|script)\b(?![^>]*application/json).*?</\1>", r"<\1/>", page, flags=re.DOTALL)
    return re.sub(r'<pre class="command">.*?</pre>', "", page)
