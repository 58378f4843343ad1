"""Majority that stops when the vote is settled (adaptive consistency, Aggarwal et al. 2023, arXiv 2305.11860)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from ttcli.answers import vote
from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy
from ttcli.search.sampling import begin, conclude, draw
from ttcli.search.stopping import CONFIDENCE, votes_needed
from ttcli.solution import Candidate, Prefix


def adaptive(
    problem: Problem, policy: Policy, meter: Meter, *, seed: int, confidence: float = CONFIDENCE
) -> Iterator[Event]:
    """Draw the fewest candidates that could settle the vote, and again until it is settled or the budget is spent.

    The paper draws one at a time. A batch costs little more time than one text, and no candidate here is drawn that the
    one-at-a-time rule would be sure to do without.
    """
    root = policy.start(problem)
    begin(root, policy, meter)
    try:
        candidates = yield from settle(root, policy, meter, seed=seed, confidence=confidence)
    finally:
        policy.release([root])
    yield from conclude(candidates, vote.majority, meter)


def settle(
    root: Prefix,
    policy: Policy,
    meter: Meter,
    *,
    seed: int,
    before: Sequence[Candidate] = (),
    confidence: float = CONFIDENCE,
) -> Generator[Event, None, list[Candidate]]:
    """Draw until the vote is settled; all candidates, those drawn `before` first."""
    candidates = list(before)
    while needed := votes_needed(vote.majority(candidates), confidence):
        more = yield from draw(root, policy, meter, count=vote.majority, seed=seed, before=candidates, limit=needed)
        if not more:
            break
        candidates += more
    return candidates
