"""Experiment 4: the compute-optimal choice by difficulty, and how many samples of best-of-N it is worth (s. 3.2, 5.3).

The choice is that of `ttc calibrate`, two-fold inside each bin, in the mean over several ways to cut the halves. Bins
come from samples that nothing else is measured on: by pass@1 (oracle), or by the verifier's mean score (predicted), and
neither is charged, as in the paper. Charged is what `--method auto` does: difficulty is told from four probes, these
are part of the budget, and a search has what they leave. Where chains are known of some problems only, revisions stand
on these, in the bins that they have among all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.data import VERIFIER, Attempts, Data
from experiments.measures import (
    BINS,
    Array,
    accuracies,
    bins,
    difference,
    in_resamples,
    mean,
    oracle,
    predicted,
    task,
    tokens,
)
from experiments.revisions import CHAINS, divided, divisions
from ttcli.allocate.difficulty import PROBES, Probes, unseen
from ttcli.allocate.marginal import LADDER, Seen, SharedBudget, fit_gains, next_batch
from ttcli.allocate.optimal import LEVEL, Outcomes, pick, split
from ttcli.allocate.standing import Tallies
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.stats.intervals import percentile_interval

SIMPLE = "best-of-n"
BEAM = "beam:m=4"
AUTO = (f"auto:{BEAM}", "auto:particles")  # on what four probes leave
HEADLINE = 16
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # as far as they were drawn
MOST = 64  # samples that a shared budget may give one problem
SPLITS = 20
ENOUGH = 100  # problems: ten in half a bin
RESAMPLED = ("rebase", "particles")  # searches that the paper has not
SEARCH, SEARCHES, ALWAYS = "search", "every search", "always"
FAMILIES = (SEARCH, SEARCHES, "revisions", "all")


class Ways(NamedTuple):
    """What ways of spending come to at a budget, on the same problems."""

    names: tuple[str, ...]
    right: Array  # (problems, ways)
    tokens: Array  # (problems, ways); nan: not known

    def only(self, wanted: Sequence[str]) -> Ways:
        """Some of them."""
        places = [self.names.index(name) for name in self.names if name in wanted]
        return Ways(tuple(self.names[at] for at in places), self.right[:, places], self.tokens[:, places])

    def of(self, problems: NDArray[np.bool_]) -> Ways:
        """On some problems."""
        return Ways(self.names, self.right[problems], self.tokens[problems])


class Curve(NamedTuple):
    """Best-of-N weighted, on the same problems."""

    sizes: tuple[int, ...]
    right: Array  # (sizes, problems)
    fixed: Array  # (problems,) tokens of the prompt
    each: Array  # (problems,) tokens of a sample, and of scoring it


def measure(data: Data) -> dict[str, Any]:
    """Every family of ways, budget and kind of difficulty."""
    figures = data.measured
    curve = curve_of(figures)
    chances = unseen(probes_of(figures), _targets(figures))
    kinds = {"oracle": bins(oracle(data.shallow)), "predicted": bins(predicted(data.shallow))}
    found: dict[str, Any] = {"n": len(figures), "rows": [], "splits": SPLITS}
    votes = {size: mean(values) for size, values in zip(curve.sizes, curve.right, strict=True)}
    found["curves"] = {"best-of-N weighted": votes}
    found["curves"]["majority"] = {size: mean(accuracies(figures, task("majority", size))) for size in curve.sizes}
    with_chains = _chained(data, 64)
    chained = np.array([each.row.problem.id in with_chains for each in figures], np.bool_)
    revised = [each for each, own in zip(figures, chained, strict=True) if own]
    for budget in (4, 16):
        found["rows"] += _rows(_ways(data, figures, budget, 64), FAMILIES[:2], budget, kinds, curve)
        if revised:
            own_kinds = {kind: hardness[chained] for kind, hardness in kinds.items()}
            ways = _ways(data, revised, budget, 64)
            found["rows"] += _rows(ways, FAMILIES[2:], budget, own_kinds, curve_of(revised))
    found["rows"] += _charged(figures, HEADLINE, chances, curve)
    found["rows"].append(_shared(figures, chances, HEADLINE, curve))
    return found


def measure_deep(data: Data) -> list[dict[str, Any]]:
    """The same at a budget of 64, on the problems that have every search; no choice by few problems."""
    figures = data.measured_searched
    ways, curve = _ways(data, figures, 64, 256), curve_of(figures)
    if len(figures) < ENOUGH:
        return [*_always(ways, 64, curve)]
    searched = {each.row.problem.id for each in figures}
    own = [each for each in data.deep if each.row.problem.id in searched]
    kinds = {"oracle": bins(oracle(own)), "predicted": bins(predicted(own))}
    rows = [*_rows(ways, FAMILIES, 64, kinds, curve)]
    return [*rows, *_charged(figures, 64, unseen(probes_of(figures), _targets(figures)), curve)]


def curve_of(figures: Sequence[ProblemFigures]) -> Curve:
    """Best-of-N weighted, as far as all problems have samples."""
    sizes = [size for size in SIZES if size <= min(len(each.facts) for each in figures)]
    right = np.stack([accuracies(figures, task(SIMPLE, size)) for size in sizes])
    one, two = (tokens(figures, task(SIMPLE, size)) for size in (1, 2))
    return Curve(tuple(sizes), right, 2 * one - two, two - one)


def _rows(
    ways: Ways,
    families: Sequence[str],
    budget: int,
    kinds: Mapping[str, NDArray[np.intp]],
    curve: Curve,
) -> Iterator[dict[str, Any]]:
    """A row for each of these families that has been drawn, by each kind of difficulty."""
    own = {family: ways.only(names) for family, names in _families(ways).items() if family in families}
    if SEARCHES in families:
        yield from _always(ways, budget, curve)
    for kind, hardness in kinds.items():
        for family, some in own.items():
            yield _row(family, kind, budget, some, hardness, curve)


def _always(ways: Ways, budget: int, curve: Curve) -> Iterator[dict[str, Any]]:
    """A row for each way but best-of-N, on all problems: what there is without a choice."""
    simple = ways.right[:, ways.names.index(SIMPLE)]
    for at, name in enumerate(ways.names):
        if name != SIMPLE:
            told = _worth(ways.right[:, at], ways.tokens[:, at], simple, budget, curve)
            yield {"family": ALWAYS, "way": name, "difficulty": "", **told}


def _chained(data: Data, attempts: int) -> dict[str, Attempts]:
    """Chains of so many attempts in all, by the problem."""
    return {str(each.number): each for each in data.attempts(CHAINS[attempts])}


def _ways(data: Data, figures: Sequence[ProblemFigures], budget: int, attempts: int) -> Ways:
    """All that was drawn at a budget on these problems, best-of-N first; of chains those of so many attempts in all."""
    names = [SIMPLE, BEAM, *(("beam:m=sqrt",) if budget == 4 else ()), *RESAMPLED]
    right = {name: accuracies(figures, task(name, budget)) for name in names}
    spent = {name: tokens(figures, task(name, budget)) for name in names}
    known_chains = _chained(data, attempts)
    if known_chains and all(each.row.problem.id in known_chains for each in figures):
        chains = [known_chains[each.row.problem.id] for each in figures]
        for size, length, number in divisions(attempts):
            if size == budget:
                name = f"revise {length} x {number}"
                right[name], spent[name] = divided(chains, length, number), np.full(len(figures), np.nan)
    known = {name: values for name, values in right.items() if not np.isnan(values).any()}
    return Ways(tuple(known), np.stack([*known.values()], axis=1), np.stack([spent[name] for name in known], axis=1))


def _families(ways: Ways) -> dict[str, list[str]]:
    """The paper's two, more searches, and all together."""
    revising = [name for name in ways.names if name.startswith("revise")]
    searching = [name for name in ways.names if name.startswith("beam")]
    others = [name for name in ways.names if name in RESAMPLED]
    found = {SEARCH: [SIMPLE, *searching]} if searching else {}
    found |= {SEARCHES: [SIMPLE, *searching, *others]} if others else {}
    found |= {"revisions": [SIMPLE, *revising]} if revising else {}
    return found | ({"all": [*ways.names]} if searching and revising else {})


