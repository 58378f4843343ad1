"""What tells how hard a problem is before anything has been drawn: the hidden state at the end of its prompt?

    python benchmarks/difficulty.py RUN [--store FILE] [--json]

RUN is a run of `ttc bench` or `ttc train verifier` whose problems have at least 8 samples each. The chance that one
sample is right is predicted for problems that the predictor was not fitted on (five folds), and compared with the share
of right ones among the samples from the fifth on:

    constant        the same chance for every problem: the mean of the others
    prompt          the state at the last token of the prompt, at a layer and with a strength that leave-one-out inside
                    the other folds chooses (ridge regression on the share): no sample
    2, 4 probes     what `ttc calibrate` fits to the first 2 or 4 samples, without a verifier
    prompt + 4      the four probes, and what the prompt's state says as one feature more

`brier` is the mean squared error against the outcome of one sample, `auc` the chance that a right sample's problem was
given more than a wrong one's. Intervals are 95 % by bootstrap over problems; `less` is how much smaller the Brier score
is than that of a constant.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from ttcli.allocate.difficulty import PROBES, look, probes
from ttcli.answers import is_correct
from ttcli.bench.figures.candidates import first_candidates
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.store import Run, Store
from ttcli.catalog.pull import resolve
from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.engine.template import ChatTemplate
from ttcli.files.paths import home
from ttcli.runtime.loader import prompt_of
from ttcli.solution import Candidate
from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import percentile_interval, resamples
from ttcli.stats.logistic import Array, crossfit, fit, folds
from ttcli.terminal.download import download_progress
from ttcli.verifier.reader import Reader

SAMPLES = 8
FOLDS = 5
STRENGTHS = np.logspace(1, 7, 13)  # of the ridge: the states are hundreds of numbers for about as many problems
TOGETHER = 8  # prompts in one reading


def prompt_states(run: Run, problems: Sequence[ProblemFigures]) -> dict[int, Array]:
    """By layer: the states at the ends of the prompts, of the shape (problems, width)."""
    local = resolve(run.config.model, offline=False, progress=download_progress())
    model = Model(local.path)
    template, prompt = ChatTemplate(model), prompt_of(local)
    layers = sorted({round(share * model.layers) for share in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)})
    texts = [template.encode(prompt.messages(each.row.problem)) for each in problems]
    reader = Reader(model, "difficulty", observe=layers)
    found: list[Mapping[int, NDArray[np.float32]]] = []
    for first in range(0, len(texts), TOGETHER):
        branches = [Branch(None, ids) for ids in texts[first : first + TOGETHER]]
        reader.reserve(max(map(len, texts)), len(branches))
        found += reader.states(branches)
        reader.release(branches)
    reader.close()
    model.close()
    return {layer: np.stack([np.asarray(each[layer], np.float64) for each in found]) for layer in layers}


class Ridge:
    """The chance from the prompt's states, at the layer that leave-one-out finds best."""

    def __init__(self, states: Mapping[int, Array], share: Array) -> None:
        fits = {layer: self._fit(values, share) for layer, values in states.items()}
        self.layer = max(fits, key=lambda layer: float(fits[layer][1].best_score_))
        self._scaler, self._model = fits[self.layer]
        chosen = list(STRENGTHS).index(self._model.alpha_)
        self.left_out: Array = np.asarray(self._model.cv_results_)[:, chosen]  # what it says of each, without it

    @staticmethod
    def _fit(values: Array, share: Array) -> tuple[Any, Any]:
        scaler = StandardScaler().fit(values)
        model = RidgeCV(STRENGTHS, scoring="neg_mean_squared_error", store_cv_results=True)
        return scaler, model.fit(scaler.transform(values), share)

    def predict(self, states: Mapping[int, Array]) -> Array:
        """Chances, kept away from 0 and 1."""
        said = self._model.predict(self._scaler.transform(states[self.layer]))
        return np.asarray(np.clip(said, 0.01, 0.99))


