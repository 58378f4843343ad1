"""Arithmetic as a verifier: no model, no tokens, nothing to train; it knows a false equation when it sees one.

The scores are how often solutions of GSM8K train came out right, by the default model at temperature 0.8, that state a
false equation, none that can be checked, or only true ones: `benchmarks/selection.py --rates`. Where labelled solutions
are at hand, `ttc train verifier` learns better weights.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from ttcli.seams import StepScores
from ttcli.solution import Ended, Prefix
from ttcli.verifier.arithmetic.equations import equations
from ttcli.verifier.arithmetic.judgement import Equation

RULES = 2  # of what is read and how it is scored, by number: others give other scores
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
    scores, so_far = [], OPEN
    for found in by_step([step.text for step in prefix.steps]):
        if so_far != FALSE and found:
            so_far = TRUE if all(equation.holds for equation in found) else FALSE
        scores.append(so_far)
    if scores and scores[-1] == OPEN and prefix.ended is Ended.STOP:
        scores[-1] = NONE
    return StepScores(scores[-1] if scores else OPEN, tuple(scores), 0)


def by_step(steps: Sequence[str]) -> list[list[Equation]]:
    """The equations of a solution, each with the step that it is complete in, whatever follows."""
    ends = [*itertools.accumulate(map(len, steps))]
    found: list[list[Equation]] = [[] for _ in steps]
    for equation in equations("".join(steps)):
        found[bisect_left(ends, max(equation.end, equation.stated_end))].append(equation)
    return found
