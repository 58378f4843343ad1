"""Experiment 3: revising, attempt by attempt, and sequential against parallel at the same number of attempts (s. 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from experiments.data import VERIFIER, Attempts, Data
from experiments.measures import BINS, Array, accuracies, bins, difference, in_resamples, mean, oracle, task
from ttcli.answers.vote import hierarchical
from ttcli.search.best_of_n import scored_by
from ttcli.stats.intervals import percentile_interval

BUDGETS = (4, 16, 64)
CHAINS = {64: f"revise:ratio=1[{VERIFIER}]@64", 256: f"revise:ratio=1[{VERIFIER}]@256"}  # 8 of 8 attempts, 16 of 16
COUNT = scored_by(hierarchical)


def measure(data: Data) -> dict[str, Any]:
    """Attempts by their place, and every division of a budget into chains that those drawn allow."""
    hardness = bins(oracle(data.shallow))
    rates = np.array([each.samples.correct.mean() if each.samples else np.nan for each in data.measured])
    found: dict[str, Any] = {"steps": {}, "ratios": []}
    for drawn, name in CHAINS.items():
        attempts = data.attempts(name)
        if attempts:
            places = _places(data, attempts)
            found["steps"][drawn] = _steps(attempts, rates[places])
            found["ratios"] += _ratios(data, attempts, places, hardness, drawn)
    return found


def _places(data: Data, attempts: Sequence[Attempts]) -> list[int]:
    """Where the problems of chains are among all."""
    where = {row["id"]: at for at, row in enumerate(data.rows)}
    return [where[each.number] for each in attempts]


def _steps(attempts: Sequence[Attempts], rates: Array) -> list[dict[str, Any]]:
    """By place in the chain: how many are right, and turn; and what independent samples would do."""
    flags = [np.array([[each.right(one) for one in chain] for chain in each.chains], np.float64) for each in attempts]
    rows = []
    for place in range(flags[0].shape[1]):
        row: dict[str, Any] = {"attempt": place + 1, **mean(np.array([own[:, place].mean() for own in flags]))}
        if place:
            before = [own[:, place - 1] for own in flags]
            now = [own[:, place] for own in flags]
            for name, wanted in (("wrong_to_right", 0.0), ("right_to_wrong", 1.0)):
                of = np.array([(each == wanted).sum() for each in before], np.float64)
                turned = [np.abs(b - a)[b == wanted].sum() for a, b in zip(now, before, strict=True)]
                alone = of * (rates if wanted == 0.0 else 1 - rates)  # an independent sample instead
                row[name] = _ratio(np.array(turned), of)
                row[f"{name}_independent"] = _ratio(alone, of)
        rows.append(row)
    return rows


def _ratio(part: Array, whole: Array) -> dict[str, Any]:
    """A quotient of sums with its interval by resampling problems."""

    if not whole.sum():
        return {"value": None, "interval": None, "of": 0}
    drawn = in_resamples(part) / np.maximum(in_resamples(whole), 1e-9)
    return {"value": float(part.sum() / whole.sum()), "interval": [*percentile_interval(drawn)], "of": int(whole.sum())}


def divisions(drawn: int) -> Iterator[tuple[int, int, int]]:
    """Budget, length and chains, as far as a square of chains has them; a length of 1 is parallel sampling."""
    side = round(drawn**0.5)
    for budget in BUDGETS:
        for length in (2**power for power in range(1, 5)):
            chains = budget // length
            if length <= side and 1 <= chains <= side and chains * length == budget:
                yield budget, length, chains


def divided(attempts: Sequence[Attempts], length: int, chains: int) -> Array:
    """The chance of each problem that chains of this length come to the right answer, over all groups of chains."""
    return np.array([_divided(each, length, chains) for each in attempts])


@cache
def _divided(problem: Attempts, length: int, chains: int) -> float:
    right = []
    for first in range(0, len(problem.chains) - chains + 1, chains):
        group = [one for chain in problem.chains[first : first + chains] for one in chain[:length]]
        leader = COUNT(group).leader
        right.append(leader is not None and any(problem.right(one) for one in group if one.answer == leader.answer))
    return float(np.mean(right))


def _ratios(
    data: Data, attempts: Sequence[Attempts], places: Sequence[int], hardness: Any, drawn: int
) -> list[dict[str, Any]]:
    figures = [data.measured[at] for at in places]
    own = hardness[places]
    rows = []
    for budget in BUDGETS:
        parallel = accuracies(figures, task("best-of-n", budget))
        rows.append(_row(budget, 1, budget, parallel, parallel, own, drawn))
        for size, length, chains in divisions(drawn):
            if size == budget:
                rows.append(_row(budget, length, chains, divided(attempts, length, chains), parallel, own, drawn))
    return rows


def _row(budget: int, length: int, chains: int, values: Array, parallel: Array, own: Any, drawn: int) -> dict[str, Any]:
    return {
        "budget": budget,
        "length": length,
        "chains": chains,
        "drawn": drawn,
        **mean(values),
        "against": difference(values, parallel) if length > 1 else None,
        "bins": [mean(values[own == number]) for number in range(BINS)],
        "against_by_bin": [difference(values[own == number], parallel[own == number]) for number in range(BINS)],
    }
