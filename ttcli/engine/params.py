"""How tokens are drawn, as a user sets it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ttcli.errors import UsageError

HOTTEST = 5.0  # temperature; tokens are next to random from 2 on
THINK_BUDGET = 4096  # tokens of a thought at most, where the context allows so many
THINK_MESSAGE = "\n\nThat is all the time there is to think. I answer now.\n"

Think = Literal["auto", "on", "off"]
Effort = Literal["low", "medium", "high"]


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


@dataclass(frozen=True, slots=True)
class ThinkParams:
    """Whether a model thinks before it answers, and for how long."""

    think: Think = "auto"  # auto: as its template has it
    think_budget: int | None = None  # tokens of a thought, what ends it included; None: THINK_BUDGET or what fits
    think_message: str = THINK_MESSAGE  # what is written, before the closing tag, where the budget is spent
    reasoning_effort: Effort | None = None  # of a model that has this switch; None: its own
    template_arg: Sequence[str] = ()  # KEY=VALUE: variables of the chat template; a VALUE is JSON, or else a text

    def __post_init__(self) -> None:
        if self.think_budget is not None and self.think_budget < 1:
            hint = "--think off has it not think at all" if self.think_budget == 0 else "--think-budget 4096"
            raise UsageError(f"--think-budget must be at least 1, not {self.think_budget}", hint=hint)
        object.__setattr__(self, "template_arg", tuple(self.template_arg or ()))
        self.arguments  # noqa: B018 - complains

    @property
    def usual(self) -> bool:
        """Whether nothing was asked for."""
        return self == ThinkParams()

    @property
    def arguments(self) -> dict[str, object]:
        """The variables of the template that were asked for by name.

        Raises:
            UsageError: one of them is not KEY=VALUE.
        """
        found: dict[str, object] = {}
        for text in self.template_arg:
            key, equals, value = text.partition("=")
            if not (equals and key.isidentifier()) or key in found:
                twice = f"{key} is given twice" if key in found else f"{text!r} is no KEY=VALUE"
                raise UsageError(f"--template-arg: {twice}", hint="--template-arg enable_thinking=false")
            if key in _OURS:
                raise UsageError(f"--template-arg: {key} is ttc's own to say", hint="leave it out")
            try:
                found[key] = json.loads(value)
            except ValueError:
                found[key] = value
        return found


_OURS = ("messages", "add_generation_prompt", "bos_token", "eos_token")