def crossed(ways: Ways, hardness: NDArray[np.intp]) -> tuple[Array, Array, dict[int, dict[str, float]]]:
    """Accuracy and tokens of each problem by the choice on the other half, and how often which way is chosen in a bin.

    In the mean over `SPLITS` ways to cut the halves.
    """
    unknown = np.full((*ways.right.shape, 1), np.nan)
    outcomes = Outcomes(ways.names, (0.0,), ways.right[:, :, None], unknown, unknown, unknown, baseline=SIMPLE)
    right, spent = np.zeros(len(hardness)), np.zeros(len(hardness))
    chosen: dict[int, dict[str, float]] = {number: {} for number in range(BINS)}
    for seed in range(SPLITS):
        halves = split(hardness, seed)
        for half in (0, 1):
            here = np.flatnonzero(halves == half)
            picks = pick(outcomes, 0, hardness, BINS, halves != half, LEVEL)
            strategies = np.array([each.strategy for each in picks], np.intp)
            right[here] += ways.right[here, strategies[hardness[here]]] / SPLITS
            spent[here] += ways.tokens[here, strategies[hardness[here]]] / SPLITS
            for number, each in enumerate(strategies.tolist()):
                name = ways.names[each]
                chosen[number][name] = chosen[number].get(name, 0.0) + 0.5 / SPLITS
    return right, spent, chosen


