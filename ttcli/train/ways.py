"""What a verifier may go by: what can be seen of a solution, hidden states of one layer or of several, or both.

Each way is judged by what it says of problems that it was not fitted to. In stacking, the states' part of what is
fitted is itself what heads said of problems that they had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.auc import Ranking
from ttcli.stats.logistic import Logistic, Term
from ttcli.stats.logistic import fit as fit_logistic
from ttcli.stats.subsets import GradedSamples
from ttcli.train.examples import Examples
from ttcli.train.fit import Trial, fit
from ttcli.train.pairs import paired_logistic
from ttcli.train.quality import Quality, choose_by
from ttcli.verifier.aggregate import running
from ttcli.verifier.head import Head
from ttcli.verifier.stack import STATES, Stack, named, state_odds

Kind = Literal["visible", "states", "several layers", "both"]
Loss = Literal["pooled", "pairs"]

_LOSSES: tuple[Loss, ...] = ("pooled", "pairs")
_TOGETHER = 3  # layers, at most
_SIMPLER: tuple[Kind, ...] = ("visible", "states", "several layers", "both")
QUARTERS = (1, 2, 3, 4)


@dataclass(frozen=True, eq=False)
class Way:
    """One way to score, and what cross-validation said of it."""

    kind: Kind
    loss: Loss  # that the weights of the features were fitted by; of states, the recipe says
    parts: tuple[Trial, ...]  # of which its heads are made; (): it looks at no states
    chances: NDArray[np.float64]  # (steps,) out of fold: of what stands down to each step
    quality: Quality

    @property
    def simplicity(self) -> tuple[float, ...]:
        """Less is simpler."""
        return _SIMPLER.index(self.kind), float(self.loss == "pairs")


class Context(NamedTuple):
    """What all ways are fitted to."""

    examples: Examples
    folds: Mapping[int, int]  # by problem
    votes: Mapping[int, GradedSamples]
    seed: int


def ways(context: Context, best: Trial | None, of_layers: Sequence[Trial]) -> list[Way]:
    """All ways, each judged out of fold.

    Args:
        best: the trial of one layer to go with; None: no states are looked at.
        of_layers: the best trial of every layer.
    """
    if best is None:
        return [_fitted(context, "visible", loss, ()) for loss in _LOSSES]
    found = [_way(context, "states", "pooled", (best,), _so_far(context.examples, best))]
    several = tuple(sorted(of_layers, key=lambda trial: trial.quality.loss)[:_TOGETHER])
    if len(several) > 1:
        found.append(_way(context, "several layers", "pooled", several, _expit(_odds(context.examples, several))))
    if context.examples.visible is not None:
        for loss in _LOSSES:
            found.append(_fitted(context, "visible", loss, ()))
            found.append(_fitted(context, "both", loss, several if len(several) > 1 else (best,)))
    return found


def choose_way(found: Sequence[Way]) -> Way:
    """The way to go with; see `quality`."""
    return choose_by(found, lambda way: way.quality, lambda way: way.simplicity)


def best_of_kinds(found: Sequence[Way]) -> list[Way]:
    """Of each kind the way with the lowest loss, the simplest kind first."""
    kinds = [kind for kind in _SIMPLER if any(way.kind == kind for way in found)]
    return [min((way for way in found if way.kind == kind), key=lambda way: way.quality.loss) for kind in kinds]


def depth_auc(examples: Examples, chances: NDArray[np.float64]) -> list[float]:
    """The mean AUC within problems with 25, 50, 75 and 100 % of the steps of every solution."""
    own = examples.sampled
    correct, problem = examples.correct[own], examples.problem[own]
    return [Ranking.of(chances[examples.at(q)[own]], correct, problem).within for q in QUARTERS]


def make(context: Context, way: Way, card: Mapping[str, Any]) -> Head | Stack:
    """The verifier that a way stands for, fitted to all examples."""
    heads = tuple(fit(context.examples, trial, card, seed=context.seed) for trial in way.parts)
    match way.kind:
        case "states":
            return heads[0]
        case "several layers":
            return Stack(Logistic(0.0, {STATES: Term(0.0, 1.0, 1.0)}), heads, card)
        case _:
            everything = np.ones(len(context.examples.labels), np.bool_)
            odds = _odds(context.examples, way.parts) if way.parts else None
            return Stack(_combination(context, way.loss, odds, everything), heads, card)


def remade(head: Head | Stack, card: Mapping[str, Any]) -> Head | Stack:
    """The same verifier with another card."""
    return replace(head, card=card)


def said(head: Head | Stack, examples: Examples) -> NDArray[np.float64]:
    """(steps,) what a verifier says of what stands down to each step."""
    if isinstance(head, Head):
        return _down_to_each(head.scores(examples.states[head.layer]), examples, head)
    assert examples.visible is not None
    parts = [_down_to_each(part.scores(examples.states[part.layer]), examples, part) for part in head.parts]
    return head.chances(examples.visible, state_odds([part.tolist() for part in parts]))


def _way(context: Context, kind: Kind, loss: Loss, parts: tuple[Trial, ...], chances: NDArray[np.float64]) -> Way:
    last = context.examples.ends - 1
    return Way(kind, loss, parts, chances, Quality.of(chances[last], context.examples, context.votes))


def _fitted(context: Context, kind: Kind, loss: Loss, parts: tuple[Trial, ...]) -> Way:
    """A way with weights of features, fitted on four folds and asked about the fifth."""
    examples = context.examples
    assert examples.visible is not None
    odds = _odds(examples, parts) if parts else None
    columns = named(examples.visible, odds)
    fold = np.array([context.folds[at] for at in examples.step_problem.tolist()])
    chances = np.empty(len(fold))
    for number in sorted(set(context.folds.values())):
        own = fold == number
        model = _combination(context, loss, odds, ~own)
        chances[own] = model.predict({name: values[own] for name, values in columns.items()})
    return _way(context, kind, loss, parts, chances)


def _combination(context: Context, loss: Loss, odds: NDArray[np.float64] | None, rows: NDArray[np.bool_]) -> Logistic:
    examples = context.examples
    assert examples.visible is not None
    counts = np.ones(len(rows)) if examples.weights is None else examples.weights
    rows = rows & (counts > 0)
    columns = {name: values[rows] for name, values in named(examples.visible, odds).items()}
    labels, problem, weights = examples.labels[rows], examples.step_problem[rows], counts[rows]
    if loss == "pairs":
        return paired_logistic(columns, labels, problem, seed=context.seed, weights=weights)
    each = max(1, round(float(examples.steps[examples.sampled].mean())))
    return fit_logistic(columns, labels, rows_each=each, weights=weights)


def _odds(examples: Examples, parts: Sequence[Trial]) -> NDArray[np.float64]:
    """(steps,) the mean log-odds of trials, out of fold, of what stands down to each step."""
    odds = state_odds([_so_far(examples, trial).tolist() for trial in parts])
    assert odds is not None  # there is a part
    return odds


def _so_far(examples: Examples, trial: Trial) -> NDArray[np.float64]:
    return _down_to_each(trial.steps, examples, trial)


def _down_to_each(steps: NDArray[np.float64], examples: Examples, how: Head | Trial) -> NDArray[np.float64]:
    parts = np.split(steps, examples.ends[:-1])
    return np.concatenate([np.array(running(part.tolist(), how.aggregation)) for part in parts])


def _expit(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-odds)))
