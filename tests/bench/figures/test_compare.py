from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.builder import make_rows, make_run
from ttcli.bench.figures.compare import Pairing, pairings
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.store import Store
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.stats.intervals import compare


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


def figures_of(path: Path, *args: object, **options: Any) -> list[ProblemFigures]:
    run = make_run(path, *args, **options)  # type: ignore[arg-type]
    with Store(path, readonly=True) as store:
        return load_figures(store, run)


def by_name(found: list[Pairing]) -> dict[str, Pairing]:
    return {each.name: each for each in found}


def test_runs_are_compared_on_the_methods_and_budgets_that_both_have(path: Path) -> None:
    first = figures_of(path, 6, samples=8, others=("adaptive",))
    second = figures_of(path, 6, samples=6, model="other", others=("greedy",), verifiers=())
    # the curves have 1, 2, 4 and 8, or 1, 2, 4 and 6, samples
    assert [each.name for each in pairings(first, second)] == ["majority@1", "majority@2", "majority@4"]


def test_runs_are_compared_problem_by_problem_wherever_these_stand(path: Path) -> None:
    rows = make_rows(12)
    first = figures_of(path, rows, skill=0.3)
    second = figures_of(path, rows[::-1][:9], model="other", skill=0.7, undone=(4,), failed=(0,))
    found = by_name(pairings(first, second))["majority@8"]
    task = Task("majority", "", Budget(8))
    by_text = {each.row.problem.text: each.figure(task) for each in second}
    pairs = [(each.figure(task), by_text.get(each.row.problem.text)) for each in first]
    both = [(one, two) for one, two in pairs if one and two]
    assert found.problems == len(both) == 8
    assert math.isclose(found.first, sum(one.accuracy for one, _ in both) / 8)
    assert math.isclose(found.second, sum(two.accuracy for _, two in both) / 8)
    assert found.comparison == compare(
        np.array([two.accuracy for _, two in both]),
        np.array([one.accuracy for one, _ in both]),
        method_outcomes=np.array([two.right for _, two in both]),
        baseline_outcomes=np.array([one.right for one, _ in both]),
    )
    assert found.first_interval.low <= found.first <= found.first_interval.high
    assert found.second_interval.low <= found.second <= found.second_interval.high


def test_the_second_run_is_better_where_the_difference_is_above_zero(path: Path) -> None:
    weak, strong = figures_of(path, 40, skill=0.2), figures_of(path, 40, model="other", skill=0.8)
    forth = by_name(pairings(weak, strong))["majority@8"]
    back = by_name(pairings(strong, weak))["majority@8"]
    assert forth.comparison.difference > 0.3
    assert forth.comparison.wins > forth.comparison.losses
    assert math.isclose(back.comparison.difference, -forth.comparison.difference)
    assert (back.comparison.wins, back.comparison.losses) == (forth.comparison.losses, forth.comparison.wins)


def test_a_run_differs_in_nothing_from_itself(path: Path) -> None:
    figures = figures_of(path, 8, others=("adaptive", "greedy"))
    for each in pairings(figures, figures):
        assert each.first == each.second
        assert each.comparison[:4] == (0, (0, 0), 0, 0)
        assert each.comparison.p == 1


def test_runs_with_nothing_in_common_give_no_pairs(path: Path) -> None:
    rows = make_rows(6)
    first = figures_of(path, rows[:3])
    assert pairings(first, figures_of(path, rows[3:])) == []
    assert pairings(first, figures_of(path, rows[:3], seed=1, undone=(0, 1, 2))) == []
    assert pairings(first, []) == pairings([], first) == []
