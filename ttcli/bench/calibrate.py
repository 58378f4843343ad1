"""From a run over many ways of spending to a profile: how hard problems are told, and what is best for which of them.

A search or chains are measured as auto runs them: after the probes, with what these leave of the budget, and in one
vote. At budgets that the probes use up there are votes alone to choose from.

Difficulty is told from the first samples of each problem and learnt from the others, so that no sample tells of itself.
Bins hold as many problems each, by chances that come from a model which has not seen the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.allocate.difficulty import PROBES, Calibration, calibration, fit_difficulty, probes, quantile_bins, unseen
from ttcli.allocate.headroom import headroom
from ttcli.allocate.marginal import FURTHER, LADDER, Gains, Seen, fit_gains
from ttcli.allocate.optimal import LEVEL, Choice, Outcomes, choose
from ttcli.allocate.profile import Made, Profile
from ttcli.allocate.standing import tallies
from ttcli.answers import is_correct, majority, weighted
from ttcli.bench.figures.candidates import first_candidates
from ttcli.bench.figures.problem import Figure, ProblemFigures, load_figures
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Task
from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.search.best_of_n import scored_by
from ttcli.search.method import Method
from ttcli.search.methods import parse_method
from ttcli.search.parameters import ratios
from ttcli.solution import Candidate
from ttcli.stats.logistic import Array
from ttcli.stats.shrinkage import paired
from ttcli.verifier.spec import VerifierSpec

BASELINE = "majority"
FRUGAL = "adaptive"  # the same vote, ended when it is settled
VOTES = (BASELINE, FRUGAL, "best-of-n")
SEARCHES = ("beam", "beam:m=sqrt", "dvts")
FEWEST = 10  # problems: two in each of five bins
ENOUGH = 100  # problems, to learn what more samples bring


def calibration_tasks(methods: Sequence[str], verifier: str, budgets: str) -> tuple[Task, ...]:
    """Every method with every budget, the simple ones always among them; no methods: all that are worth a try.

    Of these, what cannot work with a budget or the verifier is left out; at budgets up to the probes, all but votes.

    Raises:
        UsageError: an unknown method, verifier or budget, budgets that are no numbers of generations or too small, a
            method that cannot work with one of them or with the verifier.
    """
    amounts = [Budget.parse(part) for part in budgets.split(",")]
    if any(budget.unit is not Unit.GENERATIONS or budget.shared for budget in amounts):
        raise UsageError("a profile is made for budgets in generations of each problem", hint="--budget 4,8,16")
    if max(budget.amount for budget in amounts) <= PROBES:
        raise UsageError(
            f"difficulty is told from {PROBES} samples and learnt from others, and {budgets} leaves none",
            hint="--budget 4,8,16",
        )
    spec = VerifierSpec.parse(verifier)
    named = [_as_it_runs(parse_method(name)) for name in dict.fromkeys([BASELINE, FRUGAL, *methods])]
    for method in named:
        method.check_verifier(str(spec), partial=spec.partial, steps=spec.scores_steps)
        if method.generations is not None:
            raise UsageError(f"{method.name} has no budget to suit", hint="leave it out")
        for budget in amounts:
            if _offered(method, budget):
                method.check(budget)
    named = list(dict.fromkeys(named))
    tasks: list[Task] = []
    for budget in sorted(dict.fromkeys(amounts), key=lambda budget: budget.amount):
        ways = [method for method in named if _offered(method, budget)] if methods else _worth_a_try(budget, spec)
        tasks += [Task(method.name, str(spec) if method.takes_verifier else "", budget) for method in ways]
    order = list(dict.fromkeys(task.method for task in tasks))
    return tuple(sorted(tasks, key=lambda task: (order.index(task.method), task.budget.amount)))


def _as_it_runs(method: Method) -> Method:
    """What auto comes to where this is chosen: votes begin with the probes anyhow, all else comes after them."""
    alone = method.parameters is None or method.then is not None
    return method if alone else parse_method(f"auto:{method.name}")


def _offered(method: Method, budget: Budget) -> bool:
    """Whether there is to be a choice of this at a budget."""
    return method.then is None or budget.amount > PROBES


def _worth_a_try(budget: Budget, spec: VerifierSpec) -> Iterator[Method]:
    left = max(1, int(budget.amount) - PROBES)
    grid = [f"revise:ratio={ratio}" for ratio in ratios(left)[1:]]  # the first revises nothing
    for method in map(_as_it_runs, map(parse_method, (*VOTES, *SEARCHES, *grid))):
        try:
            method.check(budget)
            method.check_verifier(str(spec), partial=spec.partial, steps=spec.scores_steps)
        except UsageError:
            continue
        yield method


def check_number(problems: int) -> None:
    """Make sure, before anything is drawn, that so many problems can make a profile.

    Raises:
        UsageError: there are too few.
    """
    if problems < FEWEST:
        raise _too_few(f"there {'is' if problems == 1 else 'are'} {problems} problem{'s' * (problems != 1)}")


def _too_few(found: str) -> UsageError:
    return UsageError(
        f"{found}, and a profile takes at least {FEWEST}", hint="a larger --limit, or a file with more problems"
    )


class Calibrated(NamedTuple):
    """A profile, and what it rests on."""

    profile: Profile
    trust: Calibration  # of difficulty, on problems that it was not fitted on
    problems: int  # that the choices rest on
    left_out: int  # problems of the run without enough samples, or not done


def calibrate(store: Store, run: Run, *, name: str, when: str, level: float = LEVEL) -> Calibrated:
    """The profile that a run supports.

    Raises:
        UsageError: too few of its problems are done.
    """
    config = run.config
    verifier = next((task.verifier for task in config.tasks if task.verifier), "")
    figures = load_figures(store, run)
    known = [problem for problem in figures if len(problem.facts) > PROBES and all(map(problem.figure, config.tasks))]
    if len(known) < FEWEST:
        raise _too_few(f"{len(known)} of {len(figures)} problems are done")
    drawn = [first_candidates(store, config, each.row.problem.text, verifier, config.depth) for each in known]
    looked = probes([each[:PROBES] for each in drawn])
    right = np.array([_share_right(each) for each in known])
    chances = unseen(looked, right, seed=config.seed)
    bins = quantile_bins(chances)
    outcomes = outcomes_of(known)
    numbers = bins.of(chances)
    choices = choose(outcomes, numbers, bins.count, level=level, seed=config.seed)
    profile = Profile(
        name=name,
        model=config.model,
        model_hash=str(config.recipe["weights"]),
        verifier=verifier,
        verifier_hash=config.verifiers[verifier].key if verifier else "",
        reviser=str((config.revisions or {}).get("reviser") or ""),
        temperature=config.temperature,
        unit=Unit.GENERATIONS,
        baseline=outcomes.baseline,
        made=Made(" ".join(config.command), config.data, len(known), when, config.ttc),
        difficulty=fit_difficulty(looked, right),
        bins=bins,
        choices=tuple(frugal(choices, outcomes, numbers)),
        gains=_gains(known, drawn, chances, verifier=verifier),
        headroom=tuple(headroom(outcomes, numbers, bins.count, frugal=FRUGAL, seed=config.seed)),
    )
    return Calibrated(profile, calibration(chances, right), len(known), len(figures) - len(known))


def _share_right(figures: ProblemFigures) -> float:
    """Of the samples that are no probes."""
    return float(figures.samples.correct[PROBES:].mean()) if figures.samples else 0.0


def outcomes_of(figures: Sequence[ProblemFigures]) -> Outcomes:
    """What the tasks of a run came to on these problems; a way is called as what has the rest after the probes."""
    tasks = figures[0].config.tasks
    names = {task: (parse_method(task.method).then or parse_method(task.method)).name for task in tasks}
    strategies = tuple(dict.fromkeys(names.values()))
    budgets = tuple(sorted({task.budget.amount for task in tasks}))
    by_place = {(name, task.budget.amount): task for task, name in names.items()}

    def measured(value: Callable[[Figure], float]) -> Array:
        cells = np.full((len(figures), len(strategies), len(budgets)), np.nan)
        for row, problem in enumerate(figures):
            for column, strategy in enumerate(strategies):
                for layer, budget in enumerate(budgets):
                    task = by_place.get((strategy, budget))
                    figure = problem.figure(task) if task else None
                    if figure:
                        cells[row, column, layer] = value(figure)
        return cells

    return Outcomes(
        strategies,
        budgets,
        right=measured(lambda figure: figure.accuracy),
        generations=measured(lambda figure: figure.spending.generations),
        tokens=measured(lambda figure: figure.spending.tokens),
        seconds=measured(lambda figure: figure.spending.seconds),
        baseline=BASELINE,
    )


def frugal(choices: Sequence[Choice], outcomes: Outcomes, bins: NDArray[np.intp]) -> list[Choice]:
    """The choices, with the simple way ended as soon as its vote is settled.

    Where problems speak against that, at the budget and over all bins, the simple way stays as it is. What is expected
    of the choice is still told by the simple way, whose accuracy is known with less noise.
    """
    if FRUGAL not in outcomes.strategies:
        return list(choices)
    own, simple = outcomes.strategies.index(FRUGAL), outcomes.strategies.index(BASELINE)
    found = []
    for choice in choices:
        at = outcomes.budgets.index(choice.budget)
        differences = outcomes.right[:, own, at] - outcomes.right[:, simple, at]
        if choice.strategy == BASELINE and paired(differences).bounds(LEVEL).high > 0:
            here = bins == choice.bin
            found.append(
                replace(
                    choice,
                    strategy=FRUGAL,
                    generations=_mean(outcomes.generations[here, own, at]),
                    tokens=_mean(outcomes.tokens[here, own, at]),
                    seconds=_mean(outcomes.seconds[here, own, at]),
                )
            )
        else:
            found.append(choice)
    return found


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def _gains(
    figures: Sequence[ProblemFigures], drawn: Sequence[Sequence[Candidate]], chances: Array, *, verifier: str
) -> Gains | None:
    """What more samples bring to the vote, learnt from these; None: there are too few of them, or of problems."""
    depth = min(map(len, drawn))
    if len(figures) < ENOUGH or depth < FURTHER * LADDER[0]:
        return None
    count = scored_by(weighted) if verifier else majority
    seen = []
    for samples in (rung for rung in LADDER if rung <= depth):
        part = [candidates[:samples] for candidates in drawn]
        ballots = [count(each) for each in part]
        right = [
            is_correct(ballot.leader.answer if ballot.leader else None, figure.row.problem.answer or "")
            for ballot, figure in zip(ballots, figures, strict=True)
        ]
        seen.append(Seen(samples, tallies(ballots, part), np.array(right, np.float64)))
    return fit_gains(seen, chances)
