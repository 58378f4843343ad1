"""From the solutions in a store to a head with its card: label, cross-validate, fit, judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ttcli.bench.store.store import Store
from ttcli.errors import UsageError
from ttcli.train.card import Added, Trained, make_card
from ttcli.train.drawing import Stage
from ttcli.train.evaluation import evaluate
from ttcli.train.fit import Trial, choose, deal, trials
from ttcli.train.labels import label
from ttcli.train.parts import StoredPart, figures_of
from ttcli.train.recipe import RECIPES, Recipe
from ttcli.train.spec import TrainSpec
from ttcli.train.ways import Context, best_of_kinds, choose_way, depth_auc, make, remade, said, ways


def train_verifier(
    store: Store,
    spec: TrainSpec,
    parts: Sequence[StoredPart],
    layers: Sequence[int],
    *,
    recipes: Sequence[Recipe] = RECIPES,
) -> Iterator[Stage | Trained]:
    """How the fitting goes, and at last what came of it; without layers, by what is seen of solutions alone.

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
    votes = {each.position: each.samples for each in figures if each.samples}
    context = Context(train.examples, deal(train.examples, seed=seed), votes, seed)
    found: list[Trial] = []
    tried: list[Trial] = []
    for of_layer in trials(train.examples, votes, seed=seed, recipes=recipes):
        found += of_layer
        tried.append(choose(of_layer))
        yield Stage("layers tried", len(tried), len(layers))
    chosen = choose(found) if found else None
    all_ways = ways(context, chosen, tried)
    way = choose_way(all_ways)
    card = {"model": config.model, "weights": config.recipe["weights"]}
    head = make(context, way, card)
    chances = said(head, held_out.examples)
    judgement = evaluate(
        held_out.examples,
        chances[held_out.examples.ends - 1],
        {at: samples for at, samples in votes.items() if at in spec.held_out},
        seed=seed,
    )
    added = []
    for each in best_of_kinds(all_ways):
        elsewhere = said(make(context, each, card), held_out.examples)
        added.append(Added(each, depth_auc(train.examples, each.chances), depth_auc(held_out.examples, elsewhere)))
    trained = Trained(head, way, chosen, tuple(tried), tuple(added), train, held_out, judgement)
    yield replace(trained, head=remade(head, make_card(spec, config, trained)))
