"""From the solutions in a store to a head with its card: label, cross-validate, fit, judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ttcli.bench.store.store import Store
from ttcli.errors import UsageError
from ttcli.train.card import Trained, make_card
from ttcli.train.collect import Stage
from ttcli.train.evaluation import evaluate
from ttcli.train.fit import Trial, choose, fit, solution_scores, trials
from ttcli.train.labels import label
from ttcli.train.parts import StoredPart, figures_of
from ttcli.train.recipe import RECIPES, Recipe
from ttcli.train.spec import TrainSpec


def train_verifier(
    store: Store,
    spec: TrainSpec,
    parts: Sequence[StoredPart],
    layers: Sequence[int],
    *,
    recipes: Sequence[Recipe] = RECIPES,
) -> Iterator[Stage | Trained]:
    """How the fitting goes, and at last what came of it.

    Raises:
        UsageError: the solutions do not suffice to train on, or to judge by.
    """
    seed, figures = spec.settings.seed, figures_of(store, parts)
    config = parts[0].run.config  # in its model and its seed it is like the others
    train = label(store, [figures[at] for at in spec.training], layers, rollouts=spec.rollouts)
    held_out = label(store, [figures[at] for at in sorted(spec.held_out)], layers)
    if not len(held_out.examples.problem):
        raise UsageError(
            f"no solution of the {len(spec.held_out)} held-out problems has an answer to judge the head by",
            hint="more problems, or a larger --max-tokens",
        )
    found: list[Trial] = []
    tried: list[Trial] = []
    for of_layer in trials(train.examples, seed=seed, recipes=recipes):
        found += of_layer
        tried.append(choose(of_layer))
        yield Stage("layers tried", len(tried), len(layers))
    chosen = choose(found)
    head = fit(train.examples, chosen, {"model": config.model, "weights": config.recipe["weights"]}, seed=seed)
    scores = head.scores(held_out.examples.states[head.layer])
    judgement = evaluate(
        held_out.examples,
        solution_scores(scores, held_out.examples, head.aggregation),
        {
            problem.position: problem.samples
            for problem in figures
            if problem.position in spec.held_out and problem.samples
        },
        seed=seed,
    )
    trained = Trained(head, chosen, tuple(tried), train, held_out, judgement)
    yield replace(trained, head=replace(head, card=make_card(spec, config, trained)))
