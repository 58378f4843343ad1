"""From states and labels to a head: logistic regression or a small network on one layer, chosen by cross-validation.

Cross-validation is by problem, and on training problems alone. A trial is a layer, a recipe and an aggregation. Trials
are ranked by the mean AUC within problems, which is what a vote needs. Those that this cannot tell from the best (their
difference, paired by problem, is within one standard error) are ranked by the AUC over all solutions, and of those
whose AUC is within 0.005 of the highest the simplest is taken: without a hidden layer, of stronger regularisation, by
the last step rather than the weakest, the mean or the product, of an earlier layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.errors import UsageError
from ttcli.stats.auc import Ranking
from ttcli.train.examples import Examples
from ttcli.train.recipe import RECIPES, Recipe, fit_recipes
from ttcli.verifier.aggregate import AGGREGATIONS, Aggregation, aggregate
from ttcli.verifier.head import Head

FOLDS = 5
_EQUAL = 0.005  # of two AUCs over all solutions: less is no difference


@dataclass(frozen=True, eq=False)
class Trial:
    """What cross-validation said of one choice."""

    layer: int
    recipe: Recipe
    aggregation: Aggregation
    ranking: Ranking  # of the solutions, each by a head that has not seen its problem

    @cached_property
    def within(self) -> float:
        """The mean AUC within problems."""
        return self.ranking.within

    @cached_property
    def across(self) -> float:
        """The AUC over all solutions."""
        return self.ranking.across

    @property
    def simplicity(self) -> tuple[float, ...]:
        """Less is simpler."""
        return self.recipe.hidden, self.recipe.c, AGGREGATIONS.index(self.aggregation), self.layer


def deal(examples: Examples, *, seed: int) -> dict[int, int]:
    """The fold of every problem: those with right and wrong solutions are dealt first, so that every fold has some.

    Raises:
        UsageError: there are fewer problems than folds, or none to learn from.
    """
    problems = np.unique(examples.problem)
    if len(problems) < FOLDS:
        raise UsageError(
            f"{len(problems)} problems with an answer are left to train on, and cross-validation takes {FOLDS}",
            hint="more problems: a larger --limit or --sample, or a smaller --held-out",
        )
    mixed = {at for at in problems.tolist() if 0 < examples.correct[examples.problem == at].mean() < 1}
    if len(mixed) < FOLDS:
        found = "right" if examples.correct.all() else "wrong" if not examples.correct.any() else None
        raise UsageError(
            f"all solutions to train on are {found}"
            if found
            else f"{len(mixed)} of {len(problems)} problems to train on have right and wrong solutions, "
            f"and cross-validation takes {FOLDS}",
            hint="more --samples, more problems, or such as the model gets right now and then",
        )
    shuffled = np.random.default_rng((seed, len(problems))).permutation(problems).tolist()
    dealt = sorted(shuffled, key=lambda at: at not in mixed)
    return {at: turn % FOLDS for turn, at in enumerate(dealt)}


def trials(examples: Examples, *, seed: int, recipes: Sequence[Recipe] = RECIPES) -> Iterator[list[Trial]]:
    """Cross-validation: all trials of one layer after those of the other.

    Raises:
        UsageError: too few problems, or none to learn from.
    """
    folds = deal(examples, seed=seed)
    for layer in examples.states:
        predicted = out_of_fold(examples, layer, folds, recipes, seed=seed)
        yield [
            Trial(layer, recipe, how, _ranking(examples, solution_scores(steps, examples, how)))
            for recipe, steps in predicted.items()
            for how in AGGREGATIONS
        ]


def out_of_fold(
    examples: Examples, layer: int, folds: Mapping[int, int], recipes: Sequence[Recipe], *, seed: int
) -> dict[Recipe, NDArray[np.float64]]:
    """(steps,) for each recipe: what a head fitted to the problems of all other folds says of each step."""
    problem = examples.step_problem
    states, fold = examples.states[layer], np.array([folds[at] for at in problem.tolist()])
    found = {recipe: np.empty(len(problem)) for recipe in recipes}
    for number in sorted(set(folds.values())):
        own = fold == number
        labels, others = examples.labels[~own], problem[~own]
        for recipe, head in fit_recipes(states[~own], labels, others, recipes, layer=layer, seed=seed):
            found[recipe][own] = head.scores(states[own])
    return found


def solution_scores(steps: NDArray[np.float64], examples: Examples, how: Aggregation) -> NDArray[np.float64]:
    """(solutions,) the score of each, from those of its steps."""
    return np.array([aggregate(part.tolist(), how) for part in np.split(steps, examples.ends[:-1])])


def choose(found: Sequence[Trial]) -> Trial:
    """The trial to go with, by the rule at the head of this file."""
    best = max(found, key=lambda trial: trial.within)
    close = [trial for trial in found if _no_worse(trial, best)]
    highest = max(trial.across for trial in close)
    return min((trial for trial in close if trial.across >= highest - _EQUAL), key=lambda trial: trial.simplicity)


def fit(examples: Examples, trial: Trial, card: Mapping[str, Any], *, seed: int) -> Head:
    """The head that a trial stands for, fitted to all examples."""
    states, problem = examples.states[trial.layer], examples.step_problem
    fitted = fit_recipes(states, examples.labels, problem, [trial.recipe], layer=trial.layer, seed=seed)
    _, head = next(fitted)
    return replace(head, aggregation=trial.aggregation, card=card)


def _no_worse(trial: Trial, best: Trial) -> bool:
    """Whether a trial's AUC within problems is not told from the best one's."""
    lost = best.ranking.each - trial.ranking.each
    return bool(lost.mean() <= lost.std(ddof=1) / math.sqrt(len(lost)))


def _ranking(examples: Examples, scores: NDArray[np.float64]) -> Ranking:
    return Ranking.of(scores, examples.correct, examples.problem)
