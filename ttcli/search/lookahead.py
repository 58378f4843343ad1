"""Lookahead search: beam search that scores a step by where it leads (Snell et al. 2024, arXiv 2408.03314, s. 5.2)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.parameters import TreeVote
from ttcli.search.prefixes import Beam, best
from ttcli.search.tree import Tree

Rollouts = dict[int, list[Beam]]  # by step: its rollout, the nearest first


def lookahead(
    problem: Problem,
    policy: Policy,
    verifier: Verifier,
    meter: Meter,
    *,
    seed: int,
    beams: int,
    expand: int,
    ahead: int,
    floor: float = 0.0,
    rule: TreeVote = "weighted",
) -> Iterator[Event]:
    """Beam search in which a step's score is that at the end of a greedy rollout of k = `ahead` further steps at most.

    A rollout grows on the cells of its step. Where the step is kept, so is the rollout: its first step becomes the
    first of the M = `expand` next ones, and what follows is the beginning of that one's own rollout. Each of the
    N = `beams` beams counts as k + 1 generations.
    """
    with Tree(problem, policy, verifier, meter, seed=seed, finals=beams, rule=rule, generations=ahead + 1) as tree:
        beams = yield from tree.fit(beams, expand)
        kept: list[Beam] = []
        rollouts: Rollouts = {}
        growing = [tree.root] * beams
        while tree.goes_on(growing):
            steps, rollouts = yield from _expand(tree, growing, rollouts)
            yield from _look(tree, steps, rollouts, ahead)
            steps = yield from _value(tree, steps, rollouts)
            kept = best([*(each for each in kept if not each.open), *steps], beams // expand, floor)
            yield from tree.select(kept, aside=[each for step in kept for each in rollouts.get(step.node, ())])
            growing = [each for each in kept if each.open for _ in range(expand)]
    yield from tree.conclude()


def _expand(
    tree: Tree, growing: Sequence[Beam], rollouts: Rollouts
) -> Generator[Event, None, tuple[list[Beam], Rollouts]]:
    """A step from each of those that grow, the first from each being that of its rollout; what is left of those."""
    adopted: dict[int, Beam] = {}
    fresh: list[Beam] = []
    for parent in growing:
        if parent.node not in adopted and rollouts.get(parent.node):
            adopted[parent.node] = tree.adopt(rollouts[parent.node][0])
        else:
            fresh.append(parent)
    drawn = yield from tree.grow(fresh, beside=[*adopted.values()])
    left = {first.node: rollouts[parent][1:] for parent, first in adopted.items()}
    return [*adopted.values(), *drawn], left


def _look(tree: Tree, steps: Sequence[Beam], rollouts: Rollouts, ahead: int) -> Iterator[Event]:
    """Let every rollout grow to its length, all of them a step at a time."""
    for _ in range(ahead):
        short = [step for step in steps if len(rollouts.get(step.node, ())) < ahead and _end(step, rollouts).open]
        grown = yield from tree.roll([_end(step, rollouts) for step in short])
        for step in short:
            if (end := _end(step, rollouts).node) in grown:
                rollouts.setdefault(step.node, []).append(grown[end])


def _value(tree: Tree, steps: Sequence[Beam], rollouts: Rollouts) -> Generator[Event, None, list[Beam]]:
    """The steps with the scores that the ends of their rollouts have."""
    ends = yield from tree.score([_end(step, rollouts) for step in steps])
    valued = []
    for step, end in zip(steps, ends, strict=True):
        if end.node == step.node:
            valued.append(end)
        elif end.score is not None:
            rollouts[step.node][-1] = end
            valued.append((yield from tree.value(step, end.score)))
    return valued


def _end(step: Beam, rollouts: Rollouts) -> Beam:
    """Where a step leads, as far as was looked."""
    rollout = rollouts.get(step.node)
    return rollout[-1] if rollout else step
