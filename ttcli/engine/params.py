"""How tokens are drawn, as a user sets it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ttcli.errors import UsageError

HOTTEST = 5.0  # temperature; tokens are next to random from 2 on


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are drawn."""

    temperature: float = 0.8  # 0: the most likely token, always
    top_k: int = 40  # 0: off
    top_p: float = 0.95  # in (0, 1]; 1: off
    min_p: float = 0.0  # in [0, 1]; 0: off

    def __post_init__(self) -> None:
        checks = (
            (0 <= self.temperature <= HOTTEST, f"--temperature must be from 0 to {HOTTEST:g}", self.temperature),
            (self.top_k >= 0, "--top-k must be 0 (off) or more", self.top_k),
            (0 < self.top_p <= 1, "--top-p must be above 0 and at most 1 (off)", self.top_p),
            (0 <= self.min_p <= 1, "--min-p must be from 0 (off) to 1", self.min_p),
        )
        for fine, rule, value in checks:
            if not fine:
                raise UsageError(f"{rule}, not {value}", hint="the defaults are 0.8, 40, 0.95 and 0")

    def changed(self, *, temperature: float | None, top_p: float | None) -> SamplingParams:
        """These, with what is given in the place of their own."""
        return replace(
            self,
            temperature=self.temperature if temperature is None else temperature,
            top_p=self.top_p if top_p is None else top_p,
        )
