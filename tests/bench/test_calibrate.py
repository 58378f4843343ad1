from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.builder import Made, make_rows, records
from ttcli.allocate.difficulty import PROBES
from ttcli.allocate.optimal import Choice, Outcomes
from ttcli.allocate.profile import parse, render
from ttcli.bench.calibrate import (
    BASELINE,
    ENOUGH,
    FEWEST,
    FRUGAL,
    calibrate,
    calibration_tasks,
    frugal,
    outcomes_of,
)
from ttcli.bench.figures.problem import load_figures
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.store import Run, Store
from ttcli.errors import UsageError
from ttcli.stats.intervals import Interval

# -- tasks


def methods_at(budgets: str, verifier: str = "confidence") -> dict[str, set[float]]:
    found: dict[str, set[float]] = {}
    for task in calibration_tasks((), verifier, budgets):
        found.setdefault(task.method, set()).add(task.budget.amount)
    return found


def test_votes_and_what_has_the_rest_after_the_probes_are_tried_where_the_budget_fits() -> None:
    found = methods_at("4,8,16")
    everywhere = {4.0, 8.0, 16.0}
    assert {name for name, budgets in found.items() if 4.0 in budgets} == {"majority", "adaptive", "best-of-n"}
    assert {name for name, budgets in found.items() if budgets == everywhere} == {"majority", "adaptive", "best-of-n"}
    assert {name for name, budgets in found.items() if budgets == {8.0, 16.0}} == {
        "auto:beam", "auto:beam:m=sqrt", "auto:dvts",
    }  # fmt: skip
    assert found["auto:revise:ratio=1"] == {8.0}  # of the four that are left
    assert found["auto:revise:ratio=12"] == {16.0}
    assert "auto:revise:ratio=1/12" not in found  # all side by side: that is best-of-n
    assert methods_at("6")["majority"] == {6.0}
    assert "auto:beam" not in methods_at("5")  # one is left, and beams come in twos


def test_at_a_budget_of_the_probes_votes_alone_are_offered() -> None:
    tasks = calibration_tasks(["beam", "revise", "best-of-n"], "confidence", "4,8")
    assert {task.method for task in tasks if task.budget.amount == 4} == {"majority", "adaptive", "best-of-n"}
    assert {task.method for task in tasks if task.budget.amount == 8} == {
        "majority", "adaptive", "best-of-n", "auto:beam", "auto:revise",
    }  # fmt: skip


def test_a_verifier_of_whole_solutions_is_spared_the_searches() -> None:
    assert not {"auto:beam", "auto:dvts"} & set(methods_at("8", "command:true"))


def test_every_method_that_takes_the_verifier_has_it() -> None:
    verifiers = {task.method: task.verifier for task in calibration_tasks((), "judge", "8")}
    assert {verifiers["majority"], verifiers["adaptive"]} == {""}
    assert {verifiers["best-of-n"], verifiers["auto:revise:ratio=1"]} == {"judge"}


def test_the_simple_way_is_always_there_and_so_is_ending_it_when_it_is_settled() -> None:
    assert [task.key for task in calibration_tasks(["beam", "auto:beam"], "confidence", "8,16")] == [
        *("majority@8", "majority@16", "adaptive@8", "adaptive@16"),
        *("auto:beam[confidence]@8", "auto:beam[confidence]@16"),
    ]


