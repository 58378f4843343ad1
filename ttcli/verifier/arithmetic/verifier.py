"""Arithmetic as a verifier: no model, no tokens, nothing to train; it knows a false equation when it sees one.

The scores are how often solutions of GSM8K train came out right, by the default model at temperature 0.8, that state a
false equation, none that can be checked, or only true ones: `benchmarks/selection.py --rates`. Where labelled solutions
are at hand, `ttc train verifier` learns better weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from ttcli.seams import StepScores
from ttcli.solution import Ended, Prefix
from ttcli.verifier.arithmetic.equations import equations
from ttcli.verifier.arithmetic.judgement import Equation

RULES = 1  # of what is read and how it is scored, by number: others give other scores
FALSE = 0.04  # a false equation is stated
NONE = 0.06  # a finished solution states nothing that can be checked
OPEN = 0.25  # nothing so far: as often as all solutions
TRUE = 0.35  # true equations alone
AUC_BY_QUARTERS = (0.53, 0.61, 0.66, 0.65)  # within a problem of theirs, at 25 to 100 % of the steps


class Arithmetic:
    """Scores a solution, and every step of it, by the equations that stand in it so far."""

    parameters = 0
    partial = True
    name = "arithmetic"

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One score per step: of all that stands down to there."""
        return [_opinion(prefix) for prefix in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free."""


def _opinion(prefix: Prefix) -> StepScores:
    told = [[equation.holds for equation in found] for found in down_to([step.text for step in prefix.steps])]
    scores = [FALSE if not all(holds) else TRUE if holds else OPEN for holds in told]
    if scores and scores[-1] == OPEN and prefix.ended is Ended.STOP:
        scores[-1] = NONE
    return StepScores(scores[-1] if scores else OPEN, tuple(scores), 0)


def down_to(steps: Sequence[str]) -> list[list[Equation]]:
    """The equations that stand in a solution down to the end of each of its steps, in their order."""
    found = equations("".join(steps))
    ends = itertools.accumulate(map(len, steps))
    return [[equation for equation in found if equation.stated_end <= end] for end in ends]
