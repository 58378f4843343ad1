"""What a method is: a way to spend a budget on a problem, and who advises the one that lets itself be advised."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

from ttcli.cost import Budget, Meter, Unit
from ttcli.errors import UsageError
from ttcli.events import Event, MethodChosen
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.parameters import ChainParameters, HalfParameters, TreeParameters, ratios
from ttcli.search.probe import ProbeParameters
from ttcli.search.short import ShortParameters
from ttcli.solution import Candidate

PROBES = 4  # samples that auto draws first; difficulty is told from them

Plain = Callable[..., Iterator[Event]]  # (problem, policy, meter, *, seed, **sizes)
VoteRule = Literal["majority", "weighted", "best"]
Verified = Callable[..., Iterator[Event]]  # (problem, policy, verifier, meter, *, seed, **sizes)
Advised = Callable[..., Iterator[Event]]  # (problem, policy, verifier, meter, *, seed, adviser)


class Demand(NamedTuple):
    """What runs hold in a policy's context beside the texts that grow, and how they ask for revisions."""

    beams: int = 0  # prefixes side by side; 0: candidates are drawn in one go
    attempts: int = 0  # earlier solutions that a prompt shows at most; 0: there are no revisions
    silent: bool = False  # whether there are revisions that are not told which step is in doubt
    told: bool = False  # whether there are some that are
    stepwise: bool = False  # whether prefixes are scored step by step, and given up by that

    def joined(self, other: Demand) -> Demand:
        """What is enough for both."""
        return Demand(
            max(self.beams, other.beams),
            max(self.attempts, other.attempts),
            self.silent or other.silent,
            self.told or other.told,
            self.stepwise or other.stepwise,
        )


NO_DEMAND = Demand()


