"""A small model with test-time compute against a larger one, at equal FLOPs of pre-training and inference together.

Training on D_pre tokens takes X = 6 N D_pre, and answering all that a model is ever asked Y = 2 N D_inf. A model with M
times the parameters, which draws n solutions of each problem, takes M (X + n Y), and for as much the small one may draw
k of them, X + k Y = M (X + n Y) (Snell et al. 2024, s. 7):

    k = n M + 3 (M - 1) / R,  R = D_inf / D_pre

A verifier as large as the model makes it Y = 4 N D_inf, which is how the paper's later version reckons: 1.5 for 3.

Bins are cut by the second half of the small model's samples, and what they hold is measured on the first: a problem
that is in the easiest bin by luck has no luck in what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from ttcli.bench.figures.paired import paired
from ttcli.bench.figures.problem import ProblemFigures, first_samples
from ttcli.bench.figures.summary import by_difficulty
from ttcli.bench.store.task import Task
from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.search.methods import parse_method
from ttcli.stats.intervals import SIGNIFICANT, Comparison, Interval

Reckoning = Literal["plain", "verified"]
TRAINING: dict[Reckoning, float] = {"plain": 3.0, "verified": 1.5}  # X / Y at R = 1
ALL = "all"

Winner = Literal["test-time compute", "pre-training", "undecided"]


def allowed(multiple: float, ratio: float, reckoning: Reckoning, *, solutions: float = 1.0) -> float:
    """The solutions that the small model may draw where one `multiple` times as large draws `solutions`.

    Raises:
        ValueError: a model that is no larger, a ratio that is not positive.
    """
    if not (multiple > 1 and 0 < ratio < math.inf):
        raise ValueError(f"no comparison has {multiple=} and {ratio=}")
    return solutions * multiple + TRAINING[reckoning] * (multiple - 1) / ratio


def parse_ratios(text: str) -> tuple[float, ...]:
    """Read `0.1,1,10`.

    Raises:
        UsageError: a part that is no positive number.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 < ratio < math.inf for ratio in found):
        raise UsageError(f"--ratio must be positive numbers, not {text!r}", hint="--ratio 0.1,1,10")
    return tuple(dict.fromkeys(found))


def matched(tasks: Sequence[Task], multiple: float) -> tuple[Task, ...]:
    """Those that a model `multiple` times as large can do while the largest of them pays for as many FLOPs.

    Without training, that is: the small model may draw no less.
    """
    most = max(task.budget.amount for task in tasks)
    return tuple(task for task in tasks if task.budget.amount * multiple <= most)


class Match(NamedTuple):
    """Both models on the problems of a bin, at equal FLOPs."""

    difficulty: str  # the bin, by the small model's own rate of right samples; ALL: all problems
    method: str  # of the small model, with its verifier
    against: str  # what the large one does: method, verifier and budget
    reckoning: Reckoning
    ratio: float  # R
    allowed: float  # solutions of the small model, k
    drawn: int  # as many as were measured, at most k; fewer where k is more than that
    problems: int
    small: float  # accuracy, in [0, 1]
    small_interval: Interval
    large: float
    large_interval: Interval
    comparison: Comparison  # of the small one with the large one
    p: float  # of so large a difference if neither were better

    @property
    def short(self) -> bool:
        """Whether the small model may draw more than was measured: what it falls behind by then is no verdict."""
        return self.drawn < math.floor(self.allowed)

    @property
    def winner(self) -> Winner:
        """What the difference says, if chance hardly makes such a one."""
        if self.p >= SIGNIFICANT:
            return "undecided"
        if self.comparison.difference > 0:
            return "test-time compute"
        return "undecided" if self.short else "pre-training"


class Reach(NamedTuple):
    """The small model in a bin, at a number of solutions."""

    difficulty: str
    method: str
    drawn: int
    problems: int
    accuracy: float


