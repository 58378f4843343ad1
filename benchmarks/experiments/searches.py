"""Experiment 2: searches against best-of-N weighted with the same verifier, over all problems and by bin (s. 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.data import VERIFIER, Data
from experiments.measures import BINS, accuracies, bins, difference, mean, oracle, task, tokens

METHODS = (
    "beam:m=sqrt", "beam:m=4", "lookahead:m=4", "lookahead:k=3,m=4", "dvts:m=4", "rebase", "particles",
)  # fmt: skip
BUDGETS = (4, 16, 64, 256)


def measure(data: Data) -> dict[str, Any]:
    """A row per method and budget; bins are those of oracle difficulty, by samples that nothing is measured on."""
    hardness = bins(oracle(data.shallow))
    deep = {each.row.problem.id for each in data.deep}
    places = np.array([each.row.problem.id in deep for each in data.shallow])
    wide = {64: data.measured, 256: data.measured_deep}
    rows = []
    for budget in BUDGETS:
        figures, own = (wide[64], hardness) if budget <= 64 else (wide[256], hardness[places])
        base = accuracies(figures, task("best-of-n", budget))
        if np.isnan(base).all():
            continue
        for method in ("majority", "best-of-n", *METHODS):
            way = task(method, budget)
            told = accuracies(figures, way)
            if np.isnan(told).all():
                continue
            spent = tokens(figures, way)
            rows.append(
                {
                    "method": method,
                    "budget": budget,
                    **mean(told),
                    "tokens": float(np.nanmean(spent)),
                    "tokens_base": float(
                        np.nanmean(np.where(np.isnan(spent), np.nan, tokens(figures, task("best-of-n", budget))))
                    ),
                    "against": difference(told, base, test=True) if method != "best-of-n" else None,
                    "bins": [mean(told[own == number]) for number in range(BINS)],
                    "against_by_bin": [difference(told[own == number], base[own == number]) for number in range(BINS)],
                }
            )
    return {"verifier": VERIFIER, "rows": rows, "pass_rates": _rates(data, hardness)}


def _rates(data: Data, hardness: Any) -> list[float]:
    """Pass@1 of each bin, by the samples that it was not cut by."""
    rates = np.array([each.samples.correct.mean() if each.samples else np.nan for each in data.measured])
    return [float(rates[hardness == number].mean()) for number in range(BINS)]


def gain(found: dict[str, Any], method: str, budget: int) -> dict[str, Any] | None:
    """Of one method at one budget, over best-of-N."""
    rows = [row for row in found["rows"] if (row["method"], row["budget"]) == (method, budget)]
    return rows[0]["against"] if rows else None