@dataclass(frozen=True, slots=True)
class Method:
    """A way to spend a budget on a problem."""

    name: str  # with the settings that are not the usual ones
    summary: str
    plain: Plain | None = None  # without a verifier; at least one of the three
    verified: Verified | None = None
    advised: Advised | None = None  # an adviser says how, and with which verifier
    vote: VoteRule | None = None  # of a method that votes over the first n of independent samples, whatever n is
    generations: int | None = None  # that it draws, whatever the budget; None: as many as that allows
    parameters: TreeParameters | ChainParameters | HalfParameters | ShortParameters | ProbeParameters | None = (
        None  # how it is set; None: there is nothing to set
    )
    attempts: int = 0  # earlier solutions that its prompts show at most
    then: Method | None = None  # what has the rest of the budget after the probes; None: it draws no probes first

    @property
    def needs_verifier(self) -> bool:
        """Whether it cannot do without scores."""
        return (self.plain is None or self.tells) and self.advised is None

    @property
    def tells(self) -> bool:
        """Whether a revision is told which step is in doubt."""
        parameters = self.then.parameters if self.then is not None else self.parameters
        return isinstance(parameters, ChainParameters) and parameters.tell is not None

    @property
    def usual_verifier(self) -> str:
        """What scores where it cannot do without and nobody says what: to be told, a step must be wrong for sure."""
        return "arithmetic" if self.tells else "confidence"

    @property
    def takes_verifier(self) -> bool:
        """Whether it has a use for scores."""
        return self.verified is not None or self.advised is not None

    @property
    def stepwise(self) -> bool:
        """Whether it draws and scores step by step, down a tree."""
        if self.then is not None:
            return self.then.stepwise
        return self.parameters is not None and self.parameters.stepwise

    @property
    def by_chains(self) -> bool:
        """Whether its chains have one vote each, rather than their solutions."""
        return isinstance(self.parameters, ChainParameters)

    @property
    def _base(self) -> str:
        return self.name.partition(":")[0]

    def beams(self, budget: Budget) -> int:
        """Prefixes that it holds and that grow side by side; 0: candidates are drawn in one go.

        Raises:
            UsageError: it cannot work with this budget.
        """
        if self.then is not None:
            way, size = self._after_probes(budget)
            return way.beams(size)
        return self.parameters.beside(self._base, budget) if self.parameters is not None else 0

    def fitted(self, left: Budget) -> tuple[Method, Budget] | None:
        """This method with the largest budget, up to what is left, that it can work with; None: there is none.

        Chains of revisions get the nearest ratio, and rather longer ones, that makes whole chains of all that is left.
        """
        counted = left.unit is Unit.GENERATIONS
        method = self._divided(int(left.amount)) if counted else self
        sizes = range(int(left.amount), 0, -1) if counted else [left.amount] * (left.amount > 0)
        for amount in sizes:
            budget = replace(left, amount=amount)
            try:
                method.check(budget)
            except UsageError:
                continue
            return method, budget
        return None

    def _divided(self, generations: int) -> Method:
        parameters = self.parameters
        if not isinstance(parameters, ChainParameters) or parameters.ratio is None or not generations:
            return self
        wanted = math.log(parameters.ratio)
        nearest = min(ratios(generations), key=lambda ratio: (abs(math.log(ratio) - wanted), -ratio))
        return replace(self, parameters=replace(parameters, ratio=nearest))

    def _after_probes(self, budget: Budget) -> tuple[Method, Budget]:
        """What has the rest of a budget, and how much of it.

        Raises:
            UsageError: the rest is nothing that it could work with.
        """
        assert self.then is not None
        if budget.unit is not Unit.GENERATIONS:
            self.then.check(budget)
            return self.then, budget
        fitted = self.then.fitted(replace(budget, amount=max(0, budget.amount - PROBES)))
        if fitted is None:
            raise UsageError(
                f"{self.name} draws {PROBES} probes first, and {budget} leaves {self.then.name} too little",
                hint=f"a larger --budget, or --method {self.then.name}",
            )
        return fitted

    def demand(self, budget: Budget) -> Demand:
        """What it holds in the policy's context.

        Raises:
            UsageError: it cannot work with this budget.
        """
        silent = self.attempts > 0 and not self.tells
        return Demand(self.beams(budget), self.attempts, silent, self.tells, self.stepwise)

    def check(self, budget: Budget) -> None:
        """Make sure that it can work with a budget.

        Raises:
            UsageError: it cannot.
        """
        self.beams(budget)

    def check_verifier(self, name: str, *, partial: bool, steps: bool = True) -> None:
        """Make sure that it can work with a verifier.

        Args:
            partial: whether that scores what has not come to its end.
            steps: whether it has a score for each step of a solution.

        Raises:
            UsageError: it cannot.
        """
        if self.stepwise and not partial:
            raise UsageError(
                f"{self.name} asks for a score after every step, and {name} judges only finished solutions",
                hint="--verifier confidence, or --method best-of-n",
            )
        if self.tells and not (partial and steps):
            raise UsageError(
                f"{self.name} tells which step is in doubt, and {name} judges solutions as a whole",
                hint="--verifier arithmetic",
            )

    def run(
        self,
        problem: Problem,
        policy: Policy,
        verifier: Verifier | None,
        meter: Meter,
        *,
        seed: int,
        adviser: Adviser | None = None,
    ) -> Iterator[Event]:
        """The events of a run; a method that scores nothing leaves the verifier alone, as most do the adviser.

        Raises:
            UsageError: at once, where it cannot work with the verifier or the budget.
        """
        if self.advised is not None:
            return self.advised(problem, policy, verifier, meter, seed=seed, adviser=adviser)
        sizes = self.parameters.sizes(self._base, meter.budget) if self.parameters is not None else {}
        if self.verified is not None and verifier is not None:
            self.check_verifier(verifier.name, partial=verifier.partial)
            return self.verified(problem, policy, verifier, meter, seed=seed, **sizes)
        if self.plain is None or self.needs_verifier:
            raise UsageError(f"{self.name} needs a verifier", hint=f"--verifier {self.usual_verifier}")
        return self.plain(problem, policy, meter, seed=seed, **sizes)


class Advice(NamedTuple):
    """What to do with a problem."""

    chose: MethodChosen
    method: Method


class Adviser(Protocol):
    """Knows what suits which problem."""

    @property
    def probes(self) -> int:
        """Samples that it looks at, at least 2."""
        ...

    def advise(self, probes: Sequence[Candidate], generations: float) -> Advice:
        """What to do with a problem whose first samples are these, all of them drawn; so many are allowed in all."""
        ...
