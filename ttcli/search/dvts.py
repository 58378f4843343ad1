"""Diverse verifier tree search (Beeching, Tunstall and Rush 2024, "Scaling test-time compute with open models")."""

from __future__ import annotations

from collections.abc import Iterator

from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.prefixes import best
from ttcli.search.tree import Tree


def dvts(
    problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, *, seed: int, beams: int, expand: int
) -> Iterator[Event]:
    """Grow N / M subtrees that know nothing of each other: draw M = `expand` steps, go on from the best, to its end.

    N = `beams`. Where beam search may fill all its places with the offspring of one early step, every subtree here
    keeps its own. The best N of all solutions that finished vote, each with its score.
    """
    with Tree(problem, policy, verifier, meter, seed=seed, finals=beams) as tree:
        beams = yield from tree.fit(beams, expand)
        growing = [tree.root] * beams
        while tree.goes_on(growing):
            steps = yield from tree.grow(growing)
            steps = yield from tree.score(steps)
            subtrees = [steps[at : at + expand] for at in range(0, len(steps), expand)]
            kept = [chosen for subtree in subtrees for chosen in best(subtree, 1)]
            yield from tree.select(kept)
            growing = [each for each in kept if each.open for _ in range(expand)]
    yield from tree.conclude()
