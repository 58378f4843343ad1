"""What a user may write after --verifier."""

from __future__ import annotations

from typing import NamedTuple

from ttcli.errors import UsageError

KNOWN = (
    "confidence, confidence:weakest, confidence:tail, confidence:lowest, arithmetic, head, head:NAME, prm:MODEL, "
    "likelihood:MODEL, judge, judge:MODEL, command:CMD"
)


class VerifierSpec(NamedTuple):
    """A verifier by kind, and what it is to be made of."""

    kind: str  # confidence, weakest, tail, lowest, arithmetic, prm, head, likelihood, judge, command or scripted
    # what it is made of: a model, the name of a head, a command; None: the policy's own model; of tail and lowest the
    # tokens of a window, None: as many as suit the length
    model: str | None = None

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
            case ("confidence", ":", rest) if rest.partition(":")[0] in ("tail", "lowest"):
                return cls(*_windowed(rest))
            case ("prm" | "head" | "likelihood" | "judge" | "command" as kind, ":", model) if model.strip():
                return cls(kind, model)
        raise UsageError(f"there is no verifier {text!r}", hint=f"one of {KNOWN}")

    @property
    def traces(self) -> bool:
        """Whether it goes by how sure the model was of each token, which has to be noted while it draws."""
        return self.kind in {"tail", "lowest"}

    @property
    def partial(self) -> bool:
        """Whether it can score what has not come to its end."""
        return self.kind != "command"

    @property
    def scores_steps(self) -> bool:
        """Whether it gives a score per step, from which one of the whole can be made."""
        return self.kind not in {"judge", "command", "tail", "lowest"}

    def __str__(self) -> str:
        """As the user writes it."""
        if self.kind in {"weakest", "tail", "lowest"}:
            return f"confidence:{self.kind}" + (f":{self.model}" if self.model else "")
        return self.kind if self.model is None else f"{self.kind}:{self.model}"


def _windowed(text: str) -> tuple[str, str | None]:
    """`tail`, `lowest:256`.

    Raises:
        UsageError: that is no number of tokens.
    """
    kind, colon, window = text.partition(":")
    if colon and not (window.isdecimal() and 0 < int(window) < 10**7):
        raise UsageError(f"the window of confidence:{kind} is a number of tokens, not {window!r}", hint=f"{kind}:256")
    return kind, str(int(window)) if colon else None
