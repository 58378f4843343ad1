"""What an answer is reduced to: equal keys are equal answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Literal, NamedTuple

Kind = Literal[
    "number", "group", "union", "words", "choice", "clock", "ratio", "based", "measure", "relation", "text",
    "prose", "code",
]  # fmt: skip


class Canonical(NamedTuple):
    """A key: equal keys are equal answers."""

    kind: Kind
    value: Hashable  # Fraction or +-inf; frozenset, or brackets with members; (operator, side, side ...); a string ...

    @property
    def exact(self) -> bool:
        """Whether an exact key that differs is another answer for certain; over a text, algebra has to decide."""
        if self.kind in {"text", "relation"}:
            return False
        if self.kind in {"group", "union"} and isinstance(self.value, Iterable):
            return all(member.exact for member in self.value if isinstance(member, Canonical))
        return True


Read = Callable[[str], Canonical]  # how a part of an answer is reduced to its key
