"""Solutions that nobody had to draw: one layer carries what they come to, or none does."""

from __future__ import annotations

import numpy as np

from ttcli.stats.subsets import GradedSamples
from ttcli.train.examples import Examples
from ttcli.train.recipe import Recipe

LAYERS = (3, 5, 7)
TELLING = 5  # the layer that carries the signal
QUICK = (Recipe(0, 1e-3), Recipe(0, 1e-1))


def make_examples(
    seed: int = 0, *, problems: int = 40, samples: int = 6, signal: float = 1.0, width: int = 16
) -> Examples:
    """Problems of all rates of success; every step of a solution carries the signal, with noise of its own."""
    rng = np.random.default_rng(seed)
    problem = np.repeat(np.arange(problems), samples)
    correct = rng.random(len(problem)) < rng.beta(1.5, 1.5, problems)[problem]
    steps = rng.integers(1, 6, len(problem))
    outcome = np.repeat(correct, steps)
    direction = rng.normal(size=width) / np.sqrt(width)
    states = {layer: rng.normal(size=(len(outcome), width)).astype(np.float32) for layer in LAYERS}
    states[TELLING] += ((2 * outcome - 1) * signal)[:, np.newaxis] * direction
    numbers = np.tile(np.arange(samples), problems)
    return Examples(problem, numbers, correct, steps, outcome.astype(np.float64), states)


def make_votes(examples: Examples, *, seed: int = 0) -> dict[int, GradedSamples]:
    """All samples of each problem: right ones agree, wrong ones fall into three classes."""
    rng = np.random.default_rng((seed, 1))
    votes = {}
    for at in np.unique(examples.problem).tolist():
        correct = examples.correct[examples.problem == at]
        names = np.where(correct, 0, rng.integers(1, 4, len(correct)))
        first: dict[int, int] = {}
        classes = np.array([first.setdefault(name, len(first)) for name in names.tolist()])
        votes[at] = GradedSamples(classes, correct)
    return votes
