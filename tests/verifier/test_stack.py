"""Heads that weigh what can be seen: their file, their scores, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ttcli.errors import ModelError
from ttcli.problem import Problem
from ttcli.solution import Ended, Prefix, Step
from ttcli.stats.logistic import Logistic, Term
from ttcli.verifier.features import FEATURES, depths, visible
from ttcli.verifier.head_file import read_head, write_head
from ttcli.verifier.head_verifier import VisibleVerifier
from ttcli.verifier.stack import STATES, Stack
from verifier.heads import random_head

PROBLEM = Problem("Ann has 12 bags of 5 nuts and eats 3. How many are left?", "p")
CARD = {"model": "small", "weights": "0" * 64}
SEEN = Logistic(-1.0, {"states_false": Term(0.1, 0.3, -1.0), "answer_whole": Term(0.9, 0.3, 0.5)})


def prefix(*steps: str, ended: Ended = Ended.STOP, logprob: float | None = -2.0) -> Prefix:
    return Prefix(PROBLEM, 0, steps=tuple(Step(text, 4, logprob) for text in steps), ended=ended)


def row(text: str, **options: object) -> dict[str, float]:
    rows = visible(prefix(text, **options))  # type: ignore[arg-type]
    return dict(zip(FEATURES, rows[-1].tolist(), strict=True))


def test_features_are_those_of_the_text_down_to_each_step() -> None:
    rows = visible(prefix("12 x 5 = 60\n\n", "60 - 3 = 67\n\n", "So \\boxed{67}."))
    columns = dict(zip(FEATURES, rows.T.tolist(), strict=True))
    assert columns["states_false"] == [0, 1, 1]
    assert columns["states_checked"] == [1, 1, 1]
    assert columns["steps"] == [1, 2, 3]
    assert columns["mean_logprob"] == [-0.5, -0.5, -0.5]
    assert columns["question_numbers"] == pytest.approx([2 / 3, 1, 1])
    assert np.isnan(columns["answer_whole"]).tolist() == [True, True, False]


def test_what_becomes_of_the_numbers() -> None:
    """Results that nothing goes on from, but for the one that it has come to, and which of the question's are used."""
    rows = visible(prefix("12 x 5 = 60\n\n", "12 x 3 = 36\n\n", "60 - 3 = 57\n\n", "So \\boxed{57}."))
    columns = dict(zip(FEATURES, rows.T.tolist(), strict=True))
    assert columns["numbers_computed"] == pytest.approx([2 / 3, 1, 1, 1])
    assert np.isnan(columns["results_unused"][0])
    assert columns["results_unused"][1:] == [1, 0.5, 0.5]
    assert row("12 x 5 = 60, 60 - 3 = 57. So \\boxed{57}.")["results_unused"] == 0
    assert row("12 x 5 = 60, 60 - 3 = 57. So \\boxed{60}.")["results_unused"] == 1
    assert row("12 x 5 = 60 - 3 = 57. So \\boxed{57}.")["numbers_computed"] == 1
    assert row("Nothing is left: \\boxed{0}.")["numbers_computed"] == 0


def test_a_longer_prefix_does_not_change_what_is_seen_of_its_steps() -> None:
    steps = ("12 x 5 = 60\n\n", "8 =\n\n", "5 + 3\n\n", "60 - 3 =\n\n", "57, 2 x 57 = 124\n\n", "So \\boxed{57}.")
    whole = visible(prefix(*steps))
    for count in range(1, len(steps)):
        np.testing.assert_array_equal(visible(prefix(*steps[:count], ended=Ended.OPEN)), whole[:count])


def test_features_of_the_answer() -> None:
    assert row("So \\boxed{57}.")["answer_whole"] == 1
    assert row("So \\boxed{-2.5}.")["answer_negative"] == 1
    assert row("So \\boxed{12}.")["answer_in_question"] == 1
    assert row("So \\boxed{x+1}.")["answer_no_number"] == 1
    assert np.isnan(row("So \\boxed{12}.", ended=Ended.OPEN)["answer_whole"])
    assert np.isnan(row("I give up.")["answer_whole"])


def test_what_a_server_does_not_tell_is_not_known() -> None:
    assert np.isnan(row("So \\boxed{12}.", logprob=None)["mean_logprob"])


@pytest.mark.parametrize(("steps", "at"), [(1, (0, 0, 0, 0)), (2, (0, 0, 1, 1)), (4, (0, 1, 2, 3)), (9, (2, 4, 6, 8))])
def test_depths_are_the_steps_that_complete_a_quarter(steps: int, at: tuple[int, ...]) -> None:
    assert depths(steps) == at


def test_a_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    parts = (random_head(6, layer=3), random_head(6, layer=5, hidden=4, seed=2))
    both = Logistic(0.5, {**SEEN.terms, STATES: Term(0.0, 1.0, 2.0)})
    stack = Stack(both, parts, CARD)
    write_head(tmp_path / "a.safetensors", stack)
    read = read_head(tmp_path / "a.safetensors")
    assert isinstance(read, Stack)
    assert read.combination == both
    assert read.observed == (3, 5)
    rng = np.random.default_rng(3)
    states = [{layer: rng.normal(size=6).astype(np.float32) for layer in (3, 5)} for _ in range(2)]
    solution = prefix("12 x 5 = 61\n\n", "So \\boxed{61}.")
    assert read.judge(solution, states) == stack.judge(solution, states)


def test_a_stack_without_states_needs_no_model(tmp_path: Path) -> None:
    write_head(tmp_path / "a.safetensors", Stack(SEEN, (), CARD))
    head = read_head(tmp_path / "a.safetensors")
    good, bad, root = VisibleVerifier(head, "head:a").score(
        [prefix("12 x 5 = 60\n\n", "So \\boxed{60}."), prefix("12 x 5 = 61\n\n", "So \\boxed{61}."), prefix()]
    )
    assert good.score > bad.score
    assert len(good.steps) == 2
    assert (root.score, root.steps) == (1.0, ())


def test_a_prefix_is_scored_as_far_as_it_goes_as_it_was_on_the_way() -> None:
    head = VisibleVerifier(Stack(SEEN, (), CARD), "head:a")
    steps = ("12 x 5 = 61\n\n", "61 - 3 = 58\n\n", "So \\boxed{58}.")
    short, whole = head.score([prefix(*steps[:2], ended=Ended.OPEN), prefix(*steps)])
    assert whole.steps[:2] == short.steps


def test_features_that_this_version_does_not_know_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "later.safetensors"
    about = {"version": 2, "card": CARD, "intercept": 0.0, "terms": {"mood": [0, 1, 1]}, "parts": []}
    save_file({"none": np.zeros(1, np.float32)}, path, {"ttc_head": json.dumps(about)})
    with pytest.raises(ModelError, match="mood, which this version does not know") as caught:
        read_head(path)
    assert caught.value.hint


def test_states_without_a_head_are_refused() -> None:
    with pytest.raises(ValueError, match="no head to read them"):
        Stack(Logistic(0.0, {STATES: Term(0.0, 1.0, 1.0)}), (), CARD)
