"""From states and labels to a head: logistic regression or a small network on one layer, chosen by cross-validation.

Cross-validation is by problem, and on training problems alone. A trial is a layer, a recipe and an aggregation; the
rule by which one is taken is that of `quality`. The simplest is without a hidden layer, of stronger regularisation, by
the last step rather than the weakest, the mean or the product, of an earlier layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.errors import UsageError
from ttcli.stats.subsets import GradedSamples
from ttcli.train.examples import Examples
from ttcli.train.quality import Quality, choose_by
from ttcli.train.recipe import RECIPES, Recipe, fit_recipes
from ttcli.verifier.aggregate import AGGREGATIONS, Aggregation, aggregate
from ttcli.verifier.head import Head

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Trial:
    """What cross-validation said of one choice."""

    layer: int
    recipe: Recipe
    aggregation: Aggregation
    steps: NDArray[np.float64]  # (steps,) what heads that have not seen its problem say of each
    quality: Quality

    @cached_property
    def within(self) -> float:
        """The mean AUC within problems."""
        return self.quality.ranking.within

    @cached_property
    def across(self) -> float:
        """The AUC over all solutions."""
        return self.quality.ranking.across

    @property
    def simplicity(self) -> tuple[float, ...]:
        """Less is simpler."""
        return self.recipe.hidden, self.recipe.c, AGGREGATIONS.index(self.aggregation), self.layer


def deal(examples: Examples, *, seed: int) -> dict[int, int]:
    """The fold of every problem: those with right and wrong solutions are dealt first, so that every fold has some.

    Raises:
        UsageError: there are fewer problems than folds, or none to learn from.
    """
    if not examples.sampled.all():
        return deal(examples.where(examples.sampled), seed=seed)
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


def trials(
    examples: Examples, votes: Mapping[int, GradedSamples], *, seed: int, recipes: Sequence[Recipe] = RECIPES
) -> Iterator[list[Trial]]:
    """Cross-validation: all trials of one layer after those of the other.

    Raises:
        UsageError: too few problems, or none to learn from.
    """
    folds = deal(examples, seed=seed)
    for layer in examples.states:
        predicted = out_of_fold(examples, layer, folds, recipes, seed=seed)
        yield [
            Trial(layer, recipe, how, steps, Quality.of(solution_scores(steps, examples, how), examples, votes))
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
        weights = None if examples.weights is None else examples.weights[~own]
        fitted = fit_recipes(states[~own], labels, others, recipes, layer=layer, seed=seed, weights=weights)
        for recipe, head in fitted:
            found[recipe][own] = head.scores(states[own])
    return found


def solution_scores(steps: NDArray[np.float64], examples: Examples, how: Aggregation) -> NDArray[np.float64]:
    """(solutions,) the score of each, from those of its steps."""
    return np.array([aggregate(part.tolist(), how) for part in np.split(steps, examples.ends[:-1])])


def choose(found: Sequence[Trial]) -> Trial:
    """The trial to go with, by the rule of `quality`."""
    return choose_by(found, lambda trial: trial.quality, lambda trial: trial.simplicity)


def fit(examples: Examples, trial: Trial, card: Mapping[str, Any], *, seed: int) -> Head:
    """The head that a trial stands for, fitted to all examples."""
    states, problem = examples.states[trial.layer], examples.step_problem
    fitted = fit_recipes(
        states, examples.labels, problem, [trial.recipe], layer=trial.layer, seed=seed, weights=examples.weights
    )
    _, head = next(fitted)
    return replace(head, aggregation=trial.aggregation, card=card)
