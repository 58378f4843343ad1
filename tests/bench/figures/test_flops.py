from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.builder import make_run
from bench.scripts import task
from ttcli.bench.figures.flops import ALL, Match, allowed, check_tasks, matched, matches, parse_ratios, reaches
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.report.flops_plot import flops_figure, flops_plot
from ttcli.bench.store.store import Store
from ttcli.errors import UsageError
from ttcli.stats.intervals import Comparison, Interval


@pytest.mark.parametrize(("ratio", "solutions"), [(0.16, 258), (0.796, 63), (19.5, 16)])
def test_the_paper_is_met_at_fourteen_times_the_parameters(ratio: float, solutions: int) -> None:
    assert allowed(14, ratio, "plain") == pytest.approx(solutions, rel=0.01)


def test_the_later_reckoning_halves_what_training_is_worth() -> None:
    plain, verified = allowed(3, 1, "plain"), allowed(3, 1, "verified")
    assert (plain, verified) == (3 + 3 * 2, 3 + 1.5 * 2)
    assert allowed(3, 1e12, "plain") == pytest.approx(3)  # only inference counts
    assert allowed(3, 1, "plain", solutions=4) == 12 + 6  # what the large model draws, the small one pays M-fold


@pytest.mark.parametrize(("multiple", "ratio"), [(1, 1), (0.5, 1), (2, 0), (2, -1), (2, float("inf"))])
def test_what_cannot_be_compared_is_refused(multiple: float, ratio: float) -> None:
    with pytest.raises(ValueError, match="no comparison"):
        allowed(multiple, ratio, "plain")


def test_ratios_are_positive_numbers() -> None:
    assert parse_ratios("0.1,1,10,1") == (0.1, 1.0, 10.0)
    for text in ("", "0", "-1", "a", "1,,2", "inf", "nan"):
        with pytest.raises(UsageError, match="--ratio must be positive numbers"):
            parse_ratios(text)


