"""What a profile advises for a problem, as `search.auto` asks it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from ttcli.allocate.difficulty import probes as looked_at
from ttcli.allocate.profile import Profile
from ttcli.cost import Budget
from ttcli.events import MethodChosen
from ttcli.search.method import NO_DEMAND, Advice, Demand
from ttcli.search.methods import parse_method
from ttcli.solution import Candidate


class ProfileAdviser:
    """Tells difficulty from the probes, and the choice for it from the profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    @property
    def probes(self) -> int:
        """Samples that it looks at."""
        return self._profile.difficulty.probes

    def advise(self, probes: Sequence[Candidate], generations: float) -> Advice:
        """What to do with a problem whose first samples are these."""
        profile = self._profile
        chance = float(profile.difficulty.predict(looked_at([probes]))[0])
        choice = profile.choice(chance, generations)
        method = parse_method(choice.strategy)
        chose = MethodChosen(
            difficulty=chance,
            bin=choice.bin + 1,
            bins=profile.bins.count,
            method=choice.strategy,
            expected=choice.accuracy,
            gain=choice.gain,
            baseline=profile.baseline,
        )
        if generations <= self.probes and method.parameters is not None:  # nothing is left to search or revise with
            method = parse_method(profile.baseline)
            chose = replace(chose, method=method.name, expected=None, gain=0.0)
        return Advice(chose, method)


def demand(profile: Profile) -> Demand:
    """What the policy must have room for, whichever choice of the profile it comes to."""
    choices = {(choice.strategy, choice.budget) for choice in profile.choices}
    fitted = (parse_method(strategy).fitted(Budget(budget)) for strategy, budget in choices)
    demands = (method.demand(budget) for method, budget in filter(None, fitted))
    return functools.reduce(Demand.joined, demands, NO_DEMAND)
