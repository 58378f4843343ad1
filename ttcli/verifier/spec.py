"""What a user may write after --verifier."""

from __future__ import annotations

from typing import NamedTuple

from ttcli.errors import UsageError

KNOWN = "confidence, confidence:weakest, arithmetic, head, head:NAME, prm:MODEL, judge, judge:MODEL, command:CMD"


class VerifierSpec(NamedTuple):
    """A verifier by kind, and what it is to be made of."""

    kind: str  # confidence, weakest, arithmetic, prm, head, judge, command or scripted
    model: str | None = None  # what it is made of: a model, the name of a head, a command; None: the policy's own model

    @classmethod
    def parse(cls, text: str) -> VerifierSpec:
        """Read one of `KNOWN`, or `scripted`, beside a scripted model.

        Raises:
            UsageError: anything else.
        """
        match text.partition(":"):
            case ("confidence" | "arithmetic" | "judge" | "head" | "scripted" as kind, "", ""):
                return cls(kind)
            case ("confidence", ":", "weakest"):
                return cls("weakest")
            case ("prm" | "head" | "judge" | "command" as kind, ":", model) if model.strip():
                return cls(kind, model)
        raise UsageError(f"there is no verifier {text!r}", hint=f"one of {KNOWN}")

    @property
    def partial(self) -> bool:
        """Whether it can score what has not come to its end."""
        return self.kind != "command"

    @property
    def scores_steps(self) -> bool:
        """Whether it gives a score per step, from which one of the whole can be made."""
        return self.kind not in {"judge", "command"}

    def __str__(self) -> str:
        """As the user writes it."""
        if self.kind == "weakest":
            return "confidence:weakest"
        return self.kind if self.model is None else f"{self.kind}:{self.model}"
