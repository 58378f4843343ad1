"""How hard a problem is for this model, from its first few samples.

Oracle difficulty is the share of right samples, pass@1, and needs the answer; predicted difficulty here needs none: a
logistic regression on what the first k samples look like (Snell et al. 2024, s. 3.2, take the verifier's mean score
alone). Bins are quantiles of either, or fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import vote
from ttcli.search import method
from ttcli.solution import Candidate
from ttcli.stats.logistic import Array, Logistic, crossfit, fit

PROBES = method.PROBES  # samples that difficulty is told from
BINS = 5

FEATURES = ("agreement", "unanswered", "score", "spread", "logprob", "length")


class Probes(NamedTuple):
    """The first samples of problems; arrays have the shape (problems, k), k at least 2."""

    classes: NDArray[np.int64]  # equal answers of a problem have equal numbers; -1: no answer
    scores: Array  # the verifier's, in [0, 1]; nan: not scored
    logprobs: Array  # mean per token, <= 0; nan: not known
    tokens: Array  # sampled


def probes(problems: Sequence[Sequence[Candidate]]) -> Probes:
    """The probes of some problems, as many of each.

    Raises:
        ValueError: problems with different numbers of probes, or fewer than 2 of each.
    """
    if len({len(problem) for problem in problems}) != 1 or len(problems[0]) < 2:
        raise ValueError(f"difficulty takes as many probes of each problem, at least 2: {[*map(len, problems)]}")
    classes = np.full((len(problems), len(problems[0])), -1, np.int64)
    for row, candidates in enumerate(problems):
        place = {candidate.index: at for at, candidate in enumerate(candidates)}
        for number, answer in enumerate(vote.majority(candidates).votes):
            classes[row, [place[index] for index in answer.members]] = number
    logprobs = [[_per_token(each) for each in candidates] for candidates in problems]
    return Probes(
        classes,
        np.array([[each.score for each in candidates] for candidates in problems], np.float64),  # None becomes nan
        np.array(logprobs, np.float64),
        np.array([[each.tokens for each in candidates] for candidates in problems], np.float64),
    )


def _per_token(candidate: Candidate) -> float | None:
    spoken = candidate.tokens - candidate.thought_tokens  # the log-probability is that of the text
    return candidate.logprob / max(spoken, 1) if candidate.logprob is not None else None


def look(probes: Probes) -> dict[str, Array]:
    """Features of problems, each of the shape (problems,); nan where a feature is not known.

    agreement: the share of pairs of samples with the same answer; unanswered: the share of samples without one;
    score, spread: mean and standard deviation of the verifier's scores; logprob: mean per token; length: log of the
    mean number of tokens.
    """
    classes, k = probes.classes, probes.classes.shape[1]
    same = (classes[:, :, np.newaxis] == classes[:, np.newaxis]) & (classes >= 0)[:, :, np.newaxis]
    pairs = np.triu(np.ones((k, k), np.bool_), 1)
    score = _mean(probes.scores)
    return {
        "agreement": same[:, pairs].mean(axis=1),
        "unanswered": (classes < 0).mean(axis=1),
        "score": score,
        "spread": np.sqrt(_mean((probes.scores - score[:, np.newaxis]) ** 2)),
        "logprob": _mean(probes.logprobs),
        "length": np.log(np.maximum(probes.tokens.mean(axis=1), 1.0)),
    }


def _mean(values: Array) -> Array:
    """Of what is known in each row; nan where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Tells the chance that one sample is right."""

    probes: int  # samples it looks at, at least 2
    model: Logistic

    def __post_init__(self) -> None:
        if self.probes < 2:
            raise ValueError(f"difficulty is told from 2 probes or more, not {self.probes}")
        self.model.check(FEATURES)

    def predict(self, probes: Probes) -> Array:
        """Chances in (0, 1), of the shape (problems,).

        Raises:
            ValueError: another number of probes than it was fitted on.
        """
        if probes.classes.shape[1] != self.probes:
            raise ValueError(f"difficulty is told from {self.probes} probes, not {probes.classes.shape[1]}")
        return self.model.predict(look(probes))


def fit_difficulty(probes: Probes, targets: Array) -> Difficulty:
    """Learn from problems with known answers; `targets` are shares of right samples, best of others than the probes.

    Raises:
        ValueError: no problems, shapes that differ, targets outside [0, 1].
    """
    return Difficulty(probes.classes.shape[1], fit(look(probes), targets))


def unseen(probes: Probes, targets: Array, *, seed: int = 0) -> Array:
    """What `fit_difficulty` comes to on problems it was not fitted on: each is predicted from the other folds.

    Raises:
        ValueError: as in `fit_difficulty`, and a single problem.
    """
    return crossfit(look(probes), targets, seed=seed)


def oracle(correct: NDArray[np.bool_]) -> Array:
    """Pass@1 of problems, the shape (problems,), from whether their samples are correct, (problems, samples)."""
    return np.asarray(correct.mean(axis=1))


@dataclass(frozen=True, slots=True)
class Bins:
    """Ranges of the chance that a sample is right; bin 0 is the easiest."""

    edges: tuple[float, ...]  # in (0, 1), ascending: between the hardest two bins first

    def __post_init__(self) -> None:
        if any(not 0 < edge < 1 for edge in self.edges) or list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"edges ascend from 0 to 1, unlike {self.edges}")

    @property
    def count(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1

    def of(self, chances: Array) -> NDArray[np.intp]:
        """The bin of each; a chance on an edge is in the easier one."""
        return np.asarray(len(self.edges) - np.searchsorted(self.edges, chances, side="right"))


def quantile_bins(chances: Array, count: int = BINS) -> Bins:
    """Bins with as many of these problems each; fewer where equal chances make an edge useless.

    Raises:
        ValueError: no problems.
    """
    if not len(chances):
        raise ValueError("there are no problems to put into bins")
    cuts = np.quantile(chances, np.arange(1, count) / count)
    return Bins(tuple(sorted({float(cut) for cut in cuts if chances.min() < cut < 1})))


class Reliability(NamedTuple):
    """Problems that were given about the same chance."""

    predicted: float  # mean chance
    observed: float  # mean share of right samples
    problems: int


class Calibration(NamedTuple):
    """How far predicted chances can be trusted."""

    brier: float  # mean squared error against the outcome of one sample
    brier_known: float  # of one who knows the true chances: what is left is luck
    brier_constant: float  # of one who says the overall share every time
    reliability: tuple[Reliability, ...]  # hardest first


def calibration(predicted: Array, targets: Array, count: int = 10) -> Calibration:
    """Of predictions for problems that the model was not fitted on; targets are shares of right samples.

    E (p - y)^2 = (p - t)^2 + t (1 - t) for an outcome y that is 1 with chance t. Reliability is told in `count` groups
    of equally many problems.

    Raises:
        ValueError: no problems, shapes that differ.
    """
    if not len(targets) or predicted.shape != targets.shape:
        raise ValueError(f"{predicted.shape} predictions for {targets.shape} problems")
    luck = float((targets * (1 - targets)).mean())
    order = np.argsort(predicted, kind="stable")
    groups = [group for group in np.array_split(order, count) if len(group)]
    return Calibration(
        brier=float(((predicted - targets) ** 2).mean()) + luck,
        brier_known=luck,
        brier_constant=float(((targets.mean() - targets) ** 2).mean()) + luck,
        reliability=tuple(
            Reliability(float(predicted[group].mean()), float(targets[group].mean()), len(group)) for group in groups
        ),
    )
