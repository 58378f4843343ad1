from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.builder import make_run
from bench.scripts import task
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.plan import USUAL_TOKENS, choose_baseline, forecast, headline, make_tasks
from ttcli.bench.store.store import Store
from ttcli.errors import UsageError


def keys(methods: list[str], verifiers: list[str], budgets: str) -> list[str]:
    return [each.key for each in make_tasks(methods, verifiers, budgets)]


def test_left_out_methods_are_majority_and_best_of_n_by_confidence() -> None:
    assert keys([], [], "16") == ["majority@16", "best-of-n[confidence]@16"]


def test_every_method_runs_with_every_budget_and_those_that_score_with_every_verifier() -> None:
    assert keys(["best-of-n", "adaptive"], ["judge", "confidence"], "16,4") == [
        "best-of-n[judge]@4",
        "best-of-n[judge]@16",
        "best-of-n[confidence]@4",
        "best-of-n[confidence]@16",
        "adaptive@4",
        "adaptive@16",
    ]


def test_greedy_draws_one_whatever_the_budget() -> None:
    assert keys(["majority", "greedy"], [], "4,16") == ["majority@4", "majority@16", "greedy@1"]
    assert keys(["greedy"], [], "30s") == ["greedy@1"]


def test_what_is_asked_for_twice_runs_once() -> None:
    assert keys(["majority", "majority"], [], "4, 4,8") == ["majority@4", "majority@8"]
    assert keys(["best-of-n"], ["judge", "judge"], "4") == ["best-of-n[judge]@4"]


def test_a_search_is_named_by_what_is_unusual_about_it() -> None:
    assert keys(["beam:vote=weighted", "beam", "beam:m=sqrt"], ["confidence"], "4,16") == [
        "beam[confidence]@4",
        "beam[confidence]@16",
        "beam:m=sqrt[confidence]@4",
        "beam:m=sqrt[confidence]@16",
    ]


@pytest.mark.parametrize("budgets", ["100tok,200tok", "0.5s,2s"])
def test_budgets_may_be_of_tokens_or_seconds(budgets: str) -> None:
    assert keys(["majority"], [], budgets) == [f"majority@{each}" for each in budgets.split(",")]


@pytest.mark.parametrize(
    ("methods", "verifiers", "budgets", "message", "hint"),
    [
        (["beams"], [], "4", "there is no method 'beams'", "adaptive, majority"),
        (["beam:q=1"], [], "4", "beam has no setting 'q'", "beam:m=4,n=16"),
        (
            ["majority", "beam:m=4"],
            [],
            "16,10",
            "beam takes beams in multiples of 4; a budget of 10 makes 10",
            "--budget 8",
        ),
        (["lookahead:m=4"], [], "8,4", "a budget of 4 makes 2, at 2 generations a beam", "--budget 8"),
        (["beam:n=8"], [], "8,16", "beam has 16 beams with a budget of 16, not n=8", "leave n out, or --budget 8"),
        (["majority"], ["judge"], "4", "majority scores nothing", "--method best-of-n"),
        ([], ["prm"], "4", "there is no verifier 'prm'", "confidence"),
        ([], [], "4,30s", "'4,30s' mixes them", "--budget 4,16,64"),
        ([], [], "4,100tok", "'4,100tok' mixes them", "--budget 4,16,64"),
        ([], [], "4,", "'' is not a budget", "16 (generations)"),
        ([], [], "0", "buys nothing", "16 (generations)"),
    ],
)
def test_what_cannot_be_done_is_said(
    methods: list[str], verifiers: list[str], budgets: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_tasks(methods, verifiers, budgets)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_the_baseline_is_majority_or_the_first_method_or_the_one_wanted() -> None:
    tasks = make_tasks(["best-of-n", "majority"], ["judge", "confidence"], "4,8")
    assert choose_baseline(tasks, None) == "majority"
    assert choose_baseline(tasks[:4], None) == "best-of-n[judge]"
    assert choose_baseline(tasks, "best-of-n") == "best-of-n[judge]"
    assert choose_baseline(tasks, "best-of-n[confidence]") == "best-of-n[confidence]"
    searches = make_tasks(["majority", "beam", "beam:m=sqrt"], [], "16")
    assert choose_baseline(searches, "beam:vote=weighted") == "beam[confidence]"
    assert choose_baseline(searches, "beam:m=sqrt[confidence]") == "beam:m=sqrt[confidence]"
    with pytest.raises(UsageError, match="'greedy' is none of the methods") as caught:
        choose_baseline(tasks, "greedy")
    assert caught.value.hint == "one of best-of-n[judge], best-of-n[confidence], majority"


def test_the_headline_is_the_first_method_at_its_largest_budget() -> None:
    assert headline(make_tasks(["best-of-n", "majority"], [], "4,64,16")) == task("best-of-n", "64", "confidence")


# -- what it will take


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


def figures_of(path: Path, **options: Any) -> list[ProblemFigures]:
    run = make_run(path, 6, **options)
    with Store(path, readonly=True) as store:
        return load_figures(store, run)


def test_of_a_new_run_all_is_left_and_its_length_is_a_guess(path: Path) -> None:
    left = forecast(figures_of(path, undone=range(6)), 1024)
    assert left == (6, 6 * 8, USUAL_TOKENS, False)
    assert left.tokens == 6 * 8 * USUAL_TOKENS
    assert forecast(figures_of(path, undone=range(6)), 24).tokens_per_sample == 24


def test_of_a_run_that_was_broken_off_the_rest_is_left_at_the_length_measured(path: Path) -> None:
    figures = figures_of(path, undone=(1, 4))
    lengths = [fact.tokens for each in figures for fact in each.facts]
    left = forecast(figures, 1024)
    assert (left.problems, left.samples, left.measured) == (2, 2 * 8, True)
    assert left.tokens_per_sample == pytest.approx(sum(lengths) / len(lengths))


def test_of_a_run_that_is_done_nothing_is_left(path: Path) -> None:
    left = forecast(figures_of(path, others=("adaptive",)), 1024)
    assert left[:2] == (0, 0)
    assert left.tokens == 0


def test_methods_with_samples_of_their_own_come_on_top(path: Path) -> None:
    figures = figures_of(path, others=("adaptive", "greedy"), undone=(0,))
    assert forecast(figures, 1024)[:2] == (1, 8 + 8 + 1)


def test_what_is_missing_is_counted_from_the_first_sample_that_is_not_there(path: Path) -> None:
    figures = figures_of(path)
    figures[2] = replace(figures[2], facts=figures[2].facts[:3], samples=None)
    assert forecast(figures, 1024)[:2] == (1, 5)


def test_a_budget_of_seconds_needs_no_forecast(path: Path) -> None:
    figures = figures_of(path, undone=range(6))
    timed = replace(figures[0].config, tasks=(task("majority", "30s"),))
    with pytest.raises(UsageError, match="it says itself"):
        forecast([replace(each, config=timed) for each in figures], 1024)
