"""Diverse verifier tree search (Beeching, Tunstall and Rush 2024, "Scaling test-time compute with open models")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.parameters import TreeVote
from ttcli.search.prefixes import Beam, best, contenders
from ttcli.search.tree import Tree


def dvts(
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
    """Grow N / M subtrees that know nothing of each other: draw M = `expand` steps, go on from the best, to its end.

    N = `beams`. Where beam search may fill all its places with the offspring of one early step, every subtree here
    keeps its own; one whose best step is scored below `floor` ends there. The best N of all solutions that finished
    vote, each with its score, as `rule` says.
    """
    with Tree(problem, policy, verifier, meter, seed=seed, finals=beams, rule=rule) as tree:
        beams = yield from tree.fit(beams, expand)
        growing = [tree.root] * beams
        while tree.goes_on(growing):
            steps = yield from tree.grow(growing)
            steps = yield from tree.score(steps)
            subtrees = _subtrees(steps, expand)
            able = {beam.node for beam, _ in contenders(steps, floor)}
            kept = [chosen for subtree in subtrees for chosen in best(subtree, 1) if chosen.node in able]
            yield from tree.select(kept)
            growing = [each for each in kept if each.open for _ in range(expand)]
    yield from tree.conclude()


def _subtrees(steps: Sequence[Beam], expand: int) -> list[list[Beam]]:
    """The steps by subtree: the first ones are dealt out in order, M to each, and later ones have their lineage."""
    subtrees: dict[int, list[Beam]] = {}
    for at, step in enumerate(steps):
        first = step.lineage == step.node
        subtrees.setdefault(-1 - at // expand if first else step.lineage, []).append(step)
    return [*subtrees.values()]