def by_prompt(
    states: Mapping[int, Array], share: Array, features: Mapping[str, Array], seed: int
) -> tuple[Array, Array, list[int]]:
    """What the prompt alone says of unseen problems, what it says with the probes, and the layers chosen."""
    fold = folds(len(share), FOLDS, seed)
    alone, together, layers = np.empty(len(share)), np.empty(len(share)), []
    for number in range(FOLDS):
        own = fold == number
        ridge = Ridge({layer: values[~own] for layer, values in states.items()}, share[~own])
        alone[own] = ridge.predict({layer: values[own] for layer, values in states.items()})
        layers.append(ridge.layer)
        model = fit({name: values[~own] for name, values in features.items()} | {"prompt": ridge.left_out}, share[~own])
        together[own] = model.predict({name: values[own] for name, values in features.items()} | {"prompt": alone[own]})
    return alone, together, layers


def told_of(value: Array, resampled: Array) -> list[float]:
    """A measure, and its interval over resamples of the problems."""
    return [round(each, 4) for each in (float(value[0]), *percentile_interval(resampled))]


def study(run: Run, store: Store, seed: int) -> dict[str, Any]:
    """All predictors on the problems of a run that have enough samples."""
    known, drawn = [], []
    for each in load_figures(store, run):
        candidates = first_candidates(store, run.config, each.row.problem.text, "", SAMPLES)
        if len(candidates) == SAMPLES:
            known.append(each)
            drawn.append(candidates)
    right = np.array([[_right(each, problem) for each in row] for row, problem in zip(drawn, known, strict=True)])
    later = right[:, PROBES:]
    share = later.mean(axis=1)
    features = look(probes([row[:PROBES] for row in drawn]))
    alone, together, layers = by_prompt(prompt_states(run, known), share, features, seed)
    fold = folds(len(share), FOLDS, seed)
    mean = np.array([share[fold != own].mean() for own in fold])
    predictors = {
        "constant": mean,
        "prompt": alone,
        "2 probes": crossfit(look(probes([row[:2] for row in drawn])), share, count=FOLDS, seed=seed),
        "4 probes": crossfit(features, share, count=FOLDS, seed=seed),
        "prompt + 4": together,
    }
    n = len(known)
    whole = np.ones((1, n))
    drawn_again = resamples(n, seed)

    def errors(predicted: Array) -> Array:
        return np.asarray(((predicted[:, np.newaxis] - later) ** 2).mean(axis=1))

    told: dict[str, Any] = {"run": run.id, "problems": n, "right": round(float(later.mean()), 4), "layers": layers}
    place = np.repeat(np.arange(n), later.shape[1])
    for name, predicted in predictors.items():
        own, less = errors(predicted), errors(mean) - errors(predicted)
        ranking = Ranking.of(predicted[place], later.ravel(), place)
        told[name] = {
            "brier": told_of(whole @ own / n, drawn_again @ own / n),
            "less": told_of(whole @ less / n, drawn_again @ less / n),
            "auc": told_of(ranking.across_in(whole), ranking.across_in(drawn_again)),
        }
    return told


def _right(candidate: Candidate, problem: ProblemFigures) -> bool:
    return is_correct(candidate.answer, problem.row.problem.answer or "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="id of a run, or the beginning of one")
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    with Store(options.store or home() / "runs.sqlite3", readonly=True) as store:
        told = study(store.run(options.run), store, options.seed)
    if options.json:
        print(json.dumps(told))
        return
    print(f"{told['problems']} problems of run {told['run']}, {100 * told['right']:.1f} % of samples right")
    print(f"layers chosen for the prompt: {', '.join(map(str, told['layers']))}")
    for name, values in told.items():
        if isinstance(values, dict):
            cells = (f"{what} {v:.3f} ({low:.3f} to {high:.3f})" for what, (v, low, high) in values.items())
            print(f"{name:>12}  {'   '.join(cells)}")


if __name__ == "__main__":
    main()
