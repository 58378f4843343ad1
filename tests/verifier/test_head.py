from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from ttcli.errors import ModelError
from ttcli.verifier.aggregate import AGGREGATIONS, Aggregation, aggregate
from ttcli.verifier.head import Head
from ttcli.verifier.head_file import read_head, write_head
from verifier.heads import random_head

WIDTH = 6
STATES = np.random.default_rng(2).normal(size=(5, WIDTH))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "small.safetensors"


def test_a_linear_head_is_a_logistic_unit_on_standardised_states() -> None:
    head = random_head(WIDTH)
    [unit] = head.layers
    logits = (STATES - head.mean) / head.scale @ unit.matrix[:, 0] + unit.bias[0]
    np.testing.assert_allclose(head.scores(STATES), 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_a_hidden_layer_is_of_rectified_units() -> None:
    head = random_head(WIDTH, hidden=3)
    first, unit = head.layers
    within = np.maximum((STATES - head.mean) / head.scale @ first.matrix + first.bias, 0)
    logits = within @ unit.matrix[:, 0] + unit.bias[0]
    np.testing.assert_allclose(head.scores(STATES), 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_a_score_is_a_chance_however_far_a_state_lies() -> None:
    head = random_head(WIDTH)
    for states in (STATES * 1e6, -STATES * 1e6, STATES.astype(np.float16)):
        scores = head.scores(states)
        assert np.isfinite(scores).all()
        assert ((scores >= 0) & (scores <= 1)).all()


def test_states_of_another_width_are_refused() -> None:
    with pytest.raises(ModelError, match="6 numbers cannot read 5"):
        random_head(WIDTH).scores(STATES[:, :5])


@pytest.mark.parametrize("hidden", [0, 4])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_head_comes_back_from_its_file_as_it_was(path: Path, hidden: int, aggregation: Aggregation) -> None:
    head = random_head(WIDTH, layer=7, hidden=hidden, aggregation=aggregation, auc=0.75, data=["é", None])
    write_head(path, head)
    again = read_head(path)
    assert isinstance(again, Head)
    assert (again.layer, again.aggregation, again.card) == (7, aggregation, head.card)
    assert (again.model, again.weights) == ("small", "0" * 64)
    np.testing.assert_array_equal(again.scores(STATES), head.scores(STATES))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_same_head_makes_the_same_file(path: Path) -> None:
    write_head(path, random_head(WIDTH))
    first = path.read_bytes()
    write_head(path, random_head(WIDTH))
    assert path.read_bytes() == first


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot write") as caught:
        write_head(tmp_path / "file" / "head.safetensors", random_head(WIDTH))
    assert caught.value.hint
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def refused(path: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        read_head(path)
    assert caught.value.hint


def test_a_file_that_is_no_head_is_refused(path: Path) -> None:
    refused(path, "there is no verifier head")
    path.parent.mkdir()
    refused(path.parent, "there is no verifier head")
    path.write_bytes(b"GGUF and more")
    refused(path, "no safetensors file")
    save_file({"mean": np.zeros(3, np.float32)}, path)
    refused(path, "metadata lacks ttc_head")


CHANGES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"version": 3}, {}, "version is 3, not 1 or 2"),
    ({"layer": -1}, {}, "layer -1"),
    ({"layer": "3"}, {}, "wrong kind"),
    ({"aggregation": "median"}, {}, "'median'"),
    ({"card": {"model": "small"}}, {}, "names no model"),
    ({"card": None}, {}, "wrong kind"),
    ({}, {"mean": None}, "'mean' is missing"),
    ({}, {"bias.0": None}, "'bias.0' is missing"),
    ({}, {"other": np.zeros(1, np.float32)}, "'matrix.1' is missing"),
    ({}, {"mean": np.zeros(WIDTH + 1, np.float32)}, "different shapes"),
    ({}, {"mean": np.zeros((), np.float32)}, "unsized"),
    ({}, {"matrix.0": np.zeros((WIDTH, 2), np.float32)}, "instead of"),
    ({}, {"matrix.0": np.zeros((WIDTH, 2), np.float32), "bias.0": np.zeros(2, np.float32)}, "shapes"),
    ({}, {"matrix.0": np.zeros((WIDTH, 1), np.float64)}, "32-bit"),
    ({}, {"bias.0": np.full(1, np.nan, np.float32)}, "not finite"),
    ({}, {"scale": np.zeros(WIDTH, np.float32)}, "not positive"),
]


@pytest.mark.parametrize(("about", "tensors", "match"), CHANGES)
def test_a_head_with_something_wrong_in_it_is_refused(
    path: Path, about: dict[str, Any], tensors: dict[str, Any], match: str
) -> None:
    head = random_head(WIDTH)
    write_head(path, head)
    told = {"version": 1, "layer": 3, "aggregation": "mean", "card": head.card}
    arrays = {**load_file(path), **tensors}
    kept = {name: array for name, array in arrays.items() if array is not None}
    save_file(kept, path, {"ttc_head": json.dumps(told)})
    if not tensors:
        read_head(path)
    save_file(kept, path, {"ttc_head": json.dumps({**told, **about})})
    refused(path, match)


def test_a_head_of_three_layers_or_none_is_no_head() -> None:
    head = random_head(WIDTH, hidden=3)
    for layers in ((), (*head.layers, *head.layers)):
        with pytest.raises(ValueError, match="layers"):
            dataclasses.replace(head, layers=layers)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_aggregations_are_what_they_are_called(steps: list[float]) -> None:
    assert aggregate(steps, "last") == steps[-1]
    assert aggregate(steps, "min") == min(steps)
    assert aggregate(steps, "mean") == pytest.approx(np.mean(steps))
    assert aggregate(steps, "prod") == pytest.approx(np.prod(steps))


def test_a_solution_without_a_step_has_no_fault_yet() -> None:
    assert [aggregate([], how) for how in AGGREGATIONS] == [1.0] * 4


def test_a_head_is_equal_to_itself_only() -> None:
    head = random_head(WIDTH)
    assert isinstance(head, Head)
    assert head != random_head(WIDTH)
