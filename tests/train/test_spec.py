from __future__ import annotations

from typing import Any

import pytest

from train.fakes import RIGHT, given, make_rows, make_spec
from ttcli.data.dataset import select
from ttcli.errors import DatasetError, UsageError
from ttcli.runtime.settings import Settings
from ttcli.train.spec import split


@pytest.mark.parametrize(("problems", "part", "expected"), [(10, 0.3, 3), (10, 0.04, 0), (20, 0.5, 10), (7, 0.3, 2)])
def test_about_the_part_asked_for_is_held_out(problems: int, part: float, expected: int) -> None:
    rows = make_rows(problems)
    if expected:
        assert len(split(rows, part, seed=0, what="head")) == expected
        assert split(rows, part, seed=0, what="head") == split(rows, part, seed=0, what="head")
    else:
        with pytest.raises(UsageError, match="of 10 problems 0 would be held out"):
            split(rows, part, seed=0, what="head")


def test_the_seed_decides_what_is_held_out() -> None:
    assert len({split(make_rows(30), 0.3, seed=seed, what="head") for seed in range(8)}) > 4


def test_problems_held_out_of_a_sample_are_held_out_of_a_larger_one() -> None:
    rows = make_rows(60)
    names = []
    for size in (20, 40, 60):
        chosen = select(rows, sample=size, seed=3)
        names.append({chosen[at].problem.text for at in split(chosen, 0.3, seed=3, what="head")})
    assert names[0] < names[1] < names[2]


@pytest.mark.parametrize("part", [0.0, 1.0, -0.1, 3.0, float("nan")])
def test_a_part_that_is_none_is_refused(part: float) -> None:
    with pytest.raises(UsageError, match="--held-out must be between 0 and 1"):
        split(make_rows(10), part, seed=0, what="head")


@pytest.mark.parametrize(("problems", "part"), [(10, 0.6), (6, 0.3), (1, 0.3), (4, 0.5)])
def test_too_few_problems_to_train_on_are_refused_before_anything_is_drawn(problems: int, part: float) -> None:
    with pytest.raises(UsageError, match="left to train on") as caught:
        split(make_rows(problems), part, seed=0, what="head")
    assert caught.value.hint


@pytest.mark.parametrize("what", ["head", "reviser", "process reward model"])
def test_too_few_problems_are_told_by_what_would_be_judged_by_them(what: str) -> None:
    with pytest.raises(UsageError, match=f"of 5 problems 2 would be held out to judge the {what} by, and 3 are left"):
        split(make_rows(5), 0.3, seed=0, what=what)


def test_problems_that_a_file_has_solutions_of_are_given() -> None:
    assert make_spec(4).given == frozenset()
    assert make_spec(4, solutions=given({2: [RIGHT], 0: [RIGHT, RIGHT], 9: [RIGHT]})).given == {0, 2}


def test_a_file_without_a_solution_of_these_problems_is_refused() -> None:
    with pytest.raises(DatasetError, match="no solution of these 4 problems"):
        _ = make_spec(4, solutions=given({9: [RIGHT]})).given


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"states": True}, "shows no hidden states"),
        ({"rollouts": 2}, "draws no rollouts"),
        ({"solutions": given({0: [RIGHT]})}, "does not count the tokens of a file's solutions"),
    ],
)
@pytest.mark.parametrize(
    ("who", "settings"),
    [("a server", Settings(policy="http://localhost:1/v1")), ("a script", Settings(model="scripted:s.json"))],
)
def test_what_a_server_and_a_script_cannot_give_is_refused(
    who: str, settings: Settings, options: dict[str, Any], said: str
) -> None:
    assert make_spec(settings=settings, states=False).expected > 0
    with pytest.raises(UsageError, match=f"{who} {said}") as caught:
        make_spec(settings=settings, **{"states": False, **options})
    assert caught.value.hint
