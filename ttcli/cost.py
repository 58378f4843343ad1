"""What was asked for, and what it has cost so far."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum

from ttcli.errors import UsageError


class Unit(StrEnum):
    """What a budget is counted in."""

    GENERATIONS = "generations"
    TOKENS = "tokens"
    SECONDS = "seconds"


_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(tok|tokens|s|sec|seconds)?(/problem)?")
PER_PROBLEM = "/problem"
_UNITS = {None: Unit.GENERATIONS, "t": Unit.TOKENS, "s": Unit.SECONDS}


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent on one problem."""

    amount: float  # > 0; whole for generations and tokens
    unit: Unit = Unit.GENERATIONS
    shared: bool = False  # an average over the problems of a bench, which divide it among themselves

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "64" (generations), "20000tok", "30s" or, of a bench, "64/problem" on the average.

        Raises:
            UsageError: anything else, and zero.
        """
        match = _BUDGET.fullmatch(text.strip().lower())
        hint = "16 (generations), 20000tok (tokens) or 30s (seconds)"
        if not match:
            raise UsageError(f"{text!r} is not a budget", hint=hint)
        amount, word = float(match[1]), match[2]
        unit = _UNITS[word[0] if word else None]
        if not 0 < amount < math.inf:
            raise UsageError(f"a budget of {text} {'has no end' if amount else 'buys nothing'}", hint=hint)
        if unit is not Unit.SECONDS and amount != int(amount):
            raise UsageError(f"{text!r} is not a whole number of {unit}", hint=hint)
        if match[3] and unit is not Unit.GENERATIONS:
            raise UsageError(f"only generations are shared by problems, not {unit}", hint=f"16{PER_PROBLEM}")
        return cls(amount, unit, shared=bool(match[3]))

    def __str__(self) -> str:
        number = f"{Decimal(repr(self.amount)):f}".removesuffix(".0")  # exact, and never with an exponent
        unit = {Unit.GENERATIONS: "", Unit.TOKENS: "tok", Unit.SECONDS: "s"}[self.unit]
        return number + unit + (PER_PROBLEM if self.shared else "")


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent; costs add up."""

    generations: int = 0  # candidates begun
    prompt_tokens: int = 0  # decoded before the first sampled token, once per problem
    policy_tokens: int = 0  # sampled
    verifier_tokens: int = 0  # evaluated by a verifier's own model
    shared_tokens: int = 0  # that a method without shared cells would have decoded besides
    flops: float = 0.0  # 2 x parameters x tokens, embedding look-ups excluded
    seconds: float = 0.0  # wall clock

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, field.name) - getattr(other, field.name) for field in fields(self)))

    @property
    def tokens(self) -> int:
        """All tokens that went through a model: what a token budget counts."""
        return self.prompt_tokens + self.policy_tokens + self.verifier_tokens


class Stopped(StrEnum):
    """Why a run ended before its method was done."""

    BUDGET = "budget"
    INTERRUPT = "interrupt"


_HEADROOM = 1.25  # a text may take this much longer than the longest so far, for the planning of the next one
_RATE_TOKENS = 8  # tokens per text before its speed is believed


