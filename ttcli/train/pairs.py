"""A loss within problems: of two steps of one problem's solutions, which leads to a right answer?

The pairwise logistic loss, log(1 + exp(-w (x_right - x_wrong))), as in RankNet (Burges et al. 2005): what a problem's
solutions have in common, above all how hard it is, cancels out, and so it can teach nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.logistic import Logistic, Term, fit

_PAIRS = 64  # of a problem, at random, where rows are short
_WORTH = 8.0  # what a problem counts: steps of one solution are no independent evidence


def fit_pairs(
    rows: NDArray[np.floating],
    labels: NDArray[np.float64],
    problem: NDArray[np.intp],
    *,
    c: float,
    seed: int,
    pairs: int = _PAIRS,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """(width,) the direction in which right steps lie from wrong ones; zeros where no problem has both.

    Args:
        rows: (steps, width), standardised.
        labels: (steps,) in [0, 1]: a step is a right one above one half, a wrong one below.
        problem: (steps,).
        c: the inverse of the weight of |w|^2 / 2 beside the summed loss, in which every problem counts `_WORTH`.
        pairs: of each problem.
        weights: (steps,) what each label counts, which decides how often a step is one of a pair; None: all the same.
    """
    from sklearn.linear_model import LogisticRegression

    right, wrong, weight = _pairs(labels, problem, seed, pairs, weights)
    if not len(right):
        return np.zeros(rows.shape[1])
    differences = rows[right] - rows[wrong]
    model = LogisticRegression(C=c, fit_intercept=False, max_iter=1000)
    outcomes = np.repeat([True, False], len(right))
    model.fit(np.concatenate([differences, -differences]), outcomes, np.concatenate([weight, weight]) / 2)
    direction: NDArray[np.float64] = model.coef_[0].astype(np.float64)
    return direction


def _pairs(
    labels: NDArray[np.float64],
    problem: NDArray[np.intp],
    seed: int,
    pairs: int,
    weights: NDArray[np.float64] | None,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Right steps, wrong steps beside them, and what each pair counts."""
    rng = np.random.default_rng((seed, len(labels)))
    found: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    counts = np.ones(len(labels)) if weights is None else weights

    def drawn(steps: NDArray[np.intp]) -> NDArray[np.intp]:
        own = counts[steps]
        return rng.choice(steps, pairs, p=None if (own == own[0]).all() else own / own.sum())

    for at in np.unique(problem):
        own = (problem == at) & (counts > 0)
        right, wrong = np.flatnonzero(own & (labels > 0.5)), np.flatnonzero(own & (labels < 0.5))
        if len(right) and len(wrong):
            found.append((drawn(right), drawn(wrong)))
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    rights, wrongs = (np.concatenate(side) for side in zip(*found, strict=True))
    return rights, wrongs, np.full(len(rights), _WORTH / pairs)


def calibrated(
    values: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Slope and intercept that make log-odds of values (Platt 1999); the slope is not negative."""
    if weights is not None and not weights.all():
        counted = weights > 0
        return calibrated(values[counted], labels[counted], weights[counted])
    model = fit({"value": values.astype(np.float64)}, labels, weights=weights)
    term = model.terms.get("value")
    if term is None or term.weight <= 0:
        return 0.0, model.intercept
    slope = term.weight / term.spread
    return slope, model.intercept - slope * term.mean


def paired_logistic(
    columns: dict[str, NDArray[np.float64]],
    labels: NDArray[np.float64],
    problem: NDArray[np.intp],
    *,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> Logistic:
    """A logistic model of named features whose weights are fitted to pairs within problems."""
    terms: dict[str, Term] = {}
    rows: list[NDArray[np.float64]] = []
    for name, values in columns.items():
        known = values[~np.isnan(values)]
        if len(known) and (spread := float(known.std())) > 1e-9 * max(1.0, abs(float(known.mean()))):
            terms[name] = Term(float(known.mean()), spread, 0.0)
            rows.append(np.nan_to_num((values - known.mean()) / spread, nan=0.0))
    matrix = np.column_stack(rows) if rows else np.zeros((len(labels), 0))
    direction = fit_pairs(matrix, labels, problem, c=0.1, seed=seed, weights=weights) if rows else np.zeros(0)
    slope, intercept = calibrated(matrix @ direction, labels, weights)
    weighed = zip(terms.items(), (slope * direction).tolist(), strict=True)
    return Logistic(intercept, {name: Term(term.mean, term.spread, weight) for (name, term), weight in weighed})