def matches(
    small: Sequence[ProblemFigures], large: Sequence[ProblemFigures], multiple: float, ratios: Sequence[float]
) -> list[Match]:
    """Every method of the small model against everything that the large one does, on problems that both have done."""
    groups = _groups(small, large)
    found = []
    for method, tasks in _methods(small):
        for against in large[0].config.tasks:
            for reckoning in TRAINING:
                for difficulty, pairs, most in groups:
                    known = [task for task in tasks if _samples_of(task) <= most]
                    for ratio in ratios:
                        k = allowed(multiple, ratio, reckoning, solutions=against.budget.amount)
                        task = _within(known, k)
                        if task is not None and (match := _match(pairs, task, against)):
                            told = (difficulty, method, against.key, reckoning, ratio, k, int(task.budget.amount))
                            found.append(Match(*told, *match))
    return found


def reaches(small: Sequence[ProblemFigures], large: Sequence[ProblemFigures]) -> list[Reach]:
    """How far the small model comes with more and more solutions, bin by bin."""
    found = []
    for method, tasks in _methods(small):
        for difficulty, pairs, most in _groups(small, large):
            for task in (task for task in tasks if _samples_of(task) <= most):
                done = [figure.accuracy for one, _ in pairs if (figure := one.figure(task))]
                if done:
                    mean = math.fsum(done) / len(done)
                    found.append(Reach(difficulty, method, int(task.budget.amount), len(done), mean))
    return found


class _Group(NamedTuple):
    """Problems that are compared together."""

    difficulty: str
    pairs: list[tuple[ProblemFigures, ProblemFigures]]
    most: float  # samples of the small model that may be measured


def _groups(small: Sequence[ProblemFigures], large: Sequence[ProblemFigures]) -> list[_Group]:
    """All problems, then those of each bin, as pairs."""
    half = small[0].config.depth // 2
    cut = [
        replace(each, samples=each.samples.part(slice(half, None)))
        for each in small
        if each.samples is not None and len(each.samples) > half
    ]
    measured = {one.position: (first_samples(one, half), other) for one, other in zip(small, large, strict=True)}
    bins = by_difficulty(cut) if half else []
    of_bins = [_Group(name, [measured[each.position] for each in members], half) for _, name, members in bins]
    return [_Group(ALL, list(zip(small, large, strict=True)), math.inf), *of_bins]


def _samples_of(task: Task) -> int:
    """How many of the independent samples a task may have taken for its own; what grows step by step takes none."""
    method = parse_method(task.method)
    if method.stepwise:
        return 0
    sizes = method.parameters.sizes(method.name, task.budget) if method.parameters else {}
    return int(sizes.get("chains") or sizes.get("proposals") or task.budget.amount)


def _methods(figures: Sequence[ProblemFigures]) -> Iterator[tuple[str, list[Task]]]:
    """The methods of a run with all budgets that figures are known for, ascending."""
    config = figures[0].config
    for name in dict.fromkeys(task.name for task in config.tasks):
        tasks = [task for task in config.tasks if task.name == name]
        if tasks[0].pooled:  # any number of the samples makes a vote
            most = max(int(task.budget.amount) for task in tasks)
            tasks = [tasks[0]._replace(budget=Budget(n)) for n in range(1, most + 1)]
        yield name, sorted(tasks, key=lambda task: task.budget.amount)


def _within(tasks: Sequence[Task], k: float) -> Task | None:
    """The one with the largest budget that k solutions pay for."""
    return next((task for task in reversed(tasks) if task.budget.amount <= k), None)


def _match(
    pairs: Sequence[tuple[ProblemFigures, ProblemFigures]], task: Task, against: Task
) -> tuple[int, float, Interval, float, Interval, Comparison, float] | None:
    pair = paired((one.figure(task), other.figure(against)) for one, other in pairs)
    return (*pair, pair.comparison.p_all) if pair else None


def check_tasks(tasks: Sequence[Task]) -> None:
    """Make sure that solutions can be counted.

    Raises:
        UsageError: a budget that is none of generations, or a method that draws as many whatever the budget.
    """
    for task in tasks:
        if task.budget.unit is not Unit.GENERATIONS or task.budget.shared:
            raise UsageError("equal FLOPs are reckoned in generations of each problem", hint="--budget 1,4,16")
        if parse_method(task.method).generations is not None:
            raise UsageError(f"{task.method} has no use for more compute", hint="--method majority")
