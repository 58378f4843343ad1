from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from train.lora.made import examples
from ttcli.errors import UsageError
from ttcli.train.lora.batches import Plan, padded, together
from ttcli.train.lora.encoding import Example
from ttcli.train.lora.spec import Fitting


def test_an_epoch_goes_through_all_once_and_the_next_one_in_another_order() -> None:
    own = examples(10)
    plan = Plan(own, Fitting(batch=4, epochs=2), seed=1)
    assert (plan.each, plan.steps) == (3, 6)
    first, second = ([example for step in steps for example in plan.batch(step)] for steps in (range(3), range(3, 6)))
    assert Counter(map(id, first)) == Counter(map(id, second)) == Counter(map(id, own))
    assert [*map(id, first)] != [*map(id, second)]
    assert [*map(id, plan.batch(4))] == [*map(id, Plan(own, Fitting(batch=4, epochs=2), seed=1).batch(4))]


def test_steps_end_a_plan_before_its_epochs_do() -> None:
    plan = Plan(examples(64), Fitting(batch=8, epochs=3, steps=5), seed=0)
    assert plan.steps == 5
    assert plan.looks == 1


def test_the_learning_rate_rises_and_sinks_to_a_tenth() -> None:
    plan = Plan(examples(40), Fitting(batch=1, epochs=1, rate=1e-3), seed=0)
    rates = [plan.rate(step) for step in range(plan.steps)]
    assert rates[0] == pytest.approx(5e-4)
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(1e-4, rel=0.3)


def test_what_is_worked_on_together_fits_the_tokens_with_its_padding() -> None:
    own = [Example(tuple(range(length)), (0,), (1.0,)) for length in (3, 9, 4, 30, 5)]
    sizes = [part.tokens.shape for part in together(own, 16)]
    assert sizes == [(3, 5), (1, 9), (1, 30)]


def test_padding_comes_behind_and_places_keep_their_targets() -> None:
    part = padded([Example((5, 6, 7), (0, 2), (6.0, 0.5), 2.0), Example((8,), (0,), (9.0,))])
    assert part.tokens.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert part.rows.tolist() == [0, 0, 1]
    assert part.columns.tolist() == [0, 2, 0]
    assert part.targets.tolist() == [6, 0.5, 9]
    assert part.weights.tolist() == [2, 2, 1]
    assert np.array_equal(part.tokens[part.rows, part.columns], [5, 7, 8])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rank": 0}, "--rank must be at least 1, not 0"),
        ({"rank": 5000}, "--rank must be at most 1024"),
        ({"epochs": 0}, "--epochs must be at least 1"),
        ({"steps": 0}, "--steps must be at least 1"),
        ({"tokens": 0}, "--batch-tokens must be at least 1"),
        ({"rate": 0.0}, "--learning-rate must be above 0"),
        ({"rate": float("nan")}, "--learning-rate must be above 0"),
        ({"dropout": 1.0}, "--dropout must be from 0 to below 1"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Fitting(**options)  # type: ignore[arg-type]