def _row(family: str, kind: str, budget: int, ways: Ways, hardness: NDArray[np.intp], curve: Curve) -> dict[str, Any]:
    right, spent, chosen = crossed(ways, hardness)
    simple = ways.right[:, ways.names.index(SIMPLE)]
    singles = {name: float(ways.right[:, at].mean()) for at, name in enumerate(ways.names)}
    return {
        "family": family,
        "difficulty": kind,
        **_worth(right, spent, simple, budget, curve),
        "singles": singles,
        "chosen": chosen,
    }


def _worth(right: Array, spent: Array, simple: Array, budget: float, curve: Curve) -> dict[str, Any]:
    """What so many generations come to, how much more that is than best-of-N has, and how many times its samples."""
    against = difference(right, simple)
    return {"budget": budget, **mean(right), "against": against, **factors(right, spent, budget, curve)}


def factors(right: Array, spent: Array, budget: float, curve: Curve) -> dict[str, Any]:
    """How many times as many samples, and tokens, best-of-N takes for the same accuracy, with 95 % intervals.

    Between the sizes measured it is taken to grow with log N. `open`: the part of the resamples in which all sizes fall
    short of the accuracy, so that the factor is at least what is told; `beyond`: whether they do as it is.
    """
    point = float(_needed(right.mean(keepdims=True), curve.right.mean(axis=1)[None], curve.sizes)[0])
    means = np.stack([in_resamples(values) for values in curve.right], axis=1)
    drawn = _needed(in_resamples(right), means, curve.sizes)
    told: dict[str, Any] = {
        "factor": point / budget,
        "factor_interval": [*percentile_interval(drawn / budget)],
        "open": float((drawn >= curve.sizes[-1]).mean()),
        "beyond": bool(right.mean() > curve.right.mean(axis=1).max()),
    }
    if not np.isnan(spent).any():
        price = (in_resamples(curve.fixed) + drawn * in_resamples(curve.each)) / in_resamples(spent)
        told["factor_tokens"] = float((curve.fixed.mean() + point * curve.each.mean()) / spent.mean())
        told["factor_tokens_interval"] = [*percentile_interval(price)]
    return told


