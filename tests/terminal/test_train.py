from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from train.fakes import RIGHT, WRONG, Class, given, make_spec
from train.synthetic import QUICK

from ttcli.stats.intervals import Comparison, Interval
from ttcli.terminal.marks import ASCII
from ttcli.terminal.train import (
    TrainDisplay,
    figure_table,
    header,
    layer_table,
    reliability_table,
    verdict,
    vote_table,
    way_table,
)
from ttcli.train.card import Trained
from ttcli.train.drawing import Stage
from ttcli.train.evaluation import Bin, Evaluation, Measured, Votes
from ttcli.train.spec import TrainSpec
from ttcli.train.verifier import train_verifier

WIDE = Interval(0.1, 0.3)
SMALL = Interval(-0.01, 0.09)
FIGURE = Measured(0.7012, Interval(0.65, 0.75), 30)
SPEC = make_spec(20, held_out=(0, 3, 7, 8, 11, 19))


def votes(difference: float, interval: Interval) -> Votes:
    comparison = Comparison(difference, interval, 9, 3, 0.146, 0.146)
    return Votes(8, 0.2, WIDE, 0.2 + difference, WIDE, 0.55, comparison)


def judgement(difference: float = 0.04, interval: Interval = SMALL) -> Evaluation:
    bins = (Bin(0.0, 0.1, 12, 0.05, 0.0), Bin(0.9, 1.0, 1200, 0.95, 0.875))
    nothing = Measured(None, None, 0)
    return Evaluation(60, 1212, 0.3, FIGURE, nothing, FIGURE, FIGURE, bins, (votes(difference, interval),))


def train(path: Path, spec: TrainSpec) -> Trained:
    with Class(path, spec).collection() as (store, collection):
        [*collection.go()]
        *_, found = train_verifier(store, spec, collection.parts, collection.layers, recipes=QUICK)
    assert isinstance(found, Trained)
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("spec") / "s.db", SPEC)


def test_what_each_way_of_looking_adds_is_told_and_one_is_taken(trained: Trained) -> None:
    lines = way_table(trained, width=120)
    rows = lines[4:]
    assert [row.strip().split("  ")[0] for row in rows] == ["what is seen", "states", "several layers", "both"]
    assert sum("taken" in row for row in rows) == 1
    assert all(part in lines[2] for part in ("log loss", "weighted vote", "at 25 %", "at 100 %"))


def test_the_header_names_what_a_head_looks_at(trained: Trained) -> None:
    told = {}
    for each in trained.added:
        lines = header(replace(trained, way=each.way), Path("tiny.safetensors"))
        told[each.way.kind] = next(line for line in lines if line.startswith("model"))
    assert "what is seen of solutions" in told["visible"]
    assert "layer 4" in told["states"]
    assert "states of layers" in told["several layers"]
    assert "what is seen of solutions and states of layers" in told["both"]


def test_the_header_says_what_the_head_is_and_on_what_it_stands(trained: Trained) -> None:
    lines = header(trained, Path("heads/tiny.safetensors"))
    assert [line.split()[0] for line in lines] == ["head", "model", "data", "trained", "held"]
    assert lines[0] == "head     heads/tiny.safetensors"
    assert lines[1].startswith("model    scripted, layer 4, linear, C = ")
    assert lines[2] == "data     data.jsonl"
    assert "left out for want of an answer" in lines[3]
    assert all("problem" in line and "solution" in line and "step" in line for line in lines[3:])


@pytest.mark.parametrize("given_ones", [2, 20])
def test_the_header_says_how_many_solutions_a_file_had_and_how_many_were_drawn(tmp_path: Path, given_ones: int) -> None:
    spec = replace(SPEC, solutions=given({at: [RIGHT, WRONG] for at in range(given_ones)}))
    found = train(tmp_path / "s.db", spec)
    total = len(found.train.examples.problem) + len(found.held_out.examples.problem)
    rest = f", {total - 4} drawn" if given_ones == 2 else ""
    assert header(found, Path("h"))[2] == f"data     data.jsonl, {2 * given_ones} solutions of rollouts.jsonl{rest}"


def test_every_layer_has_a_line_and_one_was_taken(trained: Trained) -> None:
    lines = layer_table(trained)
    assert lines[0] == "cross-validation, 5 folds of the training problems"
    assert [line.split()[0] for line in lines[4:]] == ["2", "4"]
    assert [line.endswith("taken") for line in lines[4:]] == [False, True]


def test_figures_have_intervals_and_what_cannot_be_measured_a_dash() -> None:
    assert figure_table(judgement())[2:] == [
        "AUC within a problem        -               -         0",
        "AUC over all solutions  0.701  0.650 to 0.750        30",
        "Brier score             0.701  0.650 to 0.750        30",
        "calibration error       0.701  0.650 to 0.750        30",
    ]


def test_reliability_sets_scores_beside_what_came_of_them() -> None:
    assert reliability_table(judgement(), marks=ASCII)[2:] == [
        "0.0 to 0.1         12       5.0 %   0.0 %",
        "0.9 to 1.0      1,200      95.0 %  87.5 %",
    ]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_votes_fit_the_width(width: int) -> None:
    lines = vote_table(judgement(), width=width)
    assert lines[0] == "n = 60 held-out problems"
    assert max(map(len, lines)) <= width
    assert any("0.146" in line for line in lines)


def test_the_verdict_says_what_was_shown_and_no_more() -> None:
    better = verdict(judgement(0.04, Interval(0.01, 0.07)))
    assert better == "beats majority on held-out problems: +4.0 points (+1.0 to +7.0) with 8 samples"
    worse = verdict(judgement(-0.01, Interval(-0.04, 0.02)))
    assert worse == "does not beat majority on held-out problems: -1.0 points (-4.0 to +2.0) with 8 samples"
    unclear = verdict(judgement(0.04, Interval(-0.01, 0.09)))
    assert unclear.startswith("does not clearly beat majority on held-out problems: +4.0 points (-1.0 to +9.0)")
    assert unclear.endswith(" problems would tell")


# -- how the work goes


def show(stream: io.StringIO | None, *progress: object, every: float = 0.0) -> None:
    times = iter(range(1000))
    with TrainDisplay(stream, SPEC.task, 20, clock=lambda: next(times) * every) as screen:
        for each in progress:
            screen.show(each)  # type: ignore[arg-type]


def test_a_kind_of_work_is_told_as_it_begins_and_as_it_ends() -> None:
    stream = io.StringIO()
    show(stream, *(Stage("solutions read", done, 9) for done in range(1, 10)), Stage("layers tried", 1, 6))
    assert stream.getvalue().splitlines() == [
        "solutions read: 1 of 9",
        "solutions read: 9 of 9",
        "layers tried: 1 of 6",
    ]


def test_long_work_is_told_now_and_then() -> None:
    stream = io.StringIO()
    show(stream, *(Stage("rollouts drawn", done, 1000) for done in range(1, 8)), every=4.0)
    assert 3 <= len(stream.getvalue().splitlines()) <= 5


def test_problems_are_told_as_a_bench_tells_them(tmp_path: Path) -> None:
    stream = io.StringIO()
    with Class(tmp_path / "s.db", make_spec()).collection() as (_, collection):
        show(stream, *collection.go())
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["1/20", "2/20", "3/20", "4/20"]


def test_nothing_is_told_where_nobody_looks() -> None:
    show(None, Stage("solutions read", 1, 9))
