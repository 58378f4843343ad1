"""Probe, ask, spend the rest: what suits a problem is decided when its first samples are there.

The probes stay candidates and count. What is best for a problem as hard as they make it look, an adviser says, from
what was learnt on other problems (Snell et al. 2024, s. 3.2; there the probes are extra, here they are part of the
budget). Whatever has the rest of the budget, all solutions have one vote each, with its score: probes and attempts of
chains alike; a particle has as many as places in the end. `auto:METHOD` does the same with a method that is given, so
that what is chosen from can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from ttcli.answers import vote
from ttcli.cost import Budget, Cost, Meter, Unit
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    MethodChosen,
    Outcome,
    RunFinished,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.adaptive import adaptive, settle
from ttcli.search.best_of_n import COUNTS, scored_by
from ttcli.search.method import PROBES, Adviser, Method
from ttcli.search.sampling import Count, begin, conclude, draw
from ttcli.solution import Candidate, Ended, Prefix

_ANEW = 1 << 20  # added to the seed of a search after the probes: its texts are not to begin as theirs did


def auto(
    problem: Problem, policy: Policy, verifier: Verifier | None, meter: Meter, *, seed: int, adviser: Adviser | None
) -> Iterator[Event]:
    """Draw the probes, and spend the rest as the adviser says; without one, do as adaptive does."""
    if adviser is None:
        yield from adaptive(problem, policy, meter, seed=seed)
        return

    def advised(probes: Sequence[Candidate]) -> tuple[MethodChosen, Method]:
        advice = adviser.advise(probes, _generations(meter, len(probes)))
        return advice.chose, advice.method

    yield from _probe(problem, policy, verifier, meter, seed=seed, number=adviser.probes, decide=advised)


def probed(
    problem: Problem, policy: Policy, verifier: Verifier | None, meter: Meter, *, seed: int, then: Method
) -> Iterator[Event]:
    """Draw the probes, and let a method have the rest, as auto does where it is advised so."""
    yield from _probe(problem, policy, verifier, meter, seed=seed, number=PROBES, decide=lambda _probes: (None, then))


def _probe(
    problem: Problem,
    policy: Policy,
    verifier: Verifier | None,
    meter: Meter,
    *,
    seed: int,
    number: int,
    decide: Callable[[Sequence[Candidate]], tuple[MethodChosen | None, Method]],
) -> Iterator[Event]:
    count = scored_by(vote.weighted) if verifier is not None else vote.majority
    root = policy.start(problem)
    begin(root, policy, meter)
    try:
        probes = yield from draw(root, policy, meter, count=count, seed=seed, limit=number, verifier=verifier)
        if len(probes) < number or any(probe.ended is Ended.CUT for probe in probes):
            yield from conclude(probes, vote.majority, meter)
            return
        chose, method = decide(probes)
        if chose is not None:
            yield chose
        work = _Rest(root, policy, verifier, meter, seed, probes, chose, method)
        if method.parameters is None:
            yield from work.sample()
        else:
            yield from work.search(count)
    finally:
        policy.release([root])
        if verifier is not None:
            verifier.release([root])


def _generations(meter: Meter, drawn: int) -> float:
    """How many a budget allows in all, told from what those drawn so far took of it."""
    spent = {Unit.TOKENS: float(meter.spent.tokens), Unit.SECONDS: meter.seconds}.get(meter.budget.unit)
    return meter.budget.amount if spent is None else drawn * meter.budget.amount / max(spent, 1e-9)


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left to do after the probes."""

    root: Prefix
    policy: Policy
    verifier: Verifier | None
    meter: Meter
    seed: int
    probes: Sequence[Candidate]
    chose: MethodChosen | None  # None: nobody was asked
    method: Method

    def sample(self) -> Iterator[Event]:
        """More samples like the probes, and a vote over all."""
        method = self.method
        if method.vote is None:
            candidates = yield from settle(self.root, self.policy, self.meter, seed=self.seed, before=self.probes)
            yield from self._conclude(candidates, vote.majority)
            return
        count = COUNTS[method.vote]
        scores = self.verifier if method.takes_verifier else None
        more = yield from self._draw(count, scores)
        yield from self._conclude([*self.probes, *more], count)

    def search(self, count: Count) -> Iterator[Event]:
        """The method on what is left, in a size that it can have, and a vote over the probes and what it came to."""
        left = self._left()
        prompt = self.root.prompt_tokens if left.unit is Unit.TOKENS else 0  # it is decoded again
        fitted = self.method.fitted(left) if left.amount > prompt else None
        if fitted is None:
            more = yield from self._draw(count, self.verifier)
            yield from self._conclude([*self.probes, *more], count)
            return
        method, size = fitted
        odd = int(left.amount - size.amount) if left.unit is Unit.GENERATIONS else 0
        before = [*self.probes, *((yield from self._draw(count, self.verifier, limit=odd)) if odd else ())]
        self.policy.release([self.root])  # the method has one of its own
        outcome, all_spent = yield from self._embed(method, size, before, count)
        pruned = {node.number for node in outcome.tree if node.pruned}
        voters = [*before, *(candidate for candidate in outcome.candidates if candidate.node not in pruned)]
        ballot = count(voters)
        yield VoteUpdated(ballot)
        answer = ballot.leader.answer if ballot.leader else None
        candidates = (*before, *outcome.candidates)
        yield RunFinished(Outcome(answer, ballot, candidates, all_spent, outcome.stopped, outcome.tree, self.chose))

    def _embed(
        self, method: Method, size: Budget, before: Sequence[Candidate], count: Count
    ) -> Generator[Event, None, tuple[Outcome, Cost]]:
        """A run of the method whose candidates come after those drawn `before`; its outcome, and what all cost."""
        part = self.meter.part(size)
        spent, first, drawn = self.meter.total(), len(before), {each.index: each for each in before}
        problem, seed = self.root.problem, self.seed + _ANEW
        for event in method.run(problem, self.policy, self.verifier, part, seed=seed):
            match event:
                case CandidateStarted(candidate=index):
                    yield CandidateStarted(first + index)
                case CandidateToken(candidate=index, text=text):
                    yield CandidateToken(first + index, text)
                case CandidateFinished(candidate=each) | CandidateScored(candidate=each):
                    each = drawn[first + each.index] = replace(each, index=first + each.index)
                    yield replace(event, candidate=each)
                case VoteUpdated():
                    yield VoteUpdated(count([*drawn.values()]))
                case CostUpdated(cost=cost):
                    yield CostUpdated(spent + cost)
                case RunFinished(outcome=outcome):
                    own = tuple(replace(candidate, index=first + candidate.index) for candidate in outcome.candidates)
                    return replace(outcome, candidates=own), spent + outcome.cost
                case _:
                    yield event
        raise AssertionError("a run ends solved")

    def _draw(
        self, count: Count, verifier: Verifier | None, *, limit: int | None = None
    ) -> Generator[Event, None, list[Candidate]]:
        return (
            yield from draw(
                self.root,
                self.policy,
                self.meter,
                count=count,
                seed=self.seed,
                before=self.probes,
                limit=limit,
                verifier=verifier,
            )
        )

    def _left(self) -> Budget:
        """What is left of the budget; 0 or more."""
        spent = {Unit.GENERATIONS: self.meter.spent.generations, Unit.TOKENS: self.meter.spent.tokens}
        budget = self.meter.budget
        return replace(budget, amount=max(0.0, budget.amount - spent.get(budget.unit, self.meter.seconds)))

    def _conclude(self, candidates: Sequence[Candidate], count: Count) -> Iterator[Event]:
        for event in conclude(candidates, count, self.meter):
            yield RunFinished(replace(event.outcome, chose=self.chose)) if isinstance(event, RunFinished) else event
