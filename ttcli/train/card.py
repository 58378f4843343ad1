"""What a trained head says of itself: its card, as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ttcli.bench.store.config import RunConfig
from ttcli.train.evaluation import Evaluation, Measured, Votes
from ttcli.train.fit import FOLDS, Trial
from ttcli.train.labels import Labelled
from ttcli.train.spec import TrainSpec
from ttcli.verifier.head import Head
from ttcli.verifier.head_file import write_head


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A head, and what is known of it."""

    head: Head
    chosen: Trial
    tried: tuple[Trial, ...]  # the best of every layer
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
        "chosen": _trial(trained.chosen),
        "figures": _figures(trained.judgement),
        "beats_majority": trained.judgement.beats_majority,
        "ttc": config.ttc,
        "seed": config.seed,
        "date": datetime.now().astimezone().date().isoformat(),
        "command": shlex.join(spec.command),
    }


def _counted(found: Labelled, given: Collection[int]) -> dict[str, Any]:
    examples = found.examples
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
        "rollouts_without_answer": found.silent_rollouts,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "layer": trial.layer,
        **trial.recipe._asdict(),
        "aggregation": trial.aggregation,
        "auc_within": trial.within,
        "auc_across": trial.across,
    }


def _figures(judgement: Evaluation) -> dict[str, Any]:
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
