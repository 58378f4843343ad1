"""`ttc train`: how the work goes on stderr, and what came of it as tables on stdout."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from ttcli.bench.execute.runner import WorkProgress
from ttcli.bench.figures.numbers import bounds, p_value, percent, points, points_between, to_tell
from ttcli.bench.store.task import Task
from ttcli.seams import Display
from ttcli.terminal import words
from ttcli.terminal.bench import BenchState, bench_display
from ttcli.terminal.columns import Column, fitted, table
from ttcli.terminal.marks import UNICODE, Marks
from ttcli.terminal.runs import stdout_marks, stdout_width
from ttcli.terminal.tables import WIDTH
from ttcli.train.card import Trained
from ttcli.train.drawing import Stage
from ttcli.train.evaluation import Evaluation, Measured
from ttcli.train.fit import FOLDS
from ttcli.train.labels import Labelled

EVERY = 10.0  # seconds between two lines about the same kind of work


class TrainDisplay:
    """Solutions being drawn as `ttc bench` shows them; a line now and then for everything else.

    Args:
        stream: None shows nothing.
        task: that draws the solutions.
        problems: whose solutions are drawn.
        expected: tokens to sample for them, more or less.
    """

    def __init__(
        self,
        stream: TextIO | None,
        task: Task,
        problems: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        expected: float | None = None,
    ) -> None:
        self._stream = stream
        self._state = BenchState(problems, task)
        self._state.expected = expected
        self._clock = clock
        self._stack = ExitStack()
        self._bench: Display[WorkProgress] | None = None
        self._told = ("", 0.0)  # what a line was written about last, and when

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def show(self, progress: WorkProgress | Stage) -> None:
        """Take note of what happened, and tell it if it is time to."""
        if self._stream is None:
            return
        if isinstance(progress, Stage):
            self._tell(progress)
            return
        if self._bench is None:
            self._bench = self._stack.enter_context(bench_display("auto", self._stream, self._state))
        self._bench.show(progress)

    def _tell(self, stage: Stage) -> None:
        what, when = self._told
        if what == stage.what and self._clock() - when < EVERY and stage.done < stage.total:
            return
        self._told = stage.what, self._clock()
        self._line(f"{stage.what}: {stage.done:,} of {stage.total:,}")

    def _line(self, text: str) -> None:
        if self._stream is not None:
            self._stack.close()  # a panel and lines do not share a terminal
            self._stream.write(f"{text}\n")
            self._stream.flush()


def verifier_lines(trained: Trained, path: Path) -> list[str]:
    """A trained head: what it was made from, what cross-validation said, what it is worth on held-out problems."""
    width, marks = stdout_width(), stdout_marks()
    return apart(
        header(trained, path, marks=marks),
        *([layer_table(trained, width=width, marks=marks)] if trained.tried else []),
        way_table(trained, width=width, marks=marks),
        *judgement_parts(trained.judgement, width=width, marks=marks),
    )


def apart(*parts: Sequence[str]) -> list[str]:
    """The lines of some parts, an empty one between two of them."""
    return [line for part in parts for line in ("", *part)][1:]


def judgement_parts(
    judgement: Evaluation, more: Sequence[str] = (), *, width: int = WIDTH, marks: Marks = UNICODE
) -> list[list[str]]:
    """What a verifier is worth on held-out problems; `more`: lines behind its figures."""
    return [
        figure_table(judgement, width=width, marks=marks),
        *([[*more]] if more else []),
        reliability_table(judgement, width=width, marks=marks),
        vote_table(judgement, width=width, marks=marks),
        [verdict(judgement)],
    ]


def header_lines(facts: Mapping[str, str], marks: Marks) -> list[str]:
    """Facts under each other, by their names."""
    return [f"{name:9}{marks.line(fact)}" for name, fact in facts.items()]


def header(trained: Trained, path: Path, *, marks: Marks = UNICODE) -> list[str]:
    """What the head is for, where it is, and on what it stands."""
    card = trained.head.card
    facts = {
        "head": f"{path}",
        "model": f"{card['model']}, {_looks_at(trained)}",
        "data": _origin(card),
        "trained": _counted(trained.train),
        "held out": _counted(trained.held_out),
    }
    return header_lines(facts, marks)


def layer_table(trained: Trained, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """The best of every layer by cross-validation; the one that was taken is marked."""
    tried = trained.tried
    columns = [
        Column("layer", [f"{trial.layer}" for trial in tried]),
        Column("fitted", [str(trial.recipe) for trial in tried], left=True),
        Column("score", [trial.aggregation for trial in tried], left=True),
        Column("log loss of the vote", [f"{trial.quality.loss:.3f}" for trial in tried]),
        Column("AUC within a problem", [f"{trial.within:.3f}" for trial in tried]),
        Column("over all", [f"{trial.across:.3f}" for trial in tried]),
        Column("", ["taken" if trial is trained.chosen else "" for trial in tried], left=True),
    ]
    return [f"cross-validation, {FOLDS} folds of the training problems", "", *table(columns, width, marks)]


def way_table(trained: Trained, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """What is seen, what the states say, and what both come to, down to each quarter of the steps."""
    added = trained.added
    quarters = [
        Column(f"at {25 * (number + 1)} %", [_or_dash(each.depths[number]) for each in added]) for number in range(4)
    ]
    columns = [
        Column("looks at", [_WAYS[each.way.kind] for each in added], left=True),
        Column("log loss", [f"{each.way.quality.loss:.3f}" for each in added]),
        Column("weighted vote", [percent(each.way.quality.vote) for each in added]),
        *quarters,
        Column("", ["taken" if each.way.kind == trained.way.kind else "" for each in added], left=True),
    ]
    title = "cross-validation: the vote, and the AUC within a problem at parts of the steps"
    return [title, "", *table(columns, width, marks)]


_WAYS = {"visible": "what is seen", "states": "states", "several layers": "several layers", "both": "both"}


def _or_dash(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _looks_at(trained: Trained) -> str:
    """What the head goes by."""
    if trained.way.kind == "states" and trained.chosen:
        return f"layer {trained.chosen.layer}, {trained.chosen.recipe}, {trained.chosen.aggregation}"
    layers = ", ".join(str(part.layer) for part in trained.way.parts)
    states = f"states of layers {layers}" if layers else ""
    seen = "" if trained.way.kind == "several layers" else "what is seen of solutions"
    return " and ".join(part for part in (seen, states) if part)


def figure_table(judgement: Evaluation, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """How well scores rank, and how well they are calibrated."""
    figures = {
        "AUC within a problem": judgement.within,
        "AUC over all solutions": judgement.across,
        "Brier score": judgement.brier,
        "calibration error": judgement.calibration,
    }
    columns = [
        Column("held-out problems", [*figures], left=True),
        Column("value", [_value(figure) for figure in figures.values()]),
        Column("95 % interval", [_interval(figure) for figure in figures.values()]),
        Column("problems", [f"{figure.problems:,}" for figure in figures.values()]),
    ]
    return table(columns, width, marks)


def reliability_table(judgement: Evaluation, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """What scores promise, and what becomes of the solutions."""
    bins = judgement.bins
    columns = [
        Column("score", [f"{each.low:.1f} to {each.high:.1f}" for each in bins], left=True),
        Column("solutions", [f"{each.solutions:,}" for each in bins]),
        Column("mean score", [percent(each.score) for each in bins]),
        Column("right", [percent(each.right) for each in bins]),
    ]
    return table(columns, width, marks)


def vote_table(judgement: Evaluation, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """The weighted vote against majority, for every number of samples."""
    votes = judgement.votes
    heads = [Column("samples", [f"{vote.samples}" for vote in votes])]
    accuracies = [
        Column("majority", [percent(vote.majority) for vote in votes]),
        Column("interval", [bounds(vote.majority_interval) for vote in votes]),
        Column("weighted", [percent(vote.weighted) for vote in votes]),
        Column("interval", [bounds(vote.weighted_interval) for vote in votes]),
        Column("any right", [percent(vote.any) for vote in votes]),
    ]
    differences = [
        Column("difference", [points(vote.comparison.difference) for vote in votes]),
        Column("interval", [points_between(vote.comparison.interval) for vote in votes]),
        Column("p", [p_value(vote.comparison.p_all) for vote in votes]),
    ]
    lines = fitted(heads, accuracies, differences, width, marks)
    return [f"n = {words.counted(judgement.problems, 'held-out problem')}", "", *lines]


def verdict(judgement: Evaluation) -> str:
    """Whether the head is worth its name."""
    last = judgement.votes[-1]
    found = last.comparison
    size = f"{points(found.difference)} points ({points_between(found.interval)}) with {last.samples} samples"
    if judgement.beats_majority is True:
        return f"beats majority on held-out problems: {size}"
    if judgement.beats_majority is False:
        return f"does not beat majority on held-out problems: {size}"
    number = to_tell(found, judgement.problems)
    more = f"; about {number:,} problems would tell" if number else ""
    return f"does not clearly beat majority on held-out problems: {size}{more}"


def _origin(card: Mapping[str, Any]) -> str:
    """The data set and, where a file had some of the solutions, how many these are."""
    name = str(card["data"]["name"])
    if card["solutions"] is None:
        return name
    given, drawn = (card["train"][origin] + card["held_out"][origin] for origin in ("given", "drawn"))
    others = f", {drawn:,} drawn" if drawn else ""
    return f"{name}, {words.counted(given, 'solution')} of {card['solutions']['name']}{others}"


def _counted(found: Labelled) -> str:
    examples = found.examples.where(found.examples.sampled)
    problems = words.counted(len(set(examples.problem.tolist())), "problem")
    solutions, steps = words.counted(len(examples.problem), "solution"), words.counted(len(examples.labels), "step")
    parts = [f"{problems}, {solutions} ({percent(float(examples.correct.mean()))} right), {steps}"]
    parts += [f"{found.rollouts:,} rollouts"] if found.rollouts else []
    parts += [f"left out for want of an answer: {words.counted(found.silent, 'solution')}"] if found.silent else []
    return "; ".join(parts)


def _value(figure: Measured) -> str:
    return "-" if figure.value is None else f"{figure.value:.3f}"


def _interval(figure: Measured) -> str:
    return "-" if figure.interval is None else f"{figure.interval.low:.3f} to {figure.interval.high:.3f}"
