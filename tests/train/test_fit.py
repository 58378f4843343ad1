from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from train.synthetic import LAYERS, QUICK, TELLING, make_examples, make_votes
from ttcli.errors import UsageError
from ttcli.stats.auc import Ranking
from ttcli.train.examples import Examples
from ttcli.train.fit import FOLDS, Trial, choose, deal, fit, out_of_fold, solution_scores, trials
from ttcli.train.pairs import fit_pairs
from ttcli.train.quality import Quality
from ttcli.train.recipe import Recipe
from ttcli.verifier.aggregate import Aggregation, aggregate

CARD = {"model": "tiny", "weights": "0" * 64}


def found(examples: Examples) -> list[Trial]:
    return [trial for of_layer in trials(examples, make_votes(examples), seed=0, recipes=QUICK) for trial in of_layer]


def trial(
    losses: list[float], vote: float, *, layer: int = 5, recipe: Recipe = QUICK[0], how: Aggregation = "last"
) -> Trial:
    """A trial with these losses of mixed problems, and this weighted vote."""
    size = len(losses)
    ranking = Ranking(np.ones((size, size)), np.ones(size), np.ones(size))
    return Trial(layer, recipe, how, np.zeros(0), Quality(ranking, np.array(losses), vote))


# -- cross-validation


def test_cross_validation_finds_the_layer_that_tells() -> None:
    all_trials = found(make_examples())
    assert {each.layer for each in all_trials} == set(LAYERS)
    chosen = choose(all_trials)
    assert chosen.layer == TELLING
    assert chosen.within > 0.8
    assert chosen.across > 0.8
    assert max(each.within for each in all_trials if each.layer != TELLING) < 0.65


def test_states_that_tell_nothing_are_not_said_to() -> None:
    chosen = choose(found(make_examples(signal=0.0)))
    assert 0.35 < chosen.within < 0.65


@settings(max_examples=5, deadline=None)
@given(st.sampled_from(QUICK), st.integers(0, FOLDS - 1), st.integers(0, 1000))
@example(Recipe(4, 1e-2), 1, 0)
def test_labels_of_a_fold_change_nothing_of_what_is_said_of_it(recipe: Recipe, fold: int, seed: int) -> None:
    examples = make_examples(problems=15)
    folds = deal(examples, seed=0)
    own = np.array([folds[at] == fold for at in examples.step_problem.tolist()])
    labels = examples.labels.copy()
    labels[own] = np.random.default_rng(seed).permutation(1 - labels[own])
    changed = replace(examples, labels=labels)
    before, after = (out_of_fold(each, TELLING, folds, [recipe], seed=0)[recipe] for each in (examples, changed))
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


@given(st.integers(0, 50))
def test_problems_of_both_kinds_are_dealt_to_all_folds(seed: int) -> None:
    examples = make_examples(seed % 5, problems=20)
    folds = deal(examples, seed=seed)
    assert set(folds) == set(range(20))
    sizes = np.bincount(list(folds.values()))
    assert sizes.max() - sizes.min() <= 1
    mixed = [at for at in range(20) if 0 < examples.correct[examples.problem == at].mean() < 1]
    spread = np.bincount([folds[at] for at in mixed], minlength=FOLDS)
    assert spread.max() - spread.min() <= 1


def test_too_few_problems_for_the_folds_are_refused() -> None:
    with pytest.raises(UsageError, match=r"4 problems with an answer are left to train on, .* takes 5") as caught:
        deal(make_examples(problems=4), seed=0)
    assert caught.value.hint


@pytest.mark.parametrize(("value", "said"), [(True, "right"), (False, "wrong")])
def test_solutions_of_one_kind_alone_are_refused(value: bool, said: str) -> None:
    examples = make_examples()
    one_kind = replace(examples, correct=np.full(len(examples.correct), value))
    with pytest.raises(UsageError, match=f"all solutions to train on are {said}") as caught:
        deal(one_kind, seed=0)
    assert caught.value.hint


def test_problems_that_are_each_all_right_or_all_wrong_are_refused() -> None:
    examples = make_examples()
    with pytest.raises(UsageError, match="0 of 40 problems to train on have right and wrong solutions"):
        deal(replace(examples, correct=examples.problem % 2 == 0), seed=0)


