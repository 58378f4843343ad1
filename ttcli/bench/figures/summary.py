"""The figures of a run over all its problems: accuracy with its interval, cost, and what is better than what."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from ttcli.bench.figures.paired import paired
from ttcli.bench.figures.problem import ProblemFigures, Spending, check_graded, load_figures
from ttcli.bench.figures.revisions import RevisionStep, revision_steps
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.store import LoadRow, Run, Store
from ttcli.bench.store.task import SHARED, Task
from ttcli.cost import Budget
from ttcli.solution import Ended
from ttcli.stats.intervals import Comparison, Interval, wilson
from ttcli.stats.subsets import GradedSamples, consistency, coverage, random_pick

COVERAGE = "any correct"  # what a verifier that knows would reach: the oracle
ALL_CORRECT = "all correct"  # pass^n, as COVERAGE is pass@n
RANDOM = "random pick"
DIFFICULTY_BINS = 5


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A method with a budget, over problems."""

    name: str  # the method and its verifier, or COVERAGE, ALL_CORRECT or RANDOM
    budget: Budget
    problems: int  # that it is done on, the failed ones included
    accuracy: float  # in [0, 1]
    interval: Interval  # Wilson, 95 %
    spending: Spending  # per problem
    against: Comparison | None  # with the baseline at the same budget; None: it is the baseline, or that is missing
    cut: float = 0.0  # part of the problems without an answer because what was drawn ran into the token limit

    @property
    def key(self) -> str:
        """Method, verifier and budget."""
        return f"{self.name.removesuffix(SHARED)}@{self.budget}"


@dataclass(frozen=True, slots=True)
class Group:
    """Problems that have something in common."""

    kind: str  # level, subject or difficulty
    name: str
    problems: int
    lines: tuple[SummaryLine, ...]  # at each method's largest budget


@dataclass(frozen=True, slots=True)
class Revisions:
    """What revising did in a method with a budget, over the problems that are done."""

    task: str  # key
    steps: tuple[RevisionStep, ...]


