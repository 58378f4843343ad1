"""Whether the allocator of `ttcli.allocate` spends a budget as well as one who knows: a world where that can be told.

    python benchmarks/allocation.py [--seeds 20] [--quick] [--rules] [--rule shown] [--json]

The world: five bins of 200 problems; a sample is right with chance 0.9, 0.6, 0.3, 0.1 or 0.01, and else gives one of 20
wrong answers by Zipf's law; the verifier's scores of right and wrong samples of a problem overlap to an AUC of 0.8,
0.65 or 0.5. Beam search doubles the odds of a right sample in bins 3 and 4 and halves them in 1 and 2, revising doubles
them in 1 and 2. Lengths and log-probabilities say nothing. Every seed draws the evaluated problems and 1,000 others
that the allocator learns from (`learnt from`: fewer; `mislabelled`: a share of the evaluated problems has its predicted
difficulty exchanged at random).

    ours      4 probes, charged; difficulty from them, a strategy per predicted bin, the rest to the highest bidder
    oracle    knows each problem's bin and the true accuracy of each strategy at each number of samples, and divides the
              same average among the bins as is best in the mean (concave envelope; it may mix two numbers in a bin, and
              leave problems out). It does not look at answers while it draws, so that one who does may do better
    fixed     best-of-N weighted and majority, the same number for every problem
    adaptive  majority that stops when its vote is settled, capped so that it draws the same average

`oracle_gap` is accuracy lost to the oracle at the same average, here 16, and AUC 0.8; `samples_ratio` the average that
reaches the accuracy of best-of-64, over 64; `noise_loss` accuracy lost to majority at AUC 0.5 and an average of 16, the
larger one of two worlds: with the pattern above, and with one where beam search and revising do nothing, as is to be
expected of a search that noise guides. Intervals are 95 % over seeds (Student's t).

`--rules` measures instead when a way is to replace the vote, by the two rules of `rules.py`, over 200 seeds unless
`--seeds` says otherwise; `--quick` takes 10 of them besides: `rule_gain` and `rule_cost` are the points won over the
vote by the rule in use, of 200 calibration problems, where every way differs a little and where none helps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rules import lines as rule_lines
from rules import measure as measure_rules
from scipy.stats import t as student
from world import RATES, STRATEGIES, Oracle, World

from ttcli.allocate.difficulty import PROBES, Bins, Difficulty, fit_difficulty, quantile_bins, unseen
from ttcli.allocate.marginal import LADDER, Gains, Seen, SharedBudget, fit_gains, next_batch
from ttcli.allocate.optimal import Choice, Outcomes, Rule, choose, chosen
from ttcli.allocate.standing import stays
from ttcli.search.stopping import CONFIDENCE
from ttcli.stats.logistic import Array

BASELINE = "majority"
BUDGETS = (8, 16, 32, 64)  # that the allocator is calibrated at
AVERAGES = (8, 12, 16, 32, 64)
RATIO_AVERAGES = (5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32)
HEADLINE = 16
MISLABELLED = (0.25, 0.5, 1.0)
FEWER = (8, 20, 50)  # problems per bin to learn from, instead of 200


class Spent(NamedTuple):
    """What came of a shared budget."""

    accuracy: float
    average: float  # samples per problem


@dataclass
class Allocator:
    """What is learnt from a world with known answers."""

    difficulty: Difficulty
    bins: Bins
    choices: list[Choice]
    gains: Mapping[int, Gains]  # by calibrated budget
    rule: ClassVar[Rule] = "likely"  # by which choices are made

    @classmethod
    def fit(
        cls, world: World, strategies: Sequence[str] = tuple(STRATEGIES), budgets: Sequence[int] = BUDGETS
    ) -> Allocator:
        """Learn difficulty, choices among these strategies, and gains at these budgets."""
        chance = unseen(world.probes, world.pass_rate)
        bins = quantile_bins(chance)
        right = np.stack(
            [
                np.stack([world.votes[name][LADDER.index(budget)].right for budget in BUDGETS], axis=1)
                for name in strategies
            ],
            axis=1,
        ).astype(np.float64)
        generations = np.broadcast_to(np.array(BUDGETS, np.float64), right.shape)
        unknown = np.full(right.shape, np.nan)
        outcomes = Outcomes(tuple(strategies), BUDGETS, right, generations, unknown, unknown, BASELINE)
        choices = choose(outcomes, bins.of(chance), bins.count, rule=cls.rule)
        gains = {}
        for budget in budgets:
            votes = world.votes_of(pick(choices, bins, chance, budget))
            seen = [Seen(n, each.tallies, each.right.astype(float)) for n, each in zip(LADDER, votes, strict=True)]
            gains[budget] = fit_gains(seen, chance)
        return cls(fit_difficulty(world.probes, world.pass_rate), bins, choices, gains)

    def spend(self, world: World, averages: Sequence[int], *, mislabelled: float = 0.0, seed: int = 0) -> list[Spent]:
        """What comes of each average; a share of the problems has its difficulty taken for that of another one."""
        chance = shuffled(self.difficulty.predict(world.probes), mislabelled, seed)
        by_budget: dict[int, tuple[Array, NDArray[np.bool_]]] = {}
        spent = []
        for average in averages:
            budget = next((each for each in BUDGETS if each >= average), BUDGETS[-1])
            if budget not in by_budget:
                votes = world.votes_of(pick(self.choices, self.bins, chance, budget))
                worth = [
                    self.gains[budget].worth(n, each.tallies, chance) for n, each in zip(LADDER, votes, strict=True)
                ]
                by_budget[budget] = np.stack(worth, axis=1), np.stack([each.right for each in votes], axis=1)
            spent.append(auction(*by_budget[budget], average))
        return spent


def pick(choices: Sequence[Choice], bins: Bins, chance: Array, budget: float) -> NDArray[np.str_]:
    names = np.array([chosen(choices, number, budget).strategy for number in range(bins.count)])
    return names[bins.of(chance)]


def shuffled(chance: Array, part: float, seed: int) -> Array:
    rng = np.random.default_rng((seed, 3))
    taken = rng.permutation(len(chance))[: round(part * len(chance))]
    mixed = chance.copy()
    mixed[taken] = chance[rng.permutation(taken)]
    return mixed


def auction(worth: Array, right: NDArray[np.bool_], average: int) -> Spent:
    """Hand out the budget; a problem that the last grant left between two rungs votes as at the lower one."""
    problems = len(worth)
    shared_budget = SharedBudget(problems, average * problems, probe=PROBES, most=LADDER[-1])
    values, rung = worth.tolist(), [0] * problems
    for problem in range(problems):
        shared_budget.bid(problem, values[problem][0], next_batch(PROBES))
    while grant := shared_budget.grant():
        drawn = shared_budget.granted[grant.problem]
        if drawn == LADDER[rung[grant.problem] + 1]:
            rung[grant.problem] += 1
            shared_budget.bid(grant.problem, values[grant.problem][rung[grant.problem]], next_batch(drawn))
    return Spent(float(right[np.arange(problems), rung].mean()), sum(shared_budget.granted) / problems)


def adaptive(world: World, average: float) -> float:
    """The accuracy of majority that stops when settled, capped at two rungs between which it draws that average."""
    votes = world.votes["majority"]
    open_ = np.ones(len(world.bins), np.bool_)
    right = votes[0].right.copy()
    points = [Spent(float(right.mean()), float(LADDER[0]))]
    for at, batch in enumerate(np.diff(LADDER)):
        open_ &= stays(votes[at].tallies) < CONFIDENCE
        right[open_] = votes[at + 1].right[open_]
        points.append(Spent(float(right.mean()), points[-1].average + float(open_.mean() * batch)))
    return float(np.interp(average, [each.average for each in points], [each.accuracy for each in points]))


class Estimate(NamedTuple):
    """A mean over seeds with its interval."""

    mean: float
    low: float
    high: float


def over_seeds(values: Sequence[float]) -> Estimate:
    mean, n = float(np.mean(values)), len(values)
    reach = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Estimate(round(mean, 4), round(mean - reach, 4), round(mean + reach, 4))


def one_seed(seed: int, auc: float, pattern: bool, oracle: Oracle, *, thorough: bool) -> dict[str, float]:
    """Everything that is measured of one seed, by name; what is no headline only where it is to be thorough."""
    learnt = World((seed, 1), auc, pattern=pattern)
    world = World((seed, 2), auc, pattern=pattern)
    allocator = Allocator.fit(learnt)
    told: dict[str, float] = {}
    averages = AVERAGES if thorough else (HEADLINE, 64)
    for average, spent in zip(averages, allocator.spend(world, averages), strict=True):
        at = LADDER.index(average)
        best = oracle.accuracy(spent.average)
        told |= {
            f"ours@{average}": spent.accuracy,
            f"drawn@{average}": spent.average,
            f"oracle@{average}": best,
            f"gap@{average}": best - spent.accuracy,
            f"relative_gap@{average}": 1 - spent.accuracy / best,
            f"best-of-n@{average}": float(world.votes["best-of-n"][at].right.mean()),
            f"majority@{average}": float(world.votes["majority"][at].right.mean()),
            f"adaptive@{average}": adaptive(world, average),
        }
    told["lost_to_majority"] = told[f"majority@{HEADLINE}"] - told[f"ours@{HEADLINE}"]
    told["baseline_share"] = float(np.mean([each.strategy == BASELINE for each in allocator.choices]))
    told["ratio"] = ratio(allocator, world, told["best-of-n@64"])
    if thorough:
        told |= doubts(seed, auc, pattern, allocator, learnt, world)
    return told


def doubts(seed: int, auc: float, pattern: bool, allocator: Allocator, learnt: World, world: World) -> dict[str, float]:
    """What the choices add to majority with the same spending, and how much less comes of worse knowledge."""
    plain = Allocator.fit(learnt, [BASELINE], [HEADLINE])
    told = {f"majority by our spending@{HEADLINE}": plain.spend(world, [HEADLINE])[0].accuracy}
    for part in MISLABELLED:
        told[f"mislabelled {part:.0%}"] = allocator.spend(world, [HEADLINE], mislabelled=part, seed=seed)[0].accuracy
    for per_bin in FEWER:
        few = Allocator.fit(World((seed, 1), auc, pattern=pattern, per_bin=per_bin), budgets=[HEADLINE])
        told[f"learnt from {per_bin * len(RATES)}"] = few.spend(world, [HEADLINE])[0].accuracy
    return told


def ratio(allocator: Allocator, world: World, goal: float) -> float:
    """The average that reaches this accuracy, between two that were tried, over 64; 1 where none does."""
    before = Spent(0.0, float(PROBES))
    for spent in allocator.spend(world, RATIO_AVERAGES):
        if spent.accuracy >= goal:
            part = (goal - before.accuracy) / (spent.accuracy - before.accuracy) if before.accuracy else 1.0
            return (before.average + part * (spent.average - before.average)) / 64
        before = spent
    return 1.0


def measure(auc: float, pattern: bool, seeds: int, *, thorough: bool) -> dict[str, Estimate]:
    oracle = Oracle(auc, pattern=pattern, problems=10_000 if thorough else 2000)
    every = [one_seed(seed, auc, pattern, oracle, thorough=thorough) for seed in range(seeds)]
    return {name: over_seeds([each[name] for each in every]) for name in every[0]}


WORLDS = {"auc 0.8": (0.8, True), "auc 0.65": (0.65, True), "auc 0.5": (0.5, True), "auc 0.5, no pattern": (0.5, False)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="20, or 200 with --rules")
    parser.add_argument("--quick", action="store_true", help="2 seeds, no AUC of 0.65, a coarser oracle, the headlines")
    parser.add_argument("--rule", choices=["likely", "shown"], default="likely", help="when a way replaces the vote")
    parser.add_argument("--rules", action="store_true", help="the two rules of choice instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.seeds is not None and options.seeds < 2:
        parser.error("an interval takes two seeds")
    if options.rules:
        found = measure_rules(options.seeds or 200)
        print(json.dumps(found) if options.json else "\n".join(rule_lines(found, options.seeds or 200)))
        return
    Allocator.rule = options.rule
    seeds = 2 if options.quick else options.seeds or 20
    began = time.perf_counter()
    worlds = {
        name: measure(*world, seeds, thorough=not options.quick)
        for name, world in WORLDS.items()
        if not options.quick or name != "auc 0.65"
    }
    main_world = worlds["auc 0.8"]
    noise = max((worlds[name] for name in worlds if "0.5" in name), key=lambda each: each["lost_to_majority"].mean)
    rules = measure_rules(10, sizes=(200,)) if options.quick else {}
    headline = {
        "oracle_gap": main_world[f"gap@{HEADLINE}"].mean,
        "oracle_gap_relative": main_world[f"relative_gap@{HEADLINE}"].mean,
        "samples_ratio": main_world["ratio"].mean,
        "noise_loss": noise["lost_to_majority"].mean,
        **({"rule_gain": rules["small"][200]["likely"].mean} if rules else {}),
        **({"rule_cost": -rules["nothing"][200]["likely"].mean} if rules else {}),
        "average": HEADLINE,
        "seeds": seeds,
        "seconds": round(time.perf_counter() - began, 1),
    }
    if options.json:
        print(json.dumps(headline | {"worlds": worlds}))
        return
    for name, figures in worlds.items():
        print(name)
        for figure, estimate in figures.items():
            print(f"  {figure:<28} {estimate.mean:8.4f}  [{estimate.low:.4f}, {estimate.high:.4f}]")
    print("\n".join(f"{name}: {value}" for name, value in headline.items()))


if __name__ == "__main__":
    main()
