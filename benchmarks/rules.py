"""When a way of spending is to replace the vote: two rules on calibrations of several sizes, where the truth is known.

    python benchmarks/allocation.py --rules [--seeds 200] [--json]

Each seed is a calibration at 16 samples: five bins of problems in which one sample is right with chance 0.9, 0.6, 0.3,
0.1 or 0.01 (the world of allocation.py, AUC 0.65), nine ways against the vote as `ttc calibrate` has them, all of them
probes plus something on the rest with one weighted vote. Bins are told from the probes. Each search and each chain is
drawn once per problem; the votes are means over many draws in a calibration, here over eight. The four worlds:

    pattern   as in allocation.py: searches double the odds of a right sample in bins 3 and 4 and halve them in 1 and 2,
              revising doubles them in 1 and 2
    small     the same with a factor of 1.3
    one way   one search of the nine has a factor of 1.5 in every bin, the others do nothing
    nothing   no way helps, and scores are noise: every choice but the vote is a loss or a draw

`likely`: the believed gain less one standard error is above 0; `shown`: its interval at 95 %, shared among nine, is.
`best` knows the true accuracy of each way in each predicted bin. Points of accuracy over the vote, on the true
accuracies; intervals are 95 % over seeds (Student's t).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student
from world import RATES, after_probes, draw, read

from ttcli.allocate.difficulty import PROBES, Bins, Probes, quantile_bins, unseen
from ttcli.allocate.optimal import LEVEL, Outcomes, Rule, pick
from ttcli.stats.logistic import Array

SAMPLES = 16
SIZES = (100, 200, 400, 1000)  # problems of a calibration
RULES: tuple[Rule, ...] = ("likely", "shown")
VOTE = "majority"
SEARCHES, CHAINS = 4, 4  # ways that differ in name alone, drawn each for itself
DRAWS = 8  # of a vote over independent samples
TRUTH = 4000  # problems that the true accuracies are told from


class Nature(NamedTuple):
    """What the ways do to the odds of a right sample, per bin."""

    auc: float
    search: Sequence[float]
    others: Sequence[float]  # the searches after the first
    chains: Sequence[float]


def nature(factor: float, auc: float = 0.65) -> Nature:
    searches = (1 / factor, 1 / factor, factor, factor, 1)
    return Nature(auc, searches, searches, (factor, factor, 1, 1, 1))


WORLDS: Mapping[str, Nature] = {
    "pattern": nature(2),
    "small": nature(1.3),
    "one way": Nature(0.65, (1.5,) * 5, (1,) * 5, (1,) * 5),
    "nothing": nature(1, auc=0.5),
}


class Problems(NamedTuple):
    """Problems with what every way came to."""

    probes: Probes
    pass_rate: Array
    right: Mapping[str, Array]  # by way, of the shape (problems,)


def problems(rng: np.random.Generator, world: Nature, number: int) -> Problems:
    """So many problems, as many of each bin."""
    bins = np.arange(number) % len(RATES)

    def rates(factors: Sequence[float]) -> Array:
        odds = RATES / (1 - RATES) * np.array(factors)
        return (odds / (1 + odds))[bins]

    plain = rates((1,) * 5)
    votes = [draw(rng, plain, SAMPLES, world.auc) for _ in range(DRAWS)]
    first = votes[0]

    def voted(weighted: bool) -> Array:
        return np.mean([read(each, weighted, (SAMPLES,))[0].right for each in votes], axis=0)

    def then(factors: Sequence[float]) -> Array:
        rest = draw(rng, rates(factors), SAMPLES, world.auc)
        return read(after_probes(first, rest), True, (SAMPLES,))[0].right.astype(np.float64)

    ways = {VOTE: voted(False), "best-of-n": voted(True)}
    ways |= {f"search {at}": then(world.others if at else world.search) for at in range(SEARCHES)}
    ways |= {f"chains {at}": then(world.chains) for at in range(CHAINS)}
    shape = (number, PROBES)
    told = Probes(
        *(first.answers[:, :PROBES], first.scores[:, :PROBES]),
        *(rng.normal(-0.5, 0.1, shape), rng.lognormal(5, 0.3, shape)),
    )
    return Problems(told, (first.answers[:, PROBES:] == 0).mean(axis=1), ways)


@cache
def truth(name: str) -> Mapping[str, Array]:
    """The accuracy of each way in each true bin, of the shape (bins,)."""
    rng = np.random.default_rng((11, [*WORLDS].index(name)))
    every = [problems(rng, WORLDS[name], TRUTH) for _ in range(5)]
    bins = np.arange(TRUTH) % len(RATES)
    return {
        way: np.array([np.mean([each.right[way][bins == at].mean() for each in every]) for at in range(len(RATES))])
        for way in every[0].right
    }


def one(name: str, seed: int, size: int) -> dict[str, float]:
    """Points over the vote of what each rule chooses, and of the best choice per predicted bin."""
    found = problems(np.random.default_rng((seed, size)), WORLDS[name], size)
    chance = unseen(found.probes, found.pass_rate, seed=seed)
    bins: Bins = quantile_bins(chance)
    numbers = bins.of(chance)
    right = np.stack(list(found.right.values()), axis=1)[:, :, np.newaxis]
    unknown = np.full(right.shape, np.nan)
    ways = tuple(found.right)
    outcomes = Outcomes(ways, (float(SAMPLES),), right, unknown, unknown, unknown, VOTE)
    known = np.stack([truth(name)[way] for way in ways], axis=1)[np.arange(size) % len(RATES)]  # (problems, ways)
    gains = known - known[:, [ways.index(VOTE)]]
    everything = np.ones(size, np.bool_)
    told = {}
    for rule in RULES:
        picks = pick(outcomes, 0, numbers, bins.count, everything, LEVEL, rule)
        chosen = np.array([each.strategy for each in picks])[numbers]
        told[rule] = 100 * float(gains[np.arange(size), chosen].mean())
    told["best"] = 100 * sum(
        float((numbers == at).mean() * gains[numbers == at].mean(axis=0).max()) for at in range(bins.count)
    )
    return told


class Points(NamedTuple):
    """A mean over seeds with its interval."""

    mean: float
    low: float
    high: float


def measure(seeds: int, sizes: Sequence[int] = SIZES) -> dict[str, dict[int, dict[str, Points]]]:
    """By world, number of calibration problems, and rule."""
    found: dict[str, dict[int, dict[str, Points]]] = {}
    for name in WORLDS:
        found[name] = {}
        for size in sizes:
            every = [one(name, seed, size) for seed in range(seeds)]
            found[name][size] = {key: over_seeds([each[key] for each in every]) for key in every[0]}
    return found


def over_seeds(values: Sequence[float]) -> Points:
    mean, n = float(np.mean(values)), len(values)
    reach = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Points(round(mean, 2), round(mean - reach, 2), round(mean + reach, 2))


def lines(found: Mapping[str, Mapping[int, Mapping[str, Points]]], seeds: int) -> list[str]:
    told = [f"points over the vote at {SAMPLES}, {seeds} seeds: what is chosen by each rule, and the best there is"]
    for name, sizes in found.items():
        for size, rules in sizes.items():
            cells = "  ".join(f"{key} {p.mean:+.2f} [{p.low:+.2f}, {p.high:+.2f}]" for key, p in rules.items())
            told.append(f"  {name:<8} {size:>5,} problems  {cells}")
    return told
