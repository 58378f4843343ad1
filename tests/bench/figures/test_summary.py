from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.builder import make_rows, make_run
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.figures.records import problem_record, summary_record
from ttcli.bench.figures.summary import (
    ALL_CORRECT,
    COVERAGE,
    DIFFICULTY_BINS,
    RANDOM,
    Summary,
    by_difficulty,
    curve_tasks,
    fill,
    summarise,
    summary_of,
)
from ttcli.bench.store.store import LoadRow, Run, Store
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.stats import subsets as subset_votes
from ttcli.stats.intervals import compare, wilson


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


def summary_from(path: Path, run: Run) -> Summary:
    with Store(path, readonly=True) as store:
        return summarise(store, run)


def figures_from(path: Path, run: Run) -> list[ProblemFigures]:
    with Store(path, readonly=True) as store:
        return load_figures(store, run)


def test_lines_are_the_methods_at_every_power_of_two_then_coverage_and_a_random_pick(path: Path) -> None:
    run = make_run(path, 12, samples=12, others=("adaptive", "greedy"))
    keys = [line.key for line in summary_from(path, run).lines]
    budgets = [1, 2, 4, 8, 12]
    assert keys == [
        *(f"majority@{n}" for n in budgets),
        *(f"best-of-n[confidence]@{n}" for n in budgets),
        *("adaptive@12", "greedy@1"),
        *(f"{COVERAGE}@{n}" for n in budgets),
        *(f"{ALL_CORRECT}@{n}" for n in budgets[1:]),
        f"{RANDOM}@1",
    ]


def test_curves_have_the_budgets_asked_for_and_the_powers_of_two_below_the_largest(path: Path) -> None:
    config = replace(
        make_run(path, 1).config,
        tasks=tuple(Task("majority", "", Budget(n)) for n in (6, 20)),
    )
    assert [int(task.budget.amount) for task in curve_tasks(config)] == [1, 2, 4, 6, 8, 16, 20]


def test_every_accuracy_has_its_number_of_problems_and_its_interval(path: Path) -> None:
    run = make_run(path, 12, undone=(3, 4), failed=(5,), others=("adaptive",))
    summary = summary_from(path, run)
    figures = figures_from(path, run)
    assert (summary.problems, summary.done, summary.failed) == (12, 10, 1)
    for line in summary.lines:
        assert line.problems == 10
        assert line.interval == pytest.approx(wilson(line.accuracy * 10, 10))
        if line.name not in (COVERAGE, ALL_CORRECT, RANDOM):
            task = next(task for task in curve_tasks(run.config) if task.key == line.key)
            found = [each.figure(task) for each in figures]
            assert math.isclose(line.accuracy, sum(each.accuracy for each in found if each) / 10)


def test_a_failed_problem_counts_as_wrong_where_its_samples_do_not_suffice(path: Path) -> None:
    run = make_run(path, 10, failed=(5,), skill=0.99)
    lines = {line.key: line for line in summary_from(path, run).lines}
    for key in ("majority@8", "best-of-n[confidence]@8", f"{COVERAGE}@8"):
        assert lines[key].problems == 10
        assert lines[key].accuracy <= 0.9


@pytest.mark.parametrize("failed", [(), (1, 2)])
def test_coverage_is_at_least_every_vote_and_one_of_one_is_a_random_pick(path: Path, failed: tuple[int, ...]) -> None:
    run = make_run(path, 30, verifiers=("confidence", "judge"), failed=failed)
    lines = {line.key: line for line in summary_from(path, run).lines}
    for n in (1, 2, 4, 8):
        for name in ("majority", "best-of-n[confidence]", "best-of-n[judge]"):
            assert lines[f"{name}@{n}"].accuracy <= lines[f"{COVERAGE}@{n}"].accuracy + 1e-12
    pick = lines[f"{RANDOM}@1"].accuracy
    assert math.isclose(pick, lines[f"{COVERAGE}@1"].accuracy)
    assert math.isclose(pick, lines["majority@1"].accuracy)
    assert lines[f"{COVERAGE}@1"].accuracy <= lines[f"{COVERAGE}@8"].accuracy


