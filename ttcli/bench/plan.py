"""What a bench is asked to do: methods with verifiers and budgets, and what that will take."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ttcli.bench.execute.runner import open_tasks
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.task import Task
from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.search.method import Method
from ttcli.search.methods import parse_method
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.allocate.profile import Profile

DEFAULT_METHODS = ("majority", "best-of-n")
USUAL_TOKENS = 300  # of a solution, before any has been drawn
_ENOUGH = 8  # samples whose length is believed


def make_tasks(
    methods: Sequence[str],
    verifiers: Sequence[str],
    budgets: str,
    *,
    profile: Profile | None = None,
    fixed: bool = False,
) -> tuple[Task, ...]:
    """Every method with every budget, and with every verifier where it scores; auto with that of its profile.

    `fixed`: what is written as an average is for each problem.

    Raises:
        UsageError: an unknown method, verifier or budget, a verifier that nothing uses, budgets in several units, or
            one that a method cannot work with.
    """
    amounts = [Budget.parse(part) for part in budgets.split(",")]
    amounts = [replace(budget, shared=False) for budget in amounts] if fixed else amounts
    if len({budget.unit for budget in amounts}) > 1:
        raise UsageError(f"budgets of one kind make a curve, {budgets!r} mixes them", hint="--budget 4,16,64")
    chosen = [parse_method(name) for name in methods or DEFAULT_METHODS]
    for method in chosen:
        for budget in amounts:
            method.check(budget)
            if budget.shared and method.vote is None:
                raise UsageError(
                    f"{method.name} has {budget} for each problem alone: only votes over independent samples share",
                    hint="--method majority, or --fixed",
                )
    parsed = [VerifierSpec.parse(name) for name in verifiers]
    for method, spec in itertools.product(chosen, parsed):
        method.check_verifier(str(spec), partial=spec.partial, steps=spec.scores_steps)
    specs = [str(spec) for spec in parsed]
    if specs and not any(method.verified for method in chosen):
        raise UsageError(f"{chosen[0].name} scores nothing, so it has no use for a verifier", hint="--method best-of-n")
    tasks = [
        Task(method.name, verifier, Budget(method.generations) if method.generations else budget)
        for method in chosen
        for verifier in _verifiers(method, specs, profile)
        for budget in sorted(amounts, key=lambda budget: budget.amount)
    ]
    return tuple(dict.fromkeys(tasks))


def _verifiers(method: Method, specs: Sequence[str], profile: Profile | None) -> Sequence[str]:
    """Those that a method is to run with; "" for none."""
    if method.advised is not None:
        return [profile.verifier if profile else ""]
    if method.takes_verifier and specs:
        return specs
    return [method.usual_verifier if method.needs_verifier else ""]


def choose_baseline(tasks: Sequence[Task], wanted: str | None) -> str:
    """The name of the method that the others are compared with: the one wanted, majority, or the first.

    Raises:
        UsageError: the one wanted does not run.
    """
    names = list(dict.fromkeys(task.name for task in tasks))
    if wanted is None:
        return "majority" if "majority" in names else names[0]
    method, bracket, verifier = wanted.partition("[")
    with suppress(UsageError):
        method = parse_method(method).name  # as tasks are called: without settings that say nothing new
    matching = [name for name in names if method + bracket + verifier in (name, name.partition("[")[0])]
    if not matching:
        raise UsageError(f"the baseline {wanted!r} is none of the methods", hint=f"one of {', '.join(names)}")
    return matching[0]


def headline(tasks: Sequence[Task]) -> Task:
    """What a bench is asked about first: its first method, at the largest budget."""
    return max((task for task in tasks if task.name == tasks[0].name), key=lambda task: task.budget.amount)


class Forecast(NamedTuple):
    """What is left to do."""

    problems: int
    samples: int  # at most: methods that stop early draw fewer
    tokens_per_sample: float
    measured: bool  # whether that is the mean of samples drawn before, rather than USUAL_TOKENS

    @property
    def tokens(self) -> float:
        """Tokens to sample, at most."""
        return self.samples * self.tokens_per_sample


def forecast(figures: Sequence[ProblemFigures], max_tokens: int) -> Forecast:
    """What a run has still to draw, from what it has drawn so far.

    Raises:
        UsageError: the budget is not in generations.
    """
    lengths = [fact.tokens for problem in figures for fact in problem.facts]
    measured = len(lengths) >= _ENOUGH
    mean = sum(lengths) / len(lengths) if measured else min(USUAL_TOKENS, max_tokens)
    work = [(problem, open_tasks(problem)) for problem in figures]
    return Forecast(
        sum(bool(tasks) for _, tasks in work), sum(_missing(problem, tasks) for problem, tasks in work), mean, measured
    )


def _missing(problem: ProblemFigures, tasks: Sequence[Task]) -> int:
    """Samples to draw for a problem: votes share a pool, other methods that draw independently use it too."""
    if any(task.budget.unit is not Unit.GENERATIONS for task in tasks):
        raise UsageError("what a budget of tokens or seconds takes, it says itself", hint="--budget 16 for a forecast")
    pooled = max((int(task.budget.amount) for task in tasks if task.pooled), default=0)
    others = sum(int(task.budget.amount) for task in tasks if not task.pooled)
    return max(pooled - len(problem.facts), 0) + others
