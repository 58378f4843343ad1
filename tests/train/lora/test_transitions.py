from __future__ import annotations

import re

import numpy as np
import pytest

from ttcli.terminal.lora import revision_verdict
from ttcli.train.lora.judge import Chains
from ttcli.train.lora.transitions import as_json, transitions


def chains(revised: np.ndarray, alone: np.ndarray, problems: int) -> Chains:
    place = np.repeat(np.arange(problems), len(revised) // problems)
    return Chains(place, revised.astype(np.bool_), alone.astype(np.bool_))


def test_draws_that_see_no_attempt_are_no_revisions() -> None:
    rng = np.random.default_rng(1)
    chance = np.repeat(rng.random(120), 4)[:, None]
    found = transitions(chains(rng.random((480, 5)) < chance, rng.random((480, 4)) < chance, 120))
    assert found.revises is not True
    assert found.ratio == pytest.approx(1, abs=0.15)
    assert found.to_right.interval is not None
    assert found.to_right.interval.low < 0 < found.to_right.interval.high
    assert found.gain_interval.low < 0 < found.gain_interval.high


def test_what_mends_wrong_attempts_revises() -> None:
    rng = np.random.default_rng(2)
    alone = rng.random((200, 4)) < 0.2
    revised = np.concatenate([rng.random((200, 1)) < 0.2, rng.random((200, 4)) < 0.5], axis=1)
    found = transitions(chains(revised, alone, 50))
    assert found.revises is True
    assert found.ratio is not None
    assert found.ratio > 1.8
    assert found.gain > 0.15


def test_the_same_wrong_attempts_are_what_draws_are_held_against() -> None:
    """Problem 0 is right whenever drawn anew, problem 1 never: only the attempts that were wrong count."""
    revised = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    alone = np.array([[1, 1], [1, 1], [0, 0], [0, 0]])
    found = transitions(chains(revised, alone, 2))
    assert (found.to_right.attempts, found.to_right.revised, found.to_right.alone) == (3, 1 / 3, 0.0)
    assert (found.to_wrong.attempts, found.to_wrong.revised, found.to_wrong.alone) == (5, 0.4, 0.2)
    assert [step.right for step in found.steps] == [0.75, 0.25]
    assert found.steps[0].to_right.revised == 0.5
    assert found.first == 0.5


def test_where_nothing_was_wrong_nothing_is_claimed() -> None:
    found = transitions(chains(np.ones((6, 3)), np.ones((6, 2)), 3))
    assert found.to_right.revised is None
    assert found.revises == "unclear"
    assert as_json(found)["wrong_to_right"]["attempts"] == 0
    assert as_json(found)["ratio"] is None


@pytest.mark.parametrize(("own", "drawn"), [(0.6, 0.3), (0.3, 0.6)])
def test_draws_are_held_against_the_models_own_samples(own: float, drawn: float) -> None:
    rng = np.random.default_rng(3)
    revised = np.concatenate([rng.random((200, 1)) < own, rng.random((200, 2)) < drawn], axis=1)
    found = transitions(chains(revised, rng.random((200, 2)) < drawn, 50))
    assert found.alone_gain == pytest.approx(drawn - own, abs=0.1)
    assert found.alone_gain_interval.low < found.alone_gain < found.alone_gain_interval.high
    assert (found.alone_gain_interval.high < 0) == (drawn < own)
    assert as_json(found)["alone_gain"]["value"] == found.alone_gain
    assert any("learned by heart" in line for line in revision_verdict(found)) == (drawn < own)


def drawn_where(rng: np.random.Generator, before: np.ndarray, *, stays: float, turns: float) -> np.ndarray:
    """(chains, 1) what follows attempts of which right ones stay right so often, and wrong ones turn right."""
    return rng.random(before.shape) < np.where(before, stays, turns)


@pytest.mark.parametrize(
    ("stays", "turns", "keeps", "told"),
    [
        (0.3, 0.3, False, "it only resamples|not clearly"),
        (0.9, 0.02, True, "it does worse than resample"),
        (0.9, 0.3, True, "it keeps what is right"),
        (0.9, 0.6, True, "it revises"),
    ],
)
def test_what_is_done_with_attempts_is_told_apart(stays: float, turns: float, keeps: bool, told: str) -> None:
    rng = np.random.default_rng(4)
    attempts = [rng.random((400, 1)) < 0.3]
    for _ in range(3):
        attempts.append(drawn_where(rng, attempts[-1], stays=stays, turns=turns))
    found = transitions(chains(np.concatenate(attempts, axis=1), rng.random((400, 3)) < 0.3, 100))
    lines = revision_verdict(found)
    assert re.search(told, lines[0])
    assert as_json(found)["keeps"] is keeps
    assert ("not kept" in lines[1]) is not keeps


def test_of_right_attempts_that_nobody_made_nothing_is_said() -> None:
    found = transitions(chains(np.zeros((6, 3)), np.zeros((6, 2)), 3))
    assert "kept" not in revision_verdict(found)[1]
    assert as_json(found)["keeps"] is False
