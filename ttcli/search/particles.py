"""Particle filtering (Puri et al. 2025, "A Probabilistic Inference Approach to Inference-Time Scaling", 2502.01618)."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence

from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.prefixes import contenders
from ttcli.search.tree import Tree

_SURE = 1e-6  # scores of 0 and 1 have no finite logit


def particles(
    problem: Problem,
    policy: Policy,
    verifier: Verifier,
    meter: Meter,
    *,
    seed: int,
    beams: int,
    temperature: float,
    floor: float = 0.0,
) -> Iterator[Event]:
    """Let N = `beams` particles take a step each, draw N of them anew by their scores, until all have ended.

    The weight of a particle is softmax(logit(score) / T). Those that have finished are drawn like the others: copies
    of them take places and grow no more. A step that repeats another is kept, for the method counts on independent
    draws; one scored below `floor` is not drawn. In the end the particles vote: a solution has as many votes as places,
    for its scores have had their say, and one that was not drawn has none.
    """
    dice = random.Random(f"{seed} {problem.key}")
    with Tree(problem, policy, verifier, meter, seed=seed, finals=beams, rule="places") as tree:
        beams = yield from tree.fit(beams)
        population = [tree.root] * beams
        while tree.goes_on(growing := [each for each in population if each.open]):
            steps = yield from tree.grow(growing)
            steps = yield from tree.score(steps)
            scored = contenders([*(each for each in population if not each.open), *steps], floor)
            drawn = resample(weights([score for _, score in scored], temperature), beams, dice.random())
            population = [scored[at][0] for at in drawn]
            yield from tree.select(population)
    yield from tree.conclude(population)


def weights(scores: Sequence[float], temperature: float) -> list[float]:
    """softmax(logit(score) / T): at T = 1 in proportion to the odds, score / (1 - score)."""
    certain = (min(max(score, _SURE), 1 - _SURE) for score in scores)
    logits = [math.log(score / (1 - score)) / temperature for score in certain]
    highest = max(logits, default=0.0)
    shares = [math.exp(logit - highest) for logit in logits]
    return [share / math.fsum(shares) for share in shares]


def resample(weights: Sequence[float], count: int, start: float) -> list[int]:
    """Systematic resampling: the places of those on which the points (start + i) / count fall, i = 0 ... count - 1.

    `start` is uniform in [0, 1). One of weight w comes out either the whole number of times below w count or once
    more; none comes out where there are no weights.
    """
    ends = [*itertools.accumulate(weights)]
    places, place = [], 0
    for point in range(count if ends else 0):
        while place < len(ends) - 1 and ends[place] * count <= start + point:
            place += 1
        places.append(place)
    return places
