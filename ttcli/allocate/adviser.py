"""What a profile advises for a problem, as `search.auto` asks it."""

from __future__ import annotations

import functools
from collections.abc import Sequence

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
        chose = MethodChosen(
            difficulty=chance,
            bin=choice.bin + 1,
            bins=profile.bins.count,
            method=choice.strategy,
            expected=choice.accuracy,
            gain=choice.gain,
            baseline=profile.baseline,
        )
        return Advice(chose, parse_method(choice.strategy))


def demand(profile: Profile) -> Demand:
    """What the policy must have room for, whichever choice of the profile it comes to."""
    choices = {(choice.strategy, choice.budget) for choice in profile.choices}
    demands = (parse_method(strategy).demand(Budget(budget)) for strategy, budget in choices)
    return functools.reduce(Demand.joined, demands, NO_DEMAND)
