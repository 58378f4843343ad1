"""A probability from a few features: logistic regression, kept as plain numbers.

p = 1 / (1 + exp(-(b + sum_j w_j (x_j - m_j) / s_j))), with the mean m_j and the spread s_j of each feature where it was
fitted. scikit-learn fits it; what comes out needs nothing but the numbers. A feature that is not known (nan) counts as
its mean, so that it says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PENALTY = 1.0  # of the squared weights of standardised features, against the log-likelihood of all rows
_FURTHEST = 30.0  # beyond that exp is no use


@dataclass(frozen=True, slots=True)
class Term:
    """A feature of a fitted model."""

    mean: float
    spread: float  # > 0
    weight: float  # per spread

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.weight) and 0 < self.spread < math.inf):
            raise ValueError(f"{self} is no term of a model")


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted model."""

    intercept: float
    terms: Mapping[str, Term]  # by the feature's name

    def check(self, known: Collection[str]) -> None:
        """That it looks at these features alone.

        Raises:
            ValueError: it does not.
        """
        if unknown := self.terms.keys() - set(known):
            raise ValueError(f"there is no feature {', '.join(sorted(unknown))}")

    def predict(self, features: Mapping[str, Array]) -> Array:
        """Probabilities in (0, 1), of the shape that the features share; nan counts as the feature's mean.

        Raises:
            ValueError: a feature of the model is not among them.
        """
        if missing := self.terms.keys() - features.keys():
            raise ValueError(f"the model needs {', '.join(sorted(missing))}")
        shape = next(iter(features.values())).shape
        total = np.full(shape, self.intercept)
        for name, term in self.terms.items():
            total += term.weight * np.nan_to_num((features[name] - term.mean) / term.spread, nan=0.0)
        return expit(total)


def expit(x: Array) -> Array:
    """The probability of a log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -_FURTHEST, _FURTHEST))))


def logit(p: Array) -> Array:
    """The log-odds of a probability, which is kept away from 0 and 1."""
    inside = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def fit(features: Mapping[str, Array], targets: Array, *, rows_each: int = 1, weights: Array | None = None) -> Logistic:
    """The model of these rows; targets are chances in [0, 1], each as good as that share of a right and a wrong row.

    A feature that is nowhere known, or everywhere the same, is left out. Where every problem has `rows_each` rows,
    these are no independent evidence: each counts as that part of one. `weights`: how many rows each stands for, above
    0; None: one.

    Raises:
        ValueError: no rows, shapes that differ, targets outside [0, 1].
    """
    n = len(targets)
    if not n or any(values.shape != (n,) for values in features.values()):
        raise ValueError("features and targets must have one value per row")
    if not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError("targets must be in [0, 1]")
    terms: dict[str, Term] = {}
    columns: list[Array] = []
    for name, values in features.items():
        known = values[~np.isnan(values)]
        if len(known) and (spread := float(known.std())) > 1e-9 * max(1.0, abs(float(known.mean()))):
            mean = float(known.mean())
            columns.append(np.nan_to_num((values - mean) / spread, nan=0.0))
            terms[name] = Term(mean, spread, 0.0)
    counts = (np.ones(n) if weights is None else weights) / rows_each
    intercept, found = _weights(np.column_stack(columns) if columns else np.zeros((n, 0)), targets, counts)
    fitted = {
        name: Term(term.mean, term.spread, float(weight))
        for (name, term), weight in zip(terms.items(), found, strict=True)
    }
    return Logistic(intercept, fitted)


def _weights(rows: Array, targets: Array, counts: Array) -> tuple[float, Sequence[float]]:
    mean = float(np.average(targets, weights=counts))
    if rows.shape[1] == 0 or not 0 < mean < 1:
        n = float(counts.sum())  # with half a right and half a wrong one besides, so that it is never certain
        share = (mean * n + 0.5) / (n + 1)
        return math.log(share / (1 - share)), [0.0] * rows.shape[1]
    from sklearn.linear_model import LogisticRegression  # takes a second to load, and only fitting needs it

    model = LogisticRegression(C=1 / _PENALTY, solver="newton-cholesky")  # many rows, few columns
    outcomes = np.repeat([1, 0], len(targets))
    parts = np.concatenate([targets * counts, (1 - targets) * counts])
    model.fit(np.concatenate([rows, rows]), outcomes, sample_weight=parts)
    return float(model.intercept_[0]), [float(weight) for weight in model.coef_[0]]


def folds(n: int, count: int, seed: int) -> NDArray[np.intp]:
    """The fold, from 0 to count - 1, of each of n problems: at random, in equal numbers as far as they go."""
    return np.random.default_rng((seed, n, count)).permutation(np.arange(n) % count)


def crossfit(features: Mapping[str, Array], targets: Array, *, count: int = 5, seed: int = 0) -> Array:
    """What a model would say of each row that was fitted on the other folds; rows are problems, shape (rows,).

    Raises:
        ValueError: as in `fit`, and fewer than two rows.
    """
    if len(targets) < 2:
        raise ValueError("it takes two problems to fit on one and predict the other")
    fold = folds(len(targets), min(count, len(targets)), seed)
    predicted = np.empty(len(targets))
    for number in np.unique(fold):
        own = fold == number
        model = fit({name: values[~own] for name, values in features.items()}, targets[~own])
        predicted[own] = model.predict({name: values[own] for name, values in features.items()})
    return predicted