class Meter:
    """Counts what one run spends, says when it is over and whether another candidate can still be finished.

    A budget of tokens or seconds is no use spread over so many candidates that none gets to its answer. So a candidate
    is begun only if it, and those under way, are expected to finish within the budget: at first by the token limit,
    then by the longest candidate so far. The first one always begins.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        max_tokens: int,
        interrupted: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = budget
        self.spent = Cost()
        self._max_tokens = max_tokens
        self._interrupted = interrupted
        self._clock = clock
        self._begin = clock()
        self._exhausted = False  # what is left does not suffice for the next decode
        self._longest = 0  # tokens of the longest finished candidate
        self._scoring: int | None = 0  # tokens to score the dearest candidate; None: it is paid for, nobody knows what
        self._drawing_since: float | None = None
        self._drawn = 0  # policy tokens since then

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the run began."""
        return self._clock() - self._begin

    def part(self, budget: Budget) -> Meter:
        """A meter of its own for a part of the run, which begins now and ends with the run at the latest."""
        part = Meter(budget, max_tokens=self._max_tokens, interrupted=self._interrupted, clock=self._clock)
        part.finished(self._longest)
        part._drawing_since, part._drawn = self._drawing_since, self._drawn  # so it knows the speed from the beginning
        part._scoring = self._scoring
        return part

    @property
    def length(self) -> float | None:
        """Tokens that a candidate is expected to take at most; None: none has finished, or generations are counted."""
        known = self._longest and self.budget.unit is not Unit.GENERATIONS
        return min(self._max_tokens, _HEADROOM * self._longest) if known else None

    @property
    def limit(self) -> int:
        """Tokens that a candidate may take."""
        return self._max_tokens

    @property
    def left(self) -> float:
        """Tokens that may still be spent; of a budget in time, as many as it takes at the speed so far."""
        budget = self.budget
        if budget.unit is Unit.GENERATIONS:
            return math.inf
        if budget.unit is Unit.TOKENS:
            return budget.amount - self.spent.tokens
        if self._drawing_since is None:
            return 0.0
        return (budget.amount - self.seconds) * self._drawn / max(self._clock() - self._drawing_since, 1e-6)

    def add(self, cost: Cost) -> None:
        """Count a cost (its seconds are ignored: the meter has its own clock)."""
        self.spent += cost
        if cost.policy_tokens:
            if self._drawing_since is None:
                self._drawing_since = self._clock()
            self._drawn += cost.policy_tokens

    def finished(self, tokens: int) -> None:
        """Learn the length of a finished candidate."""
        self._longest = max(self._longest, tokens)

    def expect_scoring(self) -> None:
        """Plan for a model that reads every candidate to score it; at first for as many tokens as that may have."""
        self._scoring = None

    def scored(self, tokens: int) -> None:
        """Learn what scoring a candidate took."""
        self._scoring = max(self._scoring or 0, tokens)

    def total(self) -> Cost:
        """What has been spent, with the time it took."""
        return self.spent + Cost(seconds=self.seconds)

    @property
    def stopped(self) -> Stopped | None:
        """Why the run must end now; None while it may go on."""
        if self._interrupted():
            return Stopped.INTERRUPT
        if self._exhausted:
            return Stopped.BUDGET
        spent = {Unit.TOKENS: float(self.spent.tokens), Unit.SECONDS: self.seconds}.get(self.budget.unit, 0.0)
        return Stopped.BUDGET if spent >= self.budget.amount else None

    def allows(self, tokens: int) -> bool:
        """Whether a decode that draws so many tokens may go ahead; if not, the run has come to its end."""
        if self.budget.unit is Unit.TOKENS and self.spent.tokens + tokens > self.budget.amount:
            self._exhausted = True
        return self.stopped is None

    def admits(self, under_way: Sequence[int], *, prompt: int = 0) -> bool:
        """Whether to begin another candidate beside those under way (their tokens so far).

        `prompt`: tokens to decode before its first, where they have not been counted as spent.
        """
        if self.stopped:
            return False
        budget = self.budget
        if budget.unit is Unit.GENERATIONS:
            return self.spent.generations < budget.amount
        if not under_way and not self._longest:
            return True
        expected = min(self._max_tokens, _HEADROOM * self._longest) if self._longest else self._max_tokens
        if budget.unit is Unit.TOKENS:
            scoring = expected if self._scoring is None else self._scoring
            outstanding = sum(max(expected - tokens, 0) + scoring for tokens in under_way)
            return self.spent.tokens + outstanding + prompt + expected + scoring <= budget.amount
        if self._drawing_since is None or self._drawn < _RATE_TOKENS * len(under_way):
            return False
        elapsed = self._clock() - self._drawing_since
        # the pessimistic case: a further text takes its share from the others
        rate = self._drawn / max(elapsed, 1e-6) / (len(under_way) + 1)
        return rate * (budget.amount - self.seconds) >= prompt + expected
