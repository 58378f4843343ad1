"""A budget that problems share: who has the most to gain from further samples draws them (Damani et al. 2024).

Every problem has its probe first. From then on the decisions hang on nothing but the samples: what comes of grants is
taken in the order of granting, whatever comes first, so that the same samples, drawn now or in an earlier call, by
one engine or by several, are divided in the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.events import Outcome
from ttcli.search.stopping import CONFIDENCE

if TYPE_CHECKING:
    from ttcli.allocate.marginal import Grant
    from ttcli.allocate.profile import Profile

AHEAD = 64  # samples granted and not taken in at most, once all probes are: a batch is to be full, not hasty

Worth = Callable[[Outcome], float]  # of a further sample to a vote, 0 or more


class Division:
    """Divides the budget of one task among problems 0, 1, ...; those that have `failed` draw nothing any more."""

    def __init__(self, task: Task, problems: int, worth: Worth, *, failed: Collection[int] = ()) -> None:
        from ttcli.allocate.marginal import LADDER, Grant, SharedBudget  # numpy: not before it is needed

        average = int(task.budget.amount)
        self._task = task
        self._worth = worth
        self._purse = SharedBudget(problems, average * problems, probe=task.sure, most=max(average, LADDER[-1]))
        probes = [Grant(problem, task.sure) for problem in range(problems) if problem not in failed]
        self._out: deque[Grant] = deque(probes)  # in order of granting
        self._untold: deque[Grant] = deque(probes)  # nobody draws them yet
        self._probing = len(probes)  # problems whose probe is not taken in
        self._came: dict[int, Outcome | None] = {}  # what is not taken in yet; None: it failed
        self._latest: dict[int, Outcome] = {}  # of each problem that is not settled

    @property
    def untold(self) -> int:
        """Grants that nobody draws yet."""
        return len(self._untold)

    def grants(self) -> Iterator[tuple[int, Task] | None]:
        """A problem and the vote that it is to draw all samples for; None: nothing now, something has to come first."""
        while self._out:
            if self._untold:
                problem = self._untold.popleft().problem
                yield problem, self._task._replace(budget=Budget(self._purse.granted[problem]))
            else:
                yield None

    def hear(self, problem: int, outcome: Outcome | None) -> dict[int, Outcome]:
        """What came of a grant, None where it failed; the votes that are settled for good by it, by problem."""
        self._came[problem] = outcome
        settled: dict[int, Outcome] = {}
        while self._out and self._out[0].problem in self._came:
            settled |= self._take_in(self._out.popleft().problem)
            if not self._probing:
                self._grant()
        if not self._out:  # whoever still waits for a grant gets none
            settled |= dict(sorted(self._latest.items()))
            self._latest.clear()
        return settled

    def _take_in(self, problem: int) -> dict[int, Outcome]:
        """Let a problem bid for its next samples; one that has no use for any is settled."""
        from ttcli.allocate.marginal import next_batch

        outcome = self._came.pop(problem)
        self._probing = max(0, self._probing - 1)
        self._latest.pop(problem, None)
        if outcome is None:
            return {}
        worth, batch = self._worth(outcome), next_batch(self._purse.granted[problem])
        if not (worth > 0 and batch):
            return {problem: outcome}
        self._purse.bid(problem, worth, batch)
        self._latest[problem] = outcome
        return {}

    def _grant(self) -> None:
        """Give to the best bids, as long as few samples are under way."""
        while sum(grant.samples for grant in self._out) < AHEAD and (grant := self._purse.grant()):
            self._out.append(grant)
            self._untold.append(grant)


def worth_of(task: Task, profile: Profile | None) -> Worth:
    """What a further sample is worth to a vote of this task.

    As the profile has learnt it, where that is about this vote. Else, with n samples so far, the chance that the leader
    does not stay, 1 / n of it, and nothing once the vote is settled.
    """
    from ttcli.allocate.difficulty import probes
    from ttcli.allocate.standing import stays, tallies

    learnt = profile if profile is not None and profile_counts(task, profile) else None

    def worth(outcome: Outcome) -> float:
        candidates = outcome.candidates
        standing = tallies([outcome.ballot], [candidates])
        if learnt is not None and learnt.gains is not None:
            looked = probes([candidates[: learnt.difficulty.probes]])
            return float(learnt.gains.worth(len(candidates), standing, learnt.difficulty.predict(looked))[0])
        settled = float(stays(standing)[0])
        return 0.0 if settled >= CONFIDENCE else (1 - settled) / max(len(candidates), 1)

    return worth


def profile_counts(task: Task, profile: Profile) -> bool:
    """Whether a profile knows what more samples bring to the vote of a task."""
    usual = "best-of-n" if profile.verifier else "majority"
    enough = task.sure >= profile.difficulty.probes
    return profile.gains is not None and enough and (task.method, task.verifier) == (usual, profile.verifier)
