"""What a trained head says of itself: its card, as JSON."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ttcli.bench.store.config import RunConfig
from ttcli.train.evaluation import Evaluation, Measured, Votes
from ttcli.train.fit import FOLDS, Trial
from ttcli.train.labels import Labelled
from ttcli.train.spec import TrainSpec
from ttcli.train.ways import Way
from ttcli.verifier.head import Head
from ttcli.verifier.head_file import write_head
from ttcli.verifier.stack import Stack


class Added(NamedTuple):
    """What a kind of way is worth."""

    way: Way
    depths: list[float]  # mean AUC within problems at 25, 50, 75 and 100 % of the steps, out of fold
    held_out: list[float]  # the same on the held-out problems; nan: none has right and wrong solutions


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A head, and what is known of it."""

    head: Head | Stack
    way: Way  # that was taken
    chosen: Trial | None  # of one layer; None: no states were looked at
    tried: tuple[Trial, ...]  # the best of every layer
    added: tuple[Added, ...]  # the best of every kind of way, the simplest first
    train: Labelled
    held_out: Labelled
    judgement: Evaluation  # by the held-out problems

    def write(self, path: Path) -> None:
        """Write the head, with its card.

        Raises:
            ModelError: the file cannot be written.
        """
        write_head(path, self.head)


def make_card(spec: TrainSpec, config: RunConfig, trained: Trained) -> dict[str, Any]:
    """What the head was made from and how, what cross-validation said, and what it is worth on held-out problems.

    Intervals are pairs of bounds, of 95 %; shares and AUCs are in [0, 1].
    """
    solutions, given = spec.solutions, spec.given
    return {
        "version": 1,
        "model": config.model,
        "weights": config.recipe["weights"],
        "data": {"name": spec.data.name, "sha256": spec.data.sha256},
        "solutions": {"name": solutions.name, "sha256": solutions.sha256} if solutions else None,
        "temperature": config.temperature,
        "train": _counted(trained.train, given),
        "held_out": _counted(trained.held_out, given),
        "cross_validation": {"folds": FOLDS, "layers": [_trial(trial) for trial in trained.tried]},
        "chosen": _trial(trained.chosen) if trained.chosen else None,
        "looks_at": trained.way.kind,
        "ways": [_added(each, trained) for each in trained.added],
        "figures": {
            **evaluation_figures(trained.judgement),
            "auc_within_by_quarters": depth_figures(trained),
        },
        "beats_majority": trained.judgement.beats_majority,
        "ttc": config.ttc,
        "seed": config.seed,
        "date": datetime.now().astimezone().date().isoformat(),
        "command": shlex.join(spec.command),
    }


def _counted(found: Labelled, given: Collection[int]) -> dict[str, Any]:
    examples = found.examples.where(found.examples.sampled)
    own = int(np.isin(examples.problem, [*given]).sum())
    return {
        "problems": len(np.unique(examples.problem)),
        "solutions": len(examples.problem),
        "given": own,
        "drawn": len(examples.problem) - own,
        "steps": len(examples.labels),
        "right": float(examples.correct.mean()),
        "left_out_without_answer": found.silent,
        "rollouts": found.rollouts,
        "rollouts_fitted_to": int((~found.examples.sampled).sum()),
        "rollouts_without_answer": found.silent_rollouts,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "layer": trial.layer,
        **trial.recipe._asdict(),
        "aggregation": trial.aggregation,
        "vote_log_loss": trial.quality.loss,
        "weighted_vote": trial.quality.vote,
        "auc_within": trial.within,
        "auc_across": trial.across,
    }


def _added(found: Added, trained: Trained) -> dict[str, Any]:
    """What a kind of way adds, in the terms of the vote that it would make."""
    quality = found.way.quality
    return {
        "looks_at": found.way.kind,
        "taken": found.way.kind == trained.way.kind,
        "features_fitted_by": None if found.way.kind in ("states", "several layers") else found.way.loss,
        "layers": [part.layer for part in found.way.parts],
        "vote_log_loss": quality.loss,
        "weighted_vote": quality.vote,
        "auc_within": quality.ranking.within,
        "auc_within_by_quarters": found.depths,
        "held_out_auc_within_by_quarters": [None if math.isnan(value) else value for value in found.held_out],
    }


def depth_figures(trained: Trained) -> list[float | None]:
    """The AUC within held-out problems at 25, 50, 75 and 100 % of the steps; of training problems where none tells."""
    taken = next(each for each in trained.added if each.way.kind == trained.way.kind)
    pairs = zip(taken.held_out, taken.depths, strict=True)
    return [own if math.isnan(held_out) else held_out for held_out, own in pairs]


def evaluation_figures(judgement: Evaluation) -> dict[str, Any]:
    """What held-out problems say of a verifier, for its card."""
    return {
        "problems": judgement.problems,
        "solutions": judgement.solutions,
        "right": judgement.right,
        "auc_across": _measured(judgement.across),
        "auc_within": _measured(judgement.within),
        "brier": _measured(judgement.brier),
        "calibration_error": _measured(judgement.calibration),
        "reliability": [each._asdict() for each in judgement.bins],
        "votes": [_vote(votes) for votes in judgement.votes],
    }


def _measured(figure: Measured) -> dict[str, Any]:
    return {"value": figure.value, "interval": figure.interval, "problems": figure.problems}


def _vote(votes: Votes) -> dict[str, Any]:
    return {**votes._asdict(), "comparison": votes.comparison._asdict()}