def test_the_baseline_is_compared_problem_by_problem_at_the_same_budget(path: Path) -> None:
    run = make_run(path, 30, undone=(4,), failed=(6,))
    figures = figures_from(path, run)
    lines = {line.key: line for line in summary_from(path, run).lines}
    for n in (1, 2, 4, 8):
        scored, plain = (Task(*task[:2], Budget(n)) for task in (run.config.tasks[1], run.config.tasks[0]))
        pairs = [(each.figure(scored), each.figure(plain)) for each in figures if each.figure(scored)]
        expected = compare(
            np.array([one.accuracy for one, _ in pairs if one]),
            np.array([two.accuracy for _, two in pairs if two]),
            method_outcomes=np.array([one.right for one, _ in pairs if one]),
            baseline_outcomes=np.array([two.right for _, two in pairs if two]),
        )
        assert lines[scored.key].against == expected
        assert lines[plain.key].against is None
        difference = lines[scored.key].accuracy - lines[plain.key].accuracy
        assert math.isclose(expected.difference, difference, abs_tol=1e-12)


def test_a_baseline_that_is_missing_at_a_budget_is_no_comparison(path: Path) -> None:
    run = make_run(path, 12, others=("greedy",))
    run = run._replace(config=replace(run.config, baseline="greedy"))
    lines = {line.key: line for line in summary_of(run, _with(figures_from(path, run), run)).lines}
    assert lines["majority@8"].against is None
    assert lines["majority@1"].against is not None
    assert lines["greedy@1"].against is None


def _with(figures: list[ProblemFigures], run: Run) -> list[ProblemFigures]:
    return [replace(each, config=run.config) for each in figures]


def test_the_headline_is_the_first_method_at_its_largest_budget(path: Path) -> None:
    headline = summary_from(path, make_run(path, 3)).headline
    assert headline is not None
    assert headline.key == "majority@8"
    assert summary_from(path, make_run(path, 4, undone=range(4), seed=1)).headline is None


def test_nothing_done_is_a_summary_without_lines(path: Path) -> None:
    summary = summary_from(path, make_run(path, 3, undone=(0, 1, 2), loads=0))
    assert (summary.lines, summary.groups, summary.fill) == ((), (), None)
    assert (summary.done, summary.samples, summary.silent, summary.truncated) == (0, 0, 0.0, 0.0)
    assert json.loads(json.dumps(summary_record(summary)))["accuracy"] is None


def test_silent_and_truncated_are_parts_of_the_samples(path: Path) -> None:
    run = make_run(path, 60)
    summary = summary_from(path, run)
    facts = [fact for each in figures_from(path, run) for fact in each.facts]
    assert summary.samples == len(facts) == 480
    assert summary.silent == sum(each.answer is None for each in facts) / 480 > 0
    assert summary.truncated == sum(each.ended == "length" for each in facts) / 480 > 0


# -- groups


@pytest.mark.parametrize("problems", [10, 11, 13, 14, 24, 57])
def test_difficulty_has_five_bins_of_equal_size_from_easy_to_hard(path: Path, problems: int) -> None:
    figures = figures_from(path, make_run(path, problems))
    bins = [members for _, _, members in by_difficulty(figures)]
    sizes = [len(members) for members in bins]
    assert len(sizes) == DIFFICULTY_BINS
    assert sum(sizes) == problems
    assert max(sizes) - min(sizes) <= 1
    assert {each.position for members in bins for each in members} == set(range(problems))
    rates = [[subset_votes.random_pick(each.samples) for each in members if each.samples] for members in bins]
    for easy, hard in pairwise(rates):
        assert min(easy) >= max(hard)


def test_few_problems_have_no_bins(path: Path) -> None:
    figures = figures_from(path, make_run(path, 12, undone=(0, 1, 2)))
    assert by_difficulty(figures) == []
    assert len(by_difficulty(figures_from(path, make_run(path, 12, undone=(0, 1), seed=1)))) == DIFFICULTY_BINS


def test_groups_are_by_level_and_subject_and_difficulty(path: Path) -> None:
    run = make_run(path, 15, levels=("2", "1", "3"), subjects=("Algebra", "Geometry"))
    groups = summary_from(path, run).groups
    assert [(group.kind, group.name, group.problems) for group in groups[:5]] == [
        *(("level", name, 5) for name in "123"),
        ("subject", "Algebra", 8),
        ("subject", "Geometry", 7),
    ]
    assert [group.kind for group in groups[5:]] == ["difficulty"] * 5
    for kind in ("level", "subject", "difficulty"):
        lines = [(group.problems, group.lines[0]) for group in groups if group.kind == kind]
        whole = sum(n * line.accuracy for n, line in lines) / 15
        overall = {line.key: line for line in summary_from(path, run).lines}["majority@8"].accuracy
        assert math.isclose(whole, overall)


