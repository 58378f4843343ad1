from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.collections import LineCollection, PolyCollection

from bench.builder import make_line, make_run, make_summary
from ttcli.bench.figures.summary import COVERAGE, RANDOM, Summary, SummaryLine, summarise
from ttcli.bench.report.canvas import drawing
from ttcli.bench.report.plots import accuracy_figure, accuracy_plot, cost_figure, fill_figure, svg_text
from ttcli.bench.store.store import LoadRow, Store
from ttcli.errors import TtcError, UsageError

LINES = [
    *(make_line("majority", n, right) for n, right in (("1", 43), ("2", 46), ("4", 55))),
    *(make_line("best-of-n[judge]", n, right) for n, right in (("1", 43), ("2", 54), ("4", 62))),
    make_line("adaptive", "4", 50),
    *(make_line(COVERAGE, n, right) for n, right in (("1", 43), ("2", 62), ("4", 80))),
    make_line(RANDOM, "1", 43),
]


def texts(svg: str) -> list[str]:
    """What an SVG has to read."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def drawn(lines: Sequence[SummaryLine], **options: Any) -> list[str]:
    return texts(svg_text(accuracy_figure([make_summary(lines, **options)]), "a", "says"))


def test_the_plot_names_methods_budgets_model_data_and_problems() -> None:
    said = drawn(LINES)
    assert {"majority", "best-of-n[judge]", "adaptive", COVERAGE, RANDOM} <= {*said}
    assert {"1", "2", "4", "budget in generations", "tiny, gsm8k-like.jsonl, 100 problems"} <= {*said}
    assert said.index("adaptive") < said.index(COVERAGE) < said.index(RANDOM)


@pytest.mark.parametrize(("suffix", "begin"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")])
def test_the_suffix_decides_the_kind(tmp_path: Path, suffix: str, begin: bytes) -> None:
    path = tmp_path / f"plot{suffix}"
    accuracy_plot([make_summary(LINES)], path)
    assert path.read_bytes().startswith(begin)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["plot.pdf", "plot", "plot.svg.gz"])
def test_another_suffix_is_an_error_with_a_hint(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"neither \.png nor \.svg") as error:
        accuracy_plot([make_summary(LINES)], tmp_path / name)
    assert error.value.hint
    assert error.value.hint.endswith(".svg")
    assert not [*tmp_path.iterdir()]


def test_a_file_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(TtcError, match="cannot write") as error:
        accuracy_plot([make_summary(LINES)], tmp_path / "nowhere" / "plot.svg")
    assert error.value.hint == f"make the folder {tmp_path / 'nowhere'} first"
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(TtcError, match="cannot write"):
        accuracy_plot([make_summary(LINES)], tmp_path / "folder.svg")


def test_a_plot_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        accuracy_plot([make_summary(LINES)], tmp_path / name)
    for suffix in ("svg", "png"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_an_embedded_plot_asks_for_nothing_and_runs_nothing() -> None:
    svg = svg_text(accuracy_figure([make_summary(LINES)]), "acc", 'a "says" <b>')
    assert svg.startswith('<svg role="img" aria-label="a &quot;says&quot; &lt;b&gt;"')
    assert "http" not in svg
    assert "<script" not in svg
    assert "<metadata" not in svg
    assert "currentColor" in svg
    assert "var(--series-0, #0072b2)" in svg
    assert all(name.startswith("acc-") for name in re.findall(r'\bid="([^"]*)"', svg))


def test_names_are_taken_as_they_are() -> None:
    said = drawn([make_line("best-of-n[$a$_b]", "1", 3)], model="_m$x$ 模型 <b>&\x1b[31m")
    assert "best-of-n[$a$_b]" in said
    assert "_m$x$ 模型 &lt;b&gt;&amp;�[31m, gsm8k-like.jsonl, 100 problems" in said


@pytest.mark.parametrize("right", [0, 100])
def test_a_single_point_at_either_end_can_be_drawn(right: int) -> None:
    assert "majority" in drawn([make_line("majority", "1", right)])


def test_nothing_done_says_so() -> None:
    assert "there is nothing to draw yet" in drawn([])
    empty = make_summary([make_line("greedy", "1", 3)], parameters=0)
    assert "there is nothing to draw yet" in texts(svg_text(cost_figure([empty], "flops"), "a", "says"))


def test_budgets_in_other_units_get_axes_of_their_own() -> None:
    said = drawn([*LINES, make_line("majority", "2000tok", 40), make_line("majority", "20000tok", 50)])
    assert {"budget in generations", "budget in tokens", "2,000", "20,000"} <= {*said}
    assert said.count("majority") == 1


def test_lines_on_fewer_problems_say_on_how_many() -> None:
    said = drawn([make_line("majority", "1", 3), make_line("greedy", "1", 3, 40)])
    assert "greedy, n = 40" in said
    assert "tiny, gsm8k-like.jsonl" in said


def label(runs: Sequence[Summary]) -> set[str]:
    return {text for text in texts(svg_text(accuracy_figure(runs), "a", "says")) if text.startswith("majority")}


def test_several_runs_are_told_apart_by_what_differs() -> None:
    line = make_line("majority", "1", 3)
    one, two = make_summary([line]), make_summary([line], model="small")
    assert label([one, two]) == {"majority, tiny", "majority, small"}
    again = replace(one, run=one.run._replace(id="ffffffff"))
    assert label([one, again]) == {f"majority, {one.run.id}", "majority, ffffffff"}
    other = make_summary([line], data="math.jsonl")
    assert label([one, other]) == {"majority, gsm8k-like.jsonl", "majority, math.jsonl"}


def bars(axes: Any) -> list[Any]:
    """The interval bars, one collection for each method that has them."""
    return [each for each in axes.collections if isinstance(each, LineCollection)]


def test_intervals_of_several_methods_are_bars_beside_each_other() -> None:
    budgets = ("1", "2", "4")
    methods = ("majority", "best-of-n[judge]", "best-of-n[head]", "adaptive")
    lines = [make_line(name, budget, 40) for name in methods for budget in budgets]
    [axes] = accuracy_figure([make_summary(lines)]).axes
    found = bars(axes)
    assert len(found) == len(methods)
    assert not [each for each in axes.collections if isinstance(each, PolyCollection)]
    places = [segment[0][0] for each in found for segment in each.get_segments()]
    assert len({round(place, 6) for place in places}) == len(methods) * len(budgets)
    [alone] = accuracy_figure([make_summary(lines[:3])]).axes
    assert not bars(alone)
    assert [each for each in alone.collections if isinstance(each, PolyCollection)]


def test_the_legend_stands_under_the_axes_however_long_the_names() -> None:
    lines = [
        make_line(name, budget, 40) for name in ("majority", f"best-of-n[{'long-' * 90}]") for budget in ("1", "4")
    ]
    figure = accuracy_figure([make_summary(lines)])
    with drawing("accuracy"):
        figure.draw_without_rendering()
    [legend] = figure.legends
    box, axes = legend.get_window_extent(), figure.axes[0].get_window_extent()
    assert box.y1 < axes.y0
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert axes.height > figure.bbox.height / 3


def test_cost_plots_have_round_ticks() -> None:
    summary = make_summary(LINES)
    assert {"tokens per problem: prompt, policy and verifier", "200"} <= {
        *texts(svg_text(cost_figure([summary], "tokens"), "a", "says"))
    }
    assert {"FLOPs per problem", "200 G"} <= {*texts(svg_text(cost_figure([summary], "flops"), "a", "says"))}
    assert {"seconds of the machine per problem", "1", "3"} <= {
        *texts(svg_text(cost_figure([summary], "seconds"), "a", "says"))
    }


def test_the_batch_over_time_is_drawn_however_long_it_ran() -> None:
    loads = [LoadRow(at, 5.0, 40, 300, 3, at % 7, 8) for at in range(5000)]
    svg = svg_text(fill_figure(loads), "fill", "says")
    assert len(svg) < 100_000
    assert {"batch in use", "seconds of work", "problems were waiting"} <= {*texts(svg)}
    assert svg_text(fill_figure([]), "fill", "says")


def test_a_run_in_a_store_can_be_plotted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "s.db", 12, others=("adaptive", "greedy"), failed=(3,), undone=(5,))
    with Store(tmp_path / "s.db") as store:
        accuracy_plot([summarise(store, run)], tmp_path / "plot.svg")
    assert "11 problems" in (tmp_path / "plot.svg").read_text()