class ChosenWays(NamedTuple):
    """What a task that chooses a method came to choose."""

    task: str  # its key
    method: str
    problems: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run as its tables tell it."""

    run: Run
    problems: int  # of the run
    done: int  # with all tasks done or failed
    failed: int  # with a task that failed
    samples: int  # independent ones, those of problems in work included
    silent: float  # part of the samples of problems that are done without an answer
    truncated: float  # part of these that ran into the token limit
    lines: tuple[SummaryLine, ...]  # by method in order of the command, then COVERAGE and so on; each by budget
    groups: tuple[Group, ...]
    fill: float | None  # part of the places in the batch that were taken, while problems waited; None: not known
    ungraded: int = 0  # answers that it could not be found out of whether they are right: they count as wrong
    chosen: tuple[ChosenWays, ...] = ()  # by tasks that choose, in their order; the most frequent first
    revisions: tuple[Revisions, ...] = ()  # by task

    @property
    def headline(self) -> SummaryLine | None:
        """The first method at its largest budget; None where nothing is done."""
        named = [line for line in self.lines if line.name == self.run.config.tasks[0].name]
        return named[-1] if named else None


def summarise(store: Store, run: Run) -> Summary:
    """All figures of a run, from the store alone."""
    return summary_of(run, load_figures(store, run), store.loads(run))


def summary_of(run: Run, figures: Sequence[ProblemFigures], loads: Sequence[LoadRow] = ()) -> Summary:
    """All figures of a run, from those of its problems that are done: samples that ended early are no fair draw."""
    check_graded(run, figures)
    config = run.config
    done = [problem for problem in figures if all(problem.figure(task) for task in config.tasks)]
    facts = [fact for problem in done for fact in problem.facts]
    return Summary(
        run=run,
        problems=len(figures),
        done=len(done),
        failed=sum(bool(problem.failed) for problem in figures),
        samples=sum(len(problem.facts) for problem in figures),
        silent=_share(fact.answer is None for fact in facts),
        truncated=_share(fact.ended is Ended.LENGTH for fact in facts),
        lines=tuple(_lines(config, done, curve_tasks(config))),
        groups=tuple(_groups(config, done)),
        fill=fill(loads),
        ungraded=sum(each.ungraded for each in done),
        chosen=tuple(_chosen(config, done)),
        revisions=tuple(_revisions(config, done)),
    )


def curve_tasks(config: RunConfig) -> list[Task]:
    """The tasks of a run, and its votes at n = 1, 2, 4 ... too: these cost nothing more."""
    tasks: list[Task] = []
    for name in dict.fromkeys(task.name for task in config.tasks):
        own = [task for task in config.tasks if task.name == name]
        if pooled := [task for task in own if task.pooled]:
            most = max(int(task.budget.amount) for task in pooled)
            amounts = {2**power for power in range(int(math.log2(most)) + 1)}
            amounts |= {int(task.budget.amount) for task in pooled}
            own = [task for task in own if not task.pooled]
            own += [pooled[0]._replace(budget=Budget(amount)) for amount in amounts]
        tasks += sorted(own, key=lambda task: (task.budget.unit, task.budget.amount))
    return tasks


def _revisions(config: RunConfig, figures: Sequence[ProblemFigures]) -> Iterator[Revisions]:
    for task in config.tasks:
        settled = [problem.settled[task.key] for problem in figures if task.key in problem.settled]
        if steps := revision_steps([each.attempts for each in settled]):
            yield Revisions(task.key, steps)


def fill(loads: Iterable[LoadRow]) -> float | None:
    """The part of the places that were taken in the decodes made while problems still waited."""
    busy = [load for load in loads if load.waiting and load.decodes]
    places = sum(load.decodes * load.width for load in busy)
    return sum(load.rows for load in busy) / places if places else None


def _lines(config: RunConfig, figures: Sequence[ProblemFigures], tasks: Sequence[Task]) -> list[SummaryLine]:
    lines = []
    for task in tasks:
        base = _baseline(config, task)
        lines.append(_line(figures, task, base if base != task else None))
    budgets = sorted({int(task.budget.amount) for task in tasks if task.pooled})
    lines += [_reading(figures, COVERAGE, n, partial(coverage, n=n)) for n in budgets]
    lines += [_reading(figures, ALL_CORRECT, n, partial(consistency, n=n)) for n in budgets if n > 1]
    lines += [_reading(figures, RANDOM, 1, random_pick)] if budgets else []
    return [line for line in lines if line.problems]


def _chosen(config: RunConfig, figures: Sequence[ProblemFigures]) -> Iterator[ChosenWays]:
    for task in config.tasks:
        settled = (problem.settled.get(task.key) for problem in figures)
        counts = Counter(each.chose for each in settled if each and each.chose)
        yield from (ChosenWays(task.key, method, problems) for method, problems in counts.most_common())


def _baseline(config: RunConfig, task: Task) -> Task:
    """What a task is compared with: the baseline at the same budget; a shared one, with as much for each problem."""
    base = Task(*next(other[:2] for other in config.tasks if other.name == config.baseline), task.budget)
    alone = base._replace(budget=replace(task.budget, shared=False))
    return alone if alone in config.tasks else base


def _line(figures: Sequence[ProblemFigures], task: Task, baseline: Task | None) -> SummaryLine:
    found = [(problem.figure(task), problem.figure(baseline) if baseline else None) for problem in figures]
    done = [figure for figure, _ in found if figure]
    pair = paired(found)
    return _made(
        task.name,
        task.budget,
        [each.accuracy for each in done],
        [each.spending for each in done],
        pair and pair.comparison,
        math.fsum(each.cut for each in done),
    )


def _reading(
    figures: Sequence[ProblemFigures], name: str, n: int, value: Callable[[GradedSamples], float]
) -> SummaryLine:
    """A line that is read off the samples and is no method; problems that failed before n samples count as wrong."""
    accuracies, spending = [], []
    for problem in figures:
        if problem.samples is not None and len(problem.samples) >= n:
            accuracies.append(value(problem.samples))
            spending.append(problem.spending(n))
        elif problem.failed:
            accuracies.append(0.0)
            spending.append(Spending())
    return _made(name, Budget(n), accuracies, spending, None)


def _made(
    name: str,
    budget: Budget,
    accuracies: list[float],
    spending: list[Spending],
    against: Comparison | None,
    cut: float = 0.0,
) -> SummaryLine:
    n = len(accuracies)
    total = math.fsum(accuracies)
    mean = Spending(*(math.fsum(column) / n for column in zip(*spending, strict=True))) if n else Spending()
    interval = wilson(min(total, n), n) if n else Interval(0.0, 1.0)
    return SummaryLine(name, budget, n, total / n if n else 0.0, interval, mean, against, cut / n if n else 0.0)


def _groups(config: RunConfig, figures: Sequence[ProblemFigures]) -> list[Group]:
    largest = {task.name: task for task in sorted(config.tasks, key=lambda task: task.budget.amount)}
    tasks = [largest[name] for name in dict.fromkeys(task.name for task in config.tasks)]
    groups = []
    for kind, name, members in [*_labelled(figures), *by_difficulty(figures)]:
        groups.append(Group(kind, name, len(members), tuple(_lines(config, members, tasks))))
    return groups


def _labelled(figures: Sequence[ProblemFigures]) -> list[tuple[str, str, list[ProblemFigures]]]:
    """By the labels of the data set, where it has more than one."""
    found = []
    labels: dict[str, Callable[[ProblemFigures], str | None]] = {
        "level": lambda each: each.row.level,
        "subject": lambda each: each.row.subject,
    }
    for kind, label in labels.items():
        names = sorted({name for problem in figures if (name := label(problem)) is not None})
        if len(names) > 1:
            found += [(kind, name, [problem for problem in figures if label(problem) == name]) for name in names]
    return found


def by_difficulty(figures: Sequence[ProblemFigures]) -> list[tuple[str, str, list[ProblemFigures]]]:
    """Five bins of equal size by the part of the samples that are right (Snell et al., s. 3.2): 1 is the easiest."""
    rated = [problem for problem in figures if problem.samples]
    if len(rated) < 2 * DIFFICULTY_BINS:
        return []
    rated.sort(key=lambda each: -random_pick(each.samples) if each.samples else 0.0)
    edges = [round(number * len(rated) / DIFFICULTY_BINS) for number in range(DIFFICULTY_BINS + 1)]
    bins = [rated[low:high] for low, high in pairwise(edges)]
    return [("difficulty", _range(number, members), members) for number, members in enumerate(bins, 1)]


def _range(number: int, members: Sequence[ProblemFigures]) -> str:
    rates = [random_pick(member.samples) for member in members if member.samples]
    return f"{number} ({100 * min(rates):.0f} to {100 * max(rates):.0f} %)"


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else 0.0