@pytest.mark.parametrize(
    ("text", "method", "message"),
    [
        ("300tok", "majority", "reckoned in generations"),
        ("16/problem", "majority", "reckoned in generations"),
        ("1", "greedy", "greedy has no use"),
    ],
)
def test_only_solutions_that_are_counted_are_compared(text: str, method: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_tasks([task(method, text)])


@pytest.mark.parametrize(("multiple", "amounts"), [(3.1, [1, 4]), (4, [1, 4]), (5, [1]), (17, [])])
def test_the_large_model_draws_what_the_small_one_can_pay_for(multiple: float, amounts: list[int]) -> None:
    tasks = [task("majority", str(amount)) for amount in (1, 4, 16)]
    assert [each.budget.amount for each in matched(tasks, multiple)] == amounts


@pytest.fixture
def pair(tmp_path: Path) -> tuple[list[ProblemFigures], list[ProblemFigures]]:
    """A small model with 16 solutions of 30 problems, and a better one."""
    found = []
    for model, skill, others in (("small", 0.35, ()), ("large", 0.7, ("greedy",))):
        path = tmp_path / f"{model}.sqlite3"
        run = make_run(path, 30, samples=16, model=model, skill=skill, others=others)
        with Store(path, readonly=True) as store:
            found.append(load_figures(store, run))
    return found[0], found[1]


def test_every_method_meets_everything_that_the_large_model_does(
    pair: tuple[list[ProblemFigures], list[ProblemFigures]],
) -> None:
    found = matches(*pair, 3.0, (0.1, 10.0))
    assert {(each.method, each.against) for each in found} == {
        (method, against)
        for method in ("majority", "best-of-n[confidence]")
        for against in ("majority@16", "best-of-n[confidence]@16", "greedy@1")
    }
    assert {each.difficulty[0] for each in found} == {"a", "1", "2", "3", "4", "5"}
    greedy = [each for each in found if each[:4] == (ALL, "majority", "greedy@1", "plain")]
    assert [each.allowed for each in greedy] == pytest.approx([3 + 60, 3.6])
    assert [(each.ratio, each.drawn, each.short) for each in greedy] == [(0.1, 16, True), (10.0, 3, False)]
    assert greedy[1].problems == 30
    majority = pair[0][0].config.tasks[0]
    own = [each.figure(majority._replace(budget=replace(majority.budget, amount=3))) for each in pair[0]]
    assert greedy[1].small == pytest.approx(sum(each.accuracy for each in own if each) / 30)
    assert greedy[1].comparison.difference == pytest.approx(greedy[1].small - greedy[1].large)


def match(difference: float, p: float, *, k: float = 3.5) -> Match:
    some = Interval(0.0, 1.0)
    comparison = Comparison(difference, Interval(difference - 0.1, difference + 0.1), 1, 1, 1.0)
    return Match(ALL, "majority", "greedy@1", "plain", 1.0, k, 3, 9, 0.5, some, 0.5, some, comparison, p)


def test_what_chance_hardly_makes_decides() -> None:
    assert match(0.2, 0.01).winner == "test-time compute"
    assert match(-0.2, 0.01).winner == "pre-training"
    assert match(0.2, 0.05).winner == match(-0.2, 0.5).winner == "undecided"


def test_nobody_is_beaten_with_fewer_solutions_than_are_due() -> None:
    assert match(-0.2, 0.01, k=30).winner == "undecided"
    assert match(0.2, 0.01, k=30).winner == "test-time compute"  # more could only help, or be left undrawn


def test_a_bin_of_five_problems_has_no_winner(pair: tuple[list[ProblemFigures], list[ProblemFigures]]) -> None:
    few = [own[:5] for own in pair]
    found = matches(few[0], few[1], 3.0, (0.1, 1.0, 10.0))
    assert {each.winner for each in found} == {"undecided"}
    assert min(each.p for each in found) < 1


def test_the_figure_has_a_curve_per_bin_and_a_star_per_ratio(
    pair: tuple[list[ProblemFigures], list[ProblemFigures]], tmp_path: Path
) -> None:
    found, curves = matches(*pair, 3.0, (0.1, 1.0, 10.0)), reaches(*pair)
    assert {each.drawn for each in curves} == set(range(1, 17))
    figure = flops_figure(found, curves, "small against large")
    for axes in figure.axes:
        stars = [line for line in axes.get_lines() if line.get_marker() == "*"]
        assert len(stars) == 6 * 3
        assert len(axes.get_lines()) == 6 + len(stars)
    flops_plot(found, curves, "small against large", tmp_path / "flops.svg")
    assert "larger model" in (tmp_path / "flops.svg").read_text()
    with pytest.raises(UsageError, match=r"neither \.png nor \.svg"):
        flops_plot(found, curves, "", tmp_path / "flops.gif")


def test_a_bin_is_cut_by_other_samples_than_it_is_measured_on(tmp_path: Path) -> None:
    """Where all problems are alike, the first half of the samples knows nothing of the bins of the second."""
    figures = []
    for model in ("small", "large"):
        path = tmp_path / f"{model}.sqlite3"
        run = make_run(path, 300, samples=8, model=model, skill=0.5, alike=True, bulk=True)
        with Store(path, readonly=True) as store:
            figures.append(load_figures(store, run))
    small, large = figures
    curves = [each for each in reaches(small, large) if each.method == "majority"]
    bins = [each for each in curves if each.difficulty != ALL]
    assert {each.drawn for each in bins} == {1, 2, 3, 4}
    assert {each.drawn for each in curves if each.difficulty == ALL} == set(range(1, 9))
    for each in bins:
        if each.drawn == 1:  # by the same samples, the easiest bin would be at 90 %, the hardest at 10
            assert each.accuracy == pytest.approx(0.48, abs=0.12)
    told = [each for each in matches(small, large, 3.0, (0.1,)) if each.difficulty != ALL]
    assert {each.drawn for each in told} == {4}
