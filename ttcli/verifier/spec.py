"""What a user may write after --verifier."""

from __future__ import annotations

from typing import NamedTuple

from ttcli.errors import UsageError

KNOWN = "confidence, confidence:weakest, judge, judge:MODEL"


class VerifierSpec(NamedTuple):
    """A verifier by kind, and what it is to be made of."""

    kind: str  # confidence, weakest, judge or scripted
    model: str | None = None  # of a judge; None: the policy's own

    @classmethod
    def parse(cls, text: str) -> VerifierSpec:
        """Read `confidence`, `confidence:weakest`, `judge`, `judge:MODEL` (or `scripted`, beside a scripted model).

        Raises:
            UsageError: anything else.
        """
        match text.partition(":"):
            case ("confidence" | "judge" | "scripted" as kind, "", ""):
                return cls(kind)
            case ("confidence", ":", "weakest"):
                return cls("weakest")
            case ("judge", ":", model) if model:
                return cls("judge", model)
        raise UsageError(f"there is no verifier {text!r}", hint=f"one of {KNOWN}")

    def __str__(self) -> str:
        """As the user writes it."""
        if self.kind == "weakest":
            return "confidence:weakest"
        return self.kind if self.model is None else f"{self.kind}:{self.model}"