def _needed(goals: Array, accuracies: Array, sizes: Sequence[int]) -> Array:
    """The size that has each goal, by accuracies of the shape (goals, sizes); the largest one where none has it."""
    best = np.maximum.accumulate(accuracies, axis=1)
    known = np.array(sizes, np.float64)
    above = best >= goals[:, None]
    at = np.clip(above.argmax(axis=1), 1, None)
    rows = np.arange(len(goals))
    low, high = best[rows, at - 1], best[rows, at]
    part = np.clip((goals - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    between = known[at - 1] * (known[at] / known[at - 1]) ** part
    return np.where(above.any(axis=1), between, known[-1])


def _charged(figures: Sequence[ProblemFigures], budget: int, chances: Array, curve: Curve) -> Iterator[dict[str, Any]]:
    """Votes, and searches on what the probes leave: a row for those of the paper, and one for all that were drawn."""
    right = {name: accuracies(figures, task(name, budget)) for name in (SIMPLE, *AUTO)}
    known = {name: values for name, values in right.items() if not np.isnan(values).any()}
    spent = [tokens(figures, task(name, budget)) for name in known]
    ways = Ways(tuple(known), np.stack([*known.values()], axis=1), np.stack(spent, axis=1))
    yield from _always(ways, budget, curve)
    if AUTO[0] in known:
        yield _row(SEARCH, "charged", budget, ways.only((SIMPLE, AUTO[0])), bins(chances), curve)
    if AUTO[1] in known:
        yield _row(SEARCHES, "charged", budget, ways, bins(chances), curve)


def probes_of(figures: Sequence[ProblemFigures]) -> Probes:
    """The first samples of problems."""
    own = [(each.samples, each.ratings[VERIFIER].scores, each.facts) for each in figures]
    shape = (len(figures), PROBES)
    return Probes(
        np.array([samples.classes[:PROBES] for samples, _, _ in own if samples]),
        np.array([scores[:PROBES] for _, scores, _ in own]),
        np.full(shape, np.nan),
        np.array([[fact.tokens for fact in facts[:PROBES]] for _, _, facts in own], np.float64),
    )


def _targets(figures: Sequence[ProblemFigures]) -> Array:
    return np.array([each.samples.correct[PROBES:].mean() for each in figures if each.samples])


class Standing(NamedTuple):
    """Votes of all problems over their first samples, weighted by scores."""

    tallies: Tallies
    right: Array


def standing(figures: Sequence[ProblemFigures], samples: int) -> Standing:
    """How the votes stand after so many samples."""
    width = max(int(each.samples.classes.max()) + 1 for each in figures if each.samples)
    counts, scored = (np.zeros((len(figures), max(width, 1)), np.int64) for _ in range(2))
    sums, right = np.zeros(counts.shape), np.zeros(len(figures))
    for row, each in enumerate(figures):
        if each.samples is None:
            continue
        classes, scores = each.samples.classes[:samples], each.ratings[VERIFIER].scores[:samples]
        known = classes >= 0
        told = known & ~np.isnan(scores)
        counts[row] = np.bincount(classes[known], minlength=counts.shape[1])
        scored[row] = np.bincount(classes[told], minlength=counts.shape[1])
        sums[row] = np.bincount(classes[told], scores[told], minlength=counts.shape[1])
        if known.any():
            right[row] = each.samples.correct[:samples][classes == sums[row].argmax()].any()
    return Standing(Tallies(counts, scored, sums, sums, sums.argmax(axis=1)), right)


def _shared(figures: Sequence[ProblemFigures], chances: Array, average: int, curve: Curve) -> dict[str, Any]:
    """Best-of-N where the budget is an average: what more samples bring is learnt on the other half of the problems."""
    rungs = [rung for rung in LADDER if rung <= MOST]
    votes = {rung: standing(figures, rung) for rung in rungs}
    halves = split(bins(chances), 0)
    right, samples = np.zeros(len(figures)), np.zeros(len(figures))
    for half in (0, 1):
        learn, here = halves != half, np.flatnonzero(halves == half)
        seen = [Seen(rung, _part(votes[rung].tallies, learn), votes[rung].right[learn]) for rung in rungs]
        gains = fit_gains(seen, chances[learn])
        worth = np.stack(
            [gains.worth(rung, _part(votes[rung].tallies, halves == half), chances[here]) for rung in rungs], axis=1
        )
        samples[here] = auction(worth, average, rungs)
        held = [max(rung for rung in rungs if rung <= count) for count in samples[here]]
        right[here] = [votes[rung].right[at] for rung, at in zip(held, here, strict=True)]
    spent = curve.fixed + samples * curve.each
    return {
        "family": "votes",
        "difficulty": "averaged budgets",
        "budget": average,
        **mean(right),
        "against": difference(right, curve.right[curve.sizes.index(average)]),
        "samples": float(samples.mean()),
        **factors(right, spent, float(samples.mean()), curve),
    }


def _part(tallies: Tallies, problems: NDArray[np.bool_]) -> Tallies:
    return Tallies(*(values[problems] for values in tallies))


def auction(worth: Array, average: int, rungs: Sequence[int]) -> Array:
    """Samples of each problem when the budget goes to the highest bidder; `worth` has the shape (problems, rungs)."""
    budget = SharedBudget(len(worth), average * len(worth), probe=rungs[0], most=rungs[-1])
    rung = [0] * len(worth)
    for problem, values in enumerate(worth):
        budget.bid(problem, float(values[0]), next_batch(rungs[0]))
    while grant := budget.grant():
        drawn, at = budget.granted[grant.problem], rung[grant.problem]
        if at + 1 < len(rungs) and drawn == rungs[at + 1]:
            rung[grant.problem] = at + 1
            if at + 2 < len(rungs):
                budget.bid(grant.problem, float(worth[grant.problem, at + 1]), next_batch(drawn))
    return np.array(budget.granted, np.float64)


def headline(found: Mapping[str, Any], family: str) -> dict[str, Any] | None:
    """A family at the paper's budget, with difficulty that is predicted, and charged where that was drawn."""
    rows = [row for row in found["rows"] if (row["family"], row["budget"]) == (family, HEADLINE)]
    known = {row["difficulty"]: row for row in rows}
    return known.get("charged") or known.get("predicted")
