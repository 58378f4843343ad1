"""What a search keeps back of a budget in tokens or seconds, so that it comes to answers before that is spent.

A round of a search is paid for many beams, and none of them is worth anything before its end. So a search with such a
budget begins with one whole solution, as a vote does: that is an answer in any case, and tells how long solutions are.
As many beams begin as what is left can bring to their end; a round is begun, and its texts go on growing, only while
enough is left to finish the best prefixes there are. None of that is needed where the budget pays for all beams even if
each of them runs into the token limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from ttcli.cost import Meter, Unit
from ttcli.seams import Verifier
from ttcli.solution import Prefix

FIRST = 4  # whole solutions at most that a search begins with: as many as it takes to have an answer
_SLACK = {Unit.TOKENS: 1.0, Unit.SECONDS: 1.5}  # few texts at once grow faster each, and slower in all, than many
_REDRAWN = 2  # times that a step may be drawn: repeats are drawn again, once
_GROWTH = 1.25  # a round may take so much more than the last one


class Reserve:
    """The plan of one search; with a budget in generations it keeps nothing back."""

    def __init__(self, meter: Meter, verifier: Verifier) -> None:
        self.active = meter.budget.unit is not Unit.GENERATIONS
        self.touched = False  # a round was ended because it would have taken what is kept back
        self._meter = meter
        self._verifier = verifier
        self._price = 0.0  # tokens that the verifier takes for a solution
        self._finish = 0  # prefixes that are to be finished in any case
        self._held = 0.0  # tokens that the round under way must leave
        self._before = 0  # tokens spent when it began

    def learn(self, prefix: Prefix) -> None:
        """A solution is complete: how long it is, and what it costs to score one."""
        self._meter.finished(prefix.tokens)
        self._price = max(self._price, self._verifier.price([prefix]))

    def wanted(self, root: Prefix, beams: int) -> bool:
        """Whether a search of so many beams is to have a plan; if not, it goes on as if nothing were counted."""
        worst = self._meter.limit + (root.prompt_tokens + self._meter.limit if self._verifier.price([root]) else 0)
        self.active = self.active and not (
            self._meter.budget.unit is Unit.TOKENS and self._meter.left >= _REDRAWN * beams * worst
        )
        return self.active

    def room(self, generations: int = 1) -> int:
        """Further beams that can be brought to their end, of so many generations each."""
        length = self._meter.length or 0.0
        return int(self._meter.left // max(generations * (length + self._price), 1.0)) if self._meter.left > 0 else 0

    def plan(self, finish: int) -> None:
        """Keep back what it takes to finish so many prefixes."""
        self._finish = finish if self.active else 0

    def begin(self, tokens: Sequence[int]) -> None:
        """A round begins, on prefixes of so many tokens, the best first: what they need to be finished is held."""
        self._before = self._meter.spent.tokens
        self._held = self.need(tokens[: self._finish])

    def let_go(self) -> None:
        """What was kept back is for use now."""
        self._finish, self._held = 0, 0.0

    def need(self, tokens: Sequence[int]) -> float:
        """What it takes to finish prefixes of so many tokens."""
        length = self._meter.length
        if length is None:
            return 0.0
        left = sum(max(length - each, 0.0) for each in tokens)
        return left * (1 + self._price / max(length, 1.0)) * _SLACK[self._meter.budget.unit]

    def finishing(self, tokens: Sequence[int]) -> int:
        """How many of these prefixes, the first ones, can be finished; one may always try."""
        return max(1, sum(self.need(tokens[:count]) <= self._meter.left for count in range(1, len(tokens) + 1)))

    def allows(self, tokens: int) -> bool:
        """Whether a decode or a scoring of so many tokens may go ahead."""
        if self._held and self._meter.left - tokens < self._held:
            self.touched = True
            return False
        return self._meter.allows(tokens)

    def suffices(self, tokens: Sequence[int]) -> bool:
        """Whether another round leaves enough to finish the best of prefixes of so many tokens, the best first."""
        if not self._finish:
            return True
        round_ = _GROWTH * (self._meter.spent.tokens - self._before)
        return self._meter.left >= round_ + self.need(tokens[: self._finish])