@pytest.mark.parametrize(
    ("methods", "verifier", "budgets", "message"),
    [
        ((), "confidence", "20000tok", "budgets in generations"),
        ((), "confidence", "16/problem", "budgets in generations"),
        ((), "confidence", "2,4", "told from 4 samples"),
        (("beam:m=4",), "confidence", "4,6", "draws 4 probes first, and 6 leaves beam:m=4 too little"),
        (("beam",), "command:true", "8", "judges only finished solutions"),
        (("greedy",), "confidence", "8", "greedy has no budget to suit"),
        (("beams",), "confidence", "8", "there is no method"),
        ((), "prm", "8", "there is no verifier"),
    ],
)
def test_what_makes_no_sense_is_refused(methods: tuple[str, ...], verifier: str, budgets: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        calibration_tasks(methods, verifier, budgets)


# -- the profile of a run


@dataclass(frozen=True)
class Weighed(Made):
    """A run of a model whose weights are known."""

    @property
    def config(self) -> RunConfig:
        config: RunConfig = Made.config.__get__(self)  # dataclasses have no super() here
        return replace(config, recipe={**config.recipe, "weights": "ab12"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs.sqlite3") as opened:
        yield opened


def make_run(store: Store, problems: int, **options: Any) -> Run:
    made = Weighed(make_rows(problems), **{"samples": 16, "others": ("adaptive",), **options})
    run = store.begin(made.config, made.rows)
    for record in records(made):
        store.write(run, made.rows[record.position].problem, record)
    return run


def test_a_run_becomes_a_profile_that_can_be_kept(store: Store) -> None:
    run = make_run(store, 40)
    made = calibrate(store, run, name="mine", when="2025-01-01T00:00:00Z")
    profile = made.profile
    assert (profile.name, profile.model, profile.model_hash) == ("mine", "tiny", "ab12")
    assert (profile.verifier, profile.verifier_hash) == ("confidence", "key of confidence")
    assert (profile.baseline, profile.unit, profile.temperature) == (BASELINE, "generations", 0.8)
    assert profile.made.command == "ttc bench gsm8k-like.jsonl --model tiny --budget 16"
    assert (profile.made.problems, made.problems, made.left_out) == (40, 40, 0)
    assert {each.budget for each in profile.choices} == {16.0}
    assert sum(each.problems for each in profile.choices) == 40
    assert profile.difficulty.probes == PROBES
    assert profile.gains is None  # too few problems to learn what more samples bring
    assert parse(render(profile)) == profile
    assert made.trust.brier < made.trust.brier_constant


def test_enough_problems_tell_what_more_samples_bring(store: Store) -> None:
    run = make_run(store, ENOUGH)
    gains = calibrate(store, run, name="mine", when="now").profile.gains
    assert gains is not None
    assert gains.now.terms


def test_problems_that_are_not_done_or_failed_early_are_left_out(store: Store) -> None:
    run = make_run(store, 20, undone=(0, 1), samples=6, failed=(2,))
    made = calibrate(store, run, name="mine", when="now")
    assert (made.problems, made.left_out) == (17, 3)


def test_too_few_problems_make_no_profile(store: Store) -> None:
    run = make_run(store, FEWEST + 2, undone=(0, 1, 2))
    with pytest.raises(UsageError, match="9 of 12 problems are done, and a profile takes at least 10"):
        calibrate(store, run, name="mine", when="now")


def test_outcomes_are_what_the_tables_of_the_run_say(store: Store) -> None:
    figures = load_figures(store, make_run(store, 12))
    outcomes = outcomes_of(figures)
    assert outcomes.strategies == ("majority", "best-of-n", "adaptive")
    assert outcomes.budgets == (16.0,)
    for row, problem in enumerate(figures):
        for column, task in enumerate(problem.config.tasks):
            figure = problem.figure(task)
            assert figure is not None
            assert outcomes.right[row, column, 0] == figure.accuracy
            assert outcomes.tokens[row, column, 0] == figure.spending.tokens


# -- the frugal way


def two_ways(frugal_right: float, strategy: str = BASELINE) -> tuple[list[Choice], Outcomes]:
    right = np.stack([np.full((50, 1), 0.6), np.full((50, 1), frugal_right)], axis=1)
    cost = np.stack([np.full((50, 1), 16.0), np.full((50, 1), 7.0)], axis=1)
    outcomes = Outcomes((BASELINE, FRUGAL), (16.0,), right, cost, 100 * cost, cost)
    choice = Choice(0, 16.0, strategy, 0.6, Interval(0.5, 0.7), 50, 0.0, Interval(0.0, 0.0), 1.0, 16.0, 1600.0, 16.0)
    return [choice], outcomes


def test_the_simple_way_ends_when_its_vote_is_settled_unless_that_costs_accuracy() -> None:
    bins = np.zeros(50, np.intp)
    choices, outcomes = two_ways(0.6)
    (found,) = frugal(choices, outcomes, bins)
    assert (found.strategy, found.generations, found.tokens, found.accuracy) == (FRUGAL, 7.0, 700.0, 0.6)
    choices, outcomes = two_ways(0.3)
    assert frugal(choices, outcomes, bins) == choices
    choices, outcomes = two_ways(0.6, "beam")
    assert frugal(choices, outcomes, bins) == choices
