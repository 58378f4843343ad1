"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ttcli.cost import Meter
from ttcli.errors import UsageError
from ttcli.events import Event
from ttcli.policy.protocol import Policy
from ttcli.problem import Problem
from ttcli.search.adaptive import adaptive
from ttcli.search.best_of_n import best_of_n, best_of_n_plain, greedy, majority
from ttcli.verifier.protocol import Verifier

Plain = Callable[..., Iterator[Event]]  # (problem, policy, meter, *, seed)
Vote = Literal["majority", "weighted", "best"]
Verified = Callable[..., Iterator[Event]]  # (problem, policy, verifier, meter, *, seed)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to spend a budget on a problem."""

    name: str
    summary: str
    plain: Plain | None = None  # exactly one of the two
    verified: Verified | None = None
    vote: Vote | None = None  # of a method that votes over the first n of independent samples, whatever n is
    generations: int | None = None  # that it draws, whatever the budget; None: as many as that allows

    @property
    def needs_verifier(self) -> bool:
        """Whether it scores candidates."""
        return self.verified is not None

    def run(
        self, problem: Problem, policy: Policy, verifier: Verifier | None, meter: Meter, *, seed: int
    ) -> Iterator[Event]:
        """The events of a run; a method that scores nothing leaves the verifier alone."""
        if self.plain is not None:
            return self.plain(problem, policy, meter, seed=seed)
        if verifier is None or self.verified is None:
            raise UsageError(f"{self.name} needs a verifier", hint="--verifier confidence")
        return self.verified(problem, policy, verifier, meter, seed=seed)


METHODS = {
    method.name: method
    for method in (
        Method("adaptive", "majority that stops when the vote is settled", plain=adaptive),
        Method("majority", "the most frequent answer (self-consistency)", plain=majority, vote="majority"),
        Method("best-of-n", "the answer with the largest sum of verifier scores", verified=best_of_n, vote="weighted"),
        Method("best-of-n-plain", "the answer of the best-scored candidate", verified=best_of_n_plain, vote="best"),
        Method("greedy", "one solution at temperature 0", plain=greedy, generations=1),
    )
}