def test_one_label_makes_no_group(path: Path) -> None:
    run = make_run(path, make_rows(4, levels=("1",)))
    assert summary_from(path, run).groups == ()


# -- how full the batch was


def load(rows: int, *, waiting: int, decodes: int = 10, width: int = 8) -> LoadRow:
    return LoadRow(0.0, 5.0, decodes, rows, 3, waiting, width)


def test_fill_counts_only_stretches_in_which_problems_waited() -> None:
    assert fill([load(80, waiting=3), load(40, waiting=1), load(1, waiting=0)]) == 120 / 160
    assert fill([load(80, waiting=3, decodes=10), load(80, waiting=3, decodes=30)]) == 160 / 320
    assert fill([load(80, waiting=1), load(160, waiting=1, width=16)]) == 1.0
    assert fill([load(5, waiting=0)]) is None
    assert fill([load(0, waiting=2, decodes=0)]) is None
    assert fill([]) is None


# -- as JSON, from the store alone


def test_a_summary_needs_nothing_but_the_store(path: Path, tmp_path: Path) -> None:
    run = make_run(path, 12, others=("adaptive",), failed=(3,))
    first = json.dumps(summary_record(summary_from(path, run)))
    copy = tmp_path / "copy.sqlite3"
    with sqlite3.connect(path) as connection, sqlite3.connect(copy) as other:
        connection.backup(other)
    connection.close()
    other.close()
    with Store(copy, readonly=True) as store:
        assert json.dumps(summary_record(summarise(store, store.run("last")))) == first


def test_a_summary_says_what_was_measured_with_what(path: Path) -> None:
    run = make_run(path, 12)
    told = summary_record(summary_from(path, run))
    assert (told["version"], told["type"], told["run"]) == (1, "summary", run.id)
    assert (told["model"], told["data"], told["seed"], told["baseline"]) == ("tiny", "gsm8k-like.jsonl", 0, "majority")
    assert (told["method"], told["problems"], told["samples"]) == ("majority@8", 12, 96)
    line = next(line for line in told["lines"] if line["method"] == "best-of-n[confidence]" and line["budget"] == "8")
    assert line["tokens"] == line["prompt_tokens"] + line["policy_tokens"] + line["verifier_tokens"]
    assert line["interval"][0] <= line["accuracy"] <= line["interval"][1]
    against = line["against_baseline"]
    assert set(against) == {"difference", "interval", "wins", "losses", "p", "p_all"}


def test_a_problem_is_told_with_its_results(path: Path) -> None:
    run = make_run(path, 3, failed=(1,), undone=(2,), others=("greedy",))
    told = [json.loads(json.dumps(problem_record(each))) for each in figures_from(path, run)]
    assert [(each["position"], each["samples"], each["failed"]) for each in told] == [
        (0, 8, None),
        (1, 4, "the server went away"),
        (2, 0, None),
    ]
    assert set(told[0]["results"]) == {task.key for task in run.config.tasks}
    assert told[1]["results"]["majority@8"]["accuracy"] == 0.0
    assert told[2]["results"] == {}
    facts = figures_from(path, run)[0].facts
    assert told[0]["no_answer"] == sum(each.answer is None for each in facts)
    assert told[0]["correct"] == sum(each.answer == told[0]["reference"] for each in facts)


def test_all_correct_is_pass_to_the_power_of_n(path: Path) -> None:
    run = make_run(path, 12)
    lines = {line.key: line for line in summary_from(path, run).lines}
    rates = [each.samples.correct for each in figures_from(path, run) if each.samples is not None]
    total = len(rates[0])
    wanted = sum(math.comb(int(right.sum()), 2) / math.comb(total, 2) for right in rates) / len(rates)
    assert math.isclose(lines[f"{ALL_CORRECT}@2"].accuracy, wanted)
    assert lines[f"{ALL_CORRECT}@8"].accuracy <= lines[f"{ALL_CORRECT}@2"].accuracy <= lines[f"{RANDOM}@1"].accuracy
