"""A verifier that weighs what can be seen of a solution, and what heads make of its hidden states, against each other.

Stacked generalisation (Wolpert 1992): a logistic regression on the visible features and on the log-odds that state
heads give, which were fitted to other problems than those that they said it of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.solution import Prefix
from ttcli.stats.logistic import Logistic, logit
from ttcli.verifier.aggregate import running
from ttcli.verifier.features import FEATURES, known_features, visible
from ttcli.verifier.head import Head, StepStates, names_a_model

STATES = "states"  # the log-odds of the parts, among the features of a stack


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """What scores a prefix by its visible features, by hidden states, or by both.

    Raises:
        ValueError: features that this version does not know, or parts that do not go together.
    """

    combination: Logistic  # of `FEATURES` and `STATES`
    parts: tuple[Head, ...]  # whose mean log-odds is `STATES`; (): it looks at no states
    card: Mapping[str, Any]

    def __post_init__(self) -> None:
        known_features([name for name in self.combination.terms if name != STATES])
        if STATES in self.combination.terms and not self.parts:
            raise ValueError("it weighs states, and there is no head to read them")
        if not names_a_model(self.card):
            raise ValueError("a card that names no model")

    @property
    def model(self) -> str:
        """The name of the model whose solutions it was fitted to."""
        return str(self.card["model"])

    @property
    def weights(self) -> str:
        """The SHA-256 of that model's GGUF."""
        return str(self.card["weights"])

    @property
    def observed(self) -> tuple[int, ...]:
        """The layers of the model whose states it reads."""
        return tuple(part.layer for part in self.parts)

    @property
    def state_width(self) -> int:
        """Of those states; 0 where it reads none."""
        return len(self.parts[0].mean) if self.parts else 0

    def judge(self, prefix: Prefix, states: Sequence[StepStates]) -> tuple[float, tuple[float, ...]]:
        """The score of a prefix, and of what stands down to each step; `states` are ignored where it reads none."""
        if not prefix.steps:
            return 1.0, ()
        said = [
            running(part.scores(np.stack([step[part.layer] for step in states])).tolist(), part.aggregation)
            for part in self.parts
        ]
        steps = tuple(map(float, self.chances(visible(prefix), state_odds(said))))
        return steps[-1], steps

    def chances(self, seen: NDArray[np.float64], odds: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """(rows,) the chance that a prefix leads to a right answer, by its features [rows, features] and its states."""
        return self.combination.predict(named(seen, odds))


def state_odds(said: Sequence[Sequence[float]]) -> NDArray[np.float64] | None:
    """(steps,) the mean log-odds of several heads, each of which says a chance for every step; None: there are none."""
    return np.mean([logit(np.array(one)) for one in said], axis=0) if said else None


def named(seen: NDArray[np.float64], odds: NDArray[np.float64] | None) -> dict[str, NDArray[np.float64]]:
    """The columns that a combination knows by name."""
    columns = {name: seen[:, number] for number, name in enumerate(FEATURES)}
    return columns if odds is None else {**columns, STATES: odds}