# -- the choice


def test_the_lowest_loss_of_the_vote_wins_where_it_is_clearly_lower() -> None:
    better, worse = trial([0.4, 0.5, 0.6, 0.5] * 5, 0.3), trial([0.9, 0.8, 1.0, 0.9] * 5, 0.9, layer=3)
    assert choose([worse, better]) is better


def test_what_the_loss_cannot_tell_apart_goes_by_the_weighted_vote() -> None:
    first, second = trial([1.0, 0.0] * 10 + [0.0], 0.40), trial([0.0, 1.0] * 10 + [0.5], 0.42, layer=3)
    assert first.quality.loss < second.quality.loss
    assert choose([first, second]) is second


def test_of_equals_the_simplest_wins() -> None:
    each = [0.7, 0.8, 0.6]
    simple = trial(each, 0.700, recipe=Recipe(0, 1e-3), how="last", layer=3)
    others = [
        trial(each, 0.702, recipe=Recipe(32, 1e-3)),
        trial(each, 0.702, recipe=Recipe(0, 1e-2), how="last", layer=3),
        trial(each, 0.702, recipe=Recipe(0, 1e-3), how="mean", layer=3),
        trial(each, 0.702, recipe=Recipe(0, 1e-3), how="last", layer=5),
    ]
    assert choose([*others, simple]) is simple


# -- the head


def test_a_head_is_fitted_to_all_examples_and_aggregates_as_chosen() -> None:
    examples = make_examples()
    chosen = choose(found(examples))
    head = fit(examples, chosen, CARD, seed=0)
    assert (head.layer, head.aggregation, head.card) == (TELLING, chosen.aggregation, CARD)
    assert head.mean == pytest.approx(examples.states[TELLING].mean(axis=0), abs=1e-5)


@pytest.mark.parametrize("how", ["last", "min", "mean", "prod"])
def test_solutions_are_scored_one_by_one(how: Aggregation) -> None:
    examples = make_examples(problems=5)
    steps = np.random.default_rng(0).random(len(examples.labels))
    scores = solution_scores(steps, examples, how)
    begin = 0
    for score, size in zip(scores, examples.steps, strict=True):
        assert score == aggregate(steps[begin : begin + size].tolist(), how)
        begin += size


# -- a loss within problems


def test_pairs_within_problems_find_what_tells_where_problems_differ_more_than_solutions() -> None:
    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(60), 10)
    hard = np.repeat(rng.normal(size=60), 10)
    correct = rng.random(600) < 1 / (1 + np.exp(-3 * hard))
    rows = np.column_stack([hard * 3 + rng.normal(size=600), correct + rng.normal(size=600)])
    direction = fit_pairs(rows, correct.astype(float), problem, c=1.0, seed=0)
    assert abs(direction[0]) < 0.3 * direction[1]


def test_pairs_of_problems_of_one_kind_say_nothing() -> None:
    rows, problem = np.ones((6, 3)), np.repeat([0, 1, 2], 2)
    assert fit_pairs(rows, np.array([1, 1, 0, 0, 1, 1.0]), problem, c=1.0, seed=0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_a_head_fitted_to_pairs_gives_chances(signal: float) -> None:
    examples = make_examples(signal=signal)
    folds = deal(examples, seed=0)
    steps = out_of_fold(examples, TELLING, folds, [Recipe(0, 1e-2, pairs=True)], seed=0)[Recipe(0, 1e-2, pairs=True)]
    assert 0 < steps.min() <= steps.max() < 1
    assert steps.mean() == pytest.approx(examples.labels.mean(), abs=0.1)
    within = Quality.of(solution_scores(steps, examples, "mean"), examples, make_votes(examples)).ranking.within
    assert within > 0.8 if signal else within < 0.65


def test_a_label_of_many_outcomes_weighs_more() -> None:
    examples = make_examples()
    heavy = replace(examples, weights=np.where(examples.step_problem < 20, 50.0, 1.0))
    chosen = choose(found(examples))
    plain, weighted = (fit(each, chosen, CARD, seed=0) for each in (examples, heavy))
    assert not np.array_equal(plain.layers[0].matrix, weighted.layers[0].matrix)
