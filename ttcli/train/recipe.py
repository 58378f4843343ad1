"""One fit: hidden states of one layer and labels in, plain arrays out."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.logistic import expit
from ttcli.train.pairs import calibrated, fit_pairs
from ttcli.verifier.head import Head, Layer

_ITERATIONS = 1000  # of a logistic regression at most
_BATCH = 256  # rows per update of a network
_EPOCHS = 40
_PATIENCE = 4  # epochs without a lower loss on the problems set aside, before a network is as good as it gets
_CHECKED = 64  # rows for which a head must say what scikit-learn says
_LEAST = 1e-7  # a chance is taken to be at least this, lest one bold mistake be an infinite loss
_PAIRS = 16  # of steps of a problem, at random: more take long, and tell little more
_ASIDE = 5  # one problem in so many is set aside for that


class Recipe(NamedTuple):
    """How a head is fitted."""

    hidden: int  # units of its hidden layer; 0: logistic regression
    c: float  # the inverse of the weight of |w|^2 / 2 beside the summed loss: the smaller, the stronger it is held down
    pairs: bool = False  # the loss is that of telling right from wrong steps within a problem, instead of over all

    def __str__(self) -> str:
        """As tables have it."""
        kind = f"{self.hidden} hidden units" if self.hidden else "linear in pairs" if self.pairs else "linear"
        return f"{kind}, C = {self.c:g}"


RECIPES = (
    *(Recipe(0, c) for c in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)),
    *(Recipe(0, c, pairs=True) for c in (1e-3, 1e-2)),
    Recipe(32, 1e-2),
)


UNNAMED = {"model": "", "weights": ""}  # the card of a head that is not to be kept


def fit_recipes(
    states: NDArray[np.floating[Any]],
    labels: NDArray[np.float64],
    problem: NDArray[np.intp],
    recipes: Sequence[Recipe],
    *,
    layer: int,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> Iterator[tuple[Recipe, Head]]:
    """A head by each of the recipes: states of a layer (steps, width), labels in [0, 1] and problems (steps,).

    `weights`: (steps,) what each label counts, 0: nothing; None: one.

    Logistic regressions come first, those held down most before the others, which go on from where they ended. With
    one seed the same data give the same weights.
    """
    from sklearn.preprocessing import StandardScaler

    counts = np.ones(len(labels)) if weights is None else weights
    scaler = StandardScaler().fit(states[counts > 0].astype(np.float32))
    scaled = scaler.transform(states.astype(np.float32))
    rows, some = _rows(scaled, labels, problem, counts), scaled[:_CHECKED]
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    paired = ((recipe, _paired(scaled, labels, problem, counts, recipe, seed)) for recipe in recipes if recipe.pairs)
    networks = ((recipe, _network(rows, recipe, seed, some)) for recipe in recipes if recipe.hidden)
    for recipe, (layers, predicted) in itertools.chain(_regressions(rows, recipes, some), paired, networks):
        head = Head(layer, "mean", mean, scale, layers, UNNAMED)
        if not np.allclose(head.scores(states[:_CHECKED]), predicted, atol=1e-3):
            raise RuntimeError(f"what scikit-learn fitted was not taken over as it is: {recipe}, layer {layer}")
        yield recipe, head


_Fit = tuple[tuple[Layer, ...], NDArray[np.float64]]  # and what scikit-learn itself says of some states


class _Rows(NamedTuple):
    """What scikit-learn takes: a soft label is two rows, each with its part of the weight."""

    states: NDArray[np.float32]  # standardised
    right: NDArray[np.bool_]
    weight: NDArray[np.float64]
    problem: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.states[chosen], self.right[chosen], self.weight[chosen], self.problem[chosen])


def _rows(
    states: NDArray[np.float32],
    labels: NDArray[np.float64],
    problem: NDArray[np.intp],
    counts: NDArray[np.float64],
) -> _Rows:
    parts = [
        (np.flatnonzero(weight > 0), weight[weight > 0], right)
        for weight, right in ((labels * counts, True), ((1 - labels) * counts, False))
    ]
    at = np.concatenate([where for where, _, _ in parts])
    order = np.argsort(at, kind="stable")  # as they stand in their solutions, whatever their labels
    at = at[order]
    weight = np.concatenate([weights for _, weights, _ in parts])[order]
    right = np.concatenate([np.full(len(where), flag) for where, _, flag in parts])[order]
    return _Rows(states[at], right, weight, problem[at])


def _regressions(rows: _Rows, recipes: Sequence[Recipe], some: NDArray[np.float32]) -> Iterator[tuple[Recipe, _Fit]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=_ITERATIONS, warm_start=True)
    for recipe in sorted(recipe for recipe in recipes if not (recipe.hidden or recipe.pairs)):
        model.set_params(C=recipe.c)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one that stops early is held down a little more
            model.fit(rows.states, rows.right, rows.weight)
        layer = Layer(model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32))
        yield recipe, ((layer,), _said(model, some))


def _paired(
    scaled: NDArray[np.float32],
    labels: NDArray[np.float64],
    problem: NDArray[np.intp],
    counts: NDArray[np.float64],
    recipe: Recipe,
    seed: int,
) -> _Fit:
    """A logistic unit fitted to pairs within problems; what is common to a problem's solutions cannot help it."""
    direction = fit_pairs(scaled, labels, problem, c=recipe.c, seed=seed, pairs=_PAIRS, weights=counts)
    slope, intercept = calibrated(scaled @ direction, labels, counts)
    matrix = (slope * direction)[:, np.newaxis].astype(np.float32)
    layer = Layer(matrix, np.array([intercept], np.float32))
    return (layer,), expit((scaled[:_CHECKED] @ matrix)[:, 0].astype(np.float64) + intercept)


def _network(rows: _Rows, recipe: Recipe, seed: int, some: NDArray[np.float32]) -> _Fit:
    """A hidden layer, trained until the loss on problems that it does not train on no longer falls."""
    from sklearn.neural_network import MLPClassifier

    problems = np.unique(rows.problem)
    rng = np.random.default_rng((seed, len(rows.weight)))
    aside = np.isin(rows.problem, rng.permutation(problems)[: max(1, len(problems) // _ASIDE)])
    train, test = rows.where(~aside), rows.where(aside)
    model = MLPClassifier(
        (recipe.hidden,),
        alpha=_BATCH / (recipe.c * len(train.weight)),  # scikit-learn weighs it against the loss of one batch
        batch_size=min(_BATCH, len(train.weight)),
        random_state=np.random.RandomState(seed),  # goes on from epoch to epoch
    )
    best, since = np.inf, 0
    found: _Fit | None = None
    for _ in range(_EPOCHS):
        model.partial_fit(train.states, train.right, train.weight, classes=[False, True])
        chances = np.clip(model.predict_proba(test.states)[:, 1], _LEAST, 1 - _LEAST)
        loss = float(-np.average(np.log(np.where(test.right, chances, 1 - chances)), weights=test.weight))
        since += 1
        if loss < best:
            best, since = loss, 0
            pairs = zip(model.coefs_, model.intercepts_, strict=True)
            layers = tuple(Layer(matrix.astype(np.float32), bias.astype(np.float32)) for matrix, bias in pairs)
            found = layers, _said(model, some)
        if since >= _PATIENCE:
            break
    if found is None:
        raise RuntimeError(f"the loss of {recipe} is no number")
    return found


def _said(model: Any, some: NDArray[np.float32]) -> NDArray[np.float64]:
    said: NDArray[np.float64] = model.predict_proba(some)[:, 1]
    return said
