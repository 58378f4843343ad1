from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from train.synthetic import TELLING, make_examples
from ttcli.train.examples import Examples
from ttcli.train.recipe import RECIPES, Recipe, fit_recipes
from ttcli.verifier.head import Head


def fitted(examples: Examples, *recipes: Recipe, labels: np.ndarray | None = None, seed: int = 0) -> dict[Recipe, Head]:
    values = examples.labels if labels is None else labels
    states = examples.states[TELLING]
    return dict(fit_recipes(states, values, examples.step_problem, recipes, layer=TELLING, seed=seed))


def test_a_linear_head_says_what_scikit_learn_says() -> None:
    examples = make_examples()
    head = fitted(examples, Recipe(0, 0.01))[Recipe(0, 0.01)]
    states = examples.states[TELLING]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(states, examples.labels > 0)
    assert head.scores(states) == pytest.approx(model.predict_proba(states)[:, 1], abs=1e-3)
    assert head.layer == TELLING


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_every_recipe_tells_what_the_states_tell_of_problems_it_has_not_seen(recipe: Recipe) -> None:
    whole = make_examples(0, problems=60)
    train, test = whole.of(range(40)), whole.of(range(40, 60))
    head = fitted(train, recipe)[recipe]
    assert roc_auc_score(test.labels, head.scores(test.states[TELLING])) > 0.75


def test_the_same_seed_gives_the_same_head_and_data_of_another_order_of_recipes_too() -> None:
    examples = make_examples()
    recipes = (Recipe(0, 1e-3), Recipe(0, 1e-1), Recipe(8, 1e-2))
    first, again = fitted(examples, *recipes), fitted(examples, *reversed(recipes))
    states = examples.states[TELLING]
    for recipe in recipes:
        assert np.array_equal(first[recipe].scores(states), again[recipe].scores(states))
    other = fitted(examples, Recipe(8, 1e-2), seed=1)[Recipe(8, 1e-2)]
    assert not np.array_equal(other.scores(states), first[Recipe(8, 1e-2)].scores(states))


def test_a_soft_label_counts_as_that_part_of_a_right_and_of_a_wrong_step() -> None:
    examples = make_examples()
    half = fitted(examples, Recipe(0, 0.01), labels=np.full(len(examples.labels), 0.5))[Recipe(0, 0.01)]
    assert half.scores(examples.states[TELLING]) == pytest.approx(0.5, abs=1e-3)
    quarter = fitted(examples, Recipe(0, 0.01), labels=np.full(len(examples.labels), 0.25))[Recipe(0, 0.01)]
    assert quarter.scores(examples.states[TELLING]) == pytest.approx(0.25, abs=1e-2)


def test_what_is_held_down_more_says_less() -> None:
    examples = make_examples()
    spread = [np.std(head.scores(examples.states[TELLING])) for head in fitted(examples, *RECIPES[:5]).values()]
    assert spread == sorted(spread)
    assert spread[0] < spread[-1] / 2


def test_a_number_that_never_changes_is_no_trouble() -> None:
    examples = make_examples()
    examples.states[TELLING][:, 0] = 7.0
    recipe = Recipe(0, 0.01)
    assert np.isfinite(fitted(examples, recipe)[recipe].scores(examples.states[TELLING])).all()
