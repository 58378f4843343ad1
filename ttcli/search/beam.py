"""Beam search against a verifier (Snell et al. 2024, arXiv 2408.03314, s. 5.2).

What the paper leaves open is settled thus: finished solutions go on competing with steps for the places, since keeping
the first to finish would favour short ones; and an exact duplicate of a sibling counts like any other step.
"""

from __future__ import annotations

from collections.abc import Iterator

from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.parameters import TreeVote
from ttcli.search.prefixes import Beam, best
from ttcli.search.tree import Tree


def beam(
    problem: Problem,
    policy: Policy,
    verifier: Verifier,
    meter: Meter,
    *,
    seed: int,
    beams: int,
    expand: int,
    floor: float = 0.0,
    rule: TreeVote = "weighted",
) -> Iterator[Event]:
    """Draw N = `beams` steps, keep the best N / M prefixes, draw M = `expand` steps from each, until all have ended.

    A finished solution among the best keeps its place and is not expanded; without an answer it has no use for a place.
    A prefix goes on by what its current step is scored, not by what a solution is (s. 5.2 and 5.1). One scored below
    `floor` is given up. The best N of all that finished vote, each with its score, as `rule` says.
    """
    with Tree(problem, policy, verifier, meter, seed=seed, finals=beams, rule=rule) as tree:
        beams = yield from tree.fit(beams, expand)
        kept: list[Beam] = []
        growing = [tree.root] * beams
        while tree.goes_on(growing):
            steps = yield from tree.grow(growing)
            steps = yield from tree.score(steps)
            kept = best([*(each for each in kept if not each.open), *steps], beams // expand, floor)
            yield from tree.select(kept)
            growing = [each for each in kept if each.open for _ in range(expand)]
    yield from tree.conclude()
