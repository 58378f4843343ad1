"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, NamedTuple

from ttcli.cost import Budget, Meter
from ttcli.errors import UsageError
from ttcli.events import Event
from ttcli.policy.protocol import Policy
from ttcli.problem import Problem
from ttcli.search.adaptive import adaptive
from ttcli.search.auto import Adviser, auto
from ttcli.search.beam import beam
from ttcli.search.best_of_n import best_of_n, best_of_n_plain, greedy, majority
from ttcli.search.chains import Chains, Halves
from ttcli.search.dials import Dials
from ttcli.search.dvts import dvts
from ttcli.search.lookahead import lookahead
from ttcli.search.particles import particles
from ttcli.search.rebase import rebase
from ttcli.search.revise import WINDOW, revise, revise_scored
from ttcli.search.search_revise import search_revise
from ttcli.verifier.protocol import Verifier

Plain = Callable[..., Iterator[Event]]  # (problem, policy, meter, *, seed, **sizes)
Vote = Literal["majority", "weighted", "best"]
Verified = Callable[..., Iterator[Event]]  # (problem, policy, verifier, meter, *, seed, **sizes)
Advised = Callable[..., Iterator[Event]]  # (problem, policy, verifier, meter, *, seed, adviser)


class Demand(NamedTuple):
    """What runs hold in a policy's context, beside the texts that grow."""

    beams: int = 0  # prefixes side by side; 0: candidates are drawn in one go
    attempts: int = 0  # earlier solutions that a prompt shows at most; 0: there are no revisions

    def joined(self, other: Demand) -> Demand:
        """What is enough for both."""
        return Demand(max(self.beams, other.beams), max(self.attempts, other.attempts))


NO_DEMAND = Demand()


@dataclass(frozen=True, slots=True)
class Method:
    """A way to spend a budget on a problem."""

    name: str  # with the settings that are not the usual ones
    summary: str
    plain: Plain | None = None  # without a verifier; at least one of the three
    verified: Verified | None = None
    advised: Advised | None = None  # an adviser says how, and with which verifier
    vote: Vote | None = None  # of a method that votes over the first n of independent samples, whatever n is
    generations: int | None = None  # that it draws, whatever the budget; None: as many as that allows
    dials: Dials | Chains | Halves | None = None  # how it is set; None: there is nothing to set
    attempts: int = 0  # earlier solutions that its prompts show at most

    @property
    def needs_verifier(self) -> bool:
        """Whether it cannot do without scores."""
        return self.plain is None and self.advised is None

    @property
    def takes_verifier(self) -> bool:
        """Whether it has a use for scores."""
        return self.verified is not None or self.advised is not None

    @property
    def stepwise(self) -> bool:
        """Whether it draws and scores step by step, down a tree."""
        return self.dials is not None and self.dials.stepwise

    @property
    def _base(self) -> str:
        return self.name.partition(":")[0]

    def beams(self, budget: Budget) -> int:
        """Prefixes that it holds and that grow side by side; 0: candidates are drawn in one go.

        Raises:
            UsageError: it cannot work with this budget.
        """
        return self.dials.beside(self._base, budget) if self.dials is not None else 0

    def demand(self, budget: Budget) -> Demand:
        """What it holds in the policy's context.

        Raises:
            UsageError: it cannot work with this budget.
        """
        return Demand(self.beams(budget), self.attempts)

    def check(self, budget: Budget) -> None:
        """Make sure that it can work with a budget.

        Raises:
            UsageError: it cannot.
        """
        self.beams(budget)

    def check_verifier(self, name: str, *, partial: bool) -> None:
        """Make sure that it can work with a verifier; `partial`: that scores what has not come to its end.

        Raises:
            UsageError: it cannot.
        """
        if self.stepwise and not partial:
            raise UsageError(
                f"{self.name} asks for a score after every step, and {name} judges only finished solutions",
                hint="--verifier confidence, or --method best-of-n",
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
        sizes = self.dials.sizes(self._base, meter.budget) if self.dials is not None else {}
        if self.verified is not None and verifier is not None:
            self.check_verifier(verifier.name, partial=verifier.partial)
            return self.verified(problem, policy, verifier, meter, seed=seed, **sizes)
        if self.plain is None:
            raise UsageError(f"{self.name} needs a verifier", hint="--verifier confidence")
        return self.plain(problem, policy, meter, seed=seed, **sizes)


METHODS = {
    method.name: method
    for method in (
        Method("auto", "what a profile says suits the problem; without one, adaptive", advised=auto),
        Method("adaptive", "majority that stops when the vote is settled", plain=adaptive),
        Method("majority", "the most frequent answer (self-consistency)", plain=majority, vote="majority"),
        Method("best-of-n", "the answer with the largest sum of verifier scores", verified=best_of_n, vote="weighted"),
        Method("best-of-n-plain", "the answer of the best-scored candidate", verified=best_of_n_plain, vote="best"),
        Method("greedy", "one solution at temperature 0", plain=greedy, generations=1),
        Method("beam", "the best n/m prefixes go on, with m next steps each", verified=beam, dials=Dials(m=4)),
        Method(
            "lookahead",
            "beam, where a step is scored k greedy steps further on",
            verified=lookahead,
            dials=Dials(k=1, m=4),
        ),
        Method("dvts", "n/m separate subtrees, each going on from its best step", verified=dvts, dials=Dials(m=4)),
        Method("rebase", "next steps are shared out over prefixes by score", verified=rebase, dials=Dials(t=0.2)),
        Method("particles", "prefixes are resampled by score after every step", verified=particles, dials=Dials(t=1.0)),
        Method(
            "revise",
            "chains of attempts, each with the last ones in view",
            plain=revise,
            verified=revise_scored,
            dials=Chains(),
            attempts=WINDOW,
        ),
        Method(
            "search-revise",
            "half the budget proposes, half revises what the vote is against",
            verified=search_revise,
            dials=Halves(),
            attempts=1,
        ),
    )
}


@cache
def parse_method(text: str) -> Method:
    """Read `majority`, `beam`, `beam:m=sqrt`, `lookahead:k=3,m=4`; equal methods get equal names.

    Raises:
        UsageError: there is no such method, or it cannot be set so.
    """
    name, colon, settings = text.partition(":")
    usual = METHODS.get(name)
    if usual is None:
        raise UsageError(f"there is no method {name!r}", hint=f"one of {', '.join(METHODS)}")
    if not colon:
        return usual
    if usual.dials is None:
        raise UsageError(f"{name} has nothing to set", hint=f"--method {name}")
    dials = usual.dials.turned(name, settings)
    changed = dials.text(usual.dials)  # type: ignore[arg-type] # of the same class as what it was turned from
    return replace(usual, name=f"{name}:{changed}" if changed else name, dials=dials)
