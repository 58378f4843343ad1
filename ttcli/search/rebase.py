"""Reward balanced search (Wu et al. 2024, "Inference Scaling Laws", arXiv 2408.00724)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.parameters import TreeVote
from ttcli.search.prefixes import contenders
from ttcli.search.tree import Tree


def rebase(
    problem: Problem,
    policy: Policy,
    verifier: Verifier,
    meter: Meter,
    *,
    seed: int,
    beams: int,
    temperature: float,
    floor: float = 0.0,
    rule: TreeVote = "weighted",
) -> Iterator[Event]:
    """Draw B = `beams` steps, then share out B over the prefixes by their scores, until all have ended.

    B shrinks by every solution that finishes; these vote, each with its score, as `rule` says. A prefix scored below
    `floor` gets no share.
    """
    with Tree(problem, policy, verifier, meter, seed=seed, finals=beams, rule=rule) as tree:
        budget = yield from tree.fit(beams)
        growing = [tree.root] * budget
        while tree.goes_on(growing):
            steps = yield from tree.grow(growing)
            steps = yield from tree.score(steps)
            budget -= sum(not step.open for step in steps)
            prefixes = contenders((step for step in steps if step.open), floor)
            shares = allot(budget, [score for _, score in prefixes], temperature)
            growing = [prefix for (prefix, _), share in zip(prefixes, shares, strict=True) for _ in range(share)]
            yield from tree.select(growing)
    yield from tree.conclude()


def allot(budget: int, scores: Sequence[float], temperature: float) -> list[int]:
    """Children of prefix j: round(B softmax(R_j / T)), where the largest remainders are those rounded up.

    So the shares add up to B, which rounding each by itself would miss. Ties go to the first.
    """
    highest = max(scores, default=0.0)
    weights = [math.exp((score - highest) / temperature) for score in scores]
    exact = [budget * weight / math.fsum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: shares[at] - exact[at])
    for at in by_remainder[: budget - sum(shares)]:
        shares[at] += 1
    return shares
