"""What a trained adapter says of itself: its card, as JSON."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttcli.catalog.forms import PrmForm
from ttcli.errors import TtcError
from ttcli.files.atomic import write_whole
from ttcli.train.card import evaluation_figures
from ttcli.train.evaluation import Evaluation, evaluate
from ttcli.train.lora.adapter_file import write_adapter
from ttcli.train.lora.checkpoint import Arrays, Progress
from ttcli.train.lora.encoding import toml
from ttcli.train.lora.judge import Chains, Scored
from ttcli.train.lora.pool import PooledProblem, examples_of
from ttcli.train.lora.spec import LoraSpec
from ttcli.train.lora.transitions import Revising, as_json, transitions
from ttcli.train.ways import depth_auc

if TYPE_CHECKING:
    from ttcli.train.lora.gather import Prepared
    from ttcli.train.lora.learning import Fitted


@dataclass(frozen=True, slots=True, eq=False)
class TrainedAdapter:
    """An adapter, and what is known of it."""

    arrays: Arrays
    alpha: float
    family: str
    form: PrmForm | None  # of a process reward model
    progress: Progress
    judgement: Evaluation | Revising  # by the held-out problems
    quarters: list[float | None]  # of a process reward model: AUC within them at 25, 50, 75, 100 % of the steps
    card: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write the adapter with its card; the form of a process reward model goes into a TOML beside it.

        Raises:
            TtcError: one of them cannot be written.
        """
        write_adapter(path, self.arrays, self.card, alpha=self.alpha, family=self.family)
        if self.form is not None:
            beside = path.with_suffix(".toml")
            try:
                write_whole(beside, toml(self.form))
            except OSError as error:
                hint = "make room, and give the same command again: what was trained is kept"
                raise TtcError(f"cannot write {beside}: {error.strerror or error}", hint=hint) from error


def trained_adapter(
    spec: LoraSpec, prepared: Prepared, fitted: Fitted, pool: Sequence[PooledProblem], heard: Chains | Scored
) -> TrainedAdapter:
    """What came of a training, with its card.

    Args:
        pool: the held-out problems.
        heard: what the adapter did, or said, on them.
    """
    judgement: Evaluation | Revising
    quarters: list[float | None] = []
    if isinstance(heard, Chains):
        judgement = transitions(heard, seed=spec.train.settings.seed)
        figures = as_json(judgement)
        verdict: dict[str, Any] = {"revises": judgement.revises}
    else:
        examples = examples_of(pool)
        votes = {each.position: each.votes for each in pool if each.votes is not None}
        judgement = evaluate(examples, heard.chances[examples.ends - 1], votes, seed=spec.train.settings.seed)
        quarters = [None if math.isnan(auc) else auc for auc in depth_auc(examples, heard.chances)]
        figures = {**evaluation_figures(judgement), "auc_within_by_quarters": quarters}
        verdict = {"beats_majority": judgement.beats_majority}
    card = {**_origin(spec, prepared, fitted), "figures": figures, **verdict}
    return TrainedAdapter(
        fitted.arrays,
        spec.fitting.alpha,
        fitted.family,
        prepared.form,
        fitted.progress,
        judgement,
        quarters,
        card,
    )


def _origin(spec: LoraSpec, prepared: Prepared, fitted: Fitted) -> dict[str, Any]:
    """What the adapter was made from, and how."""
    train, progress, best = spec.train, fitted.progress, fitted.progress.best
    return {
        "version": 1,
        "kind": spec.kind,
        "model": prepared.config.model,
        "weights": prepared.config.recipe["weights"],
        "data": {"name": train.data.name, "sha256": train.data.sha256},
        "solutions": {"name": train.solutions.name, "sha256": train.solutions.sha256} if train.solutions else None,
        "temperature": prepared.config.temperature,
        "samples": train.samples,
        "rollouts": prepared.rollouts,
        "problems": {
            "trained": prepared.problems[0],
            "stopping": prepared.problems[1],
            "held_out": len(train.held_out),
        },
        "examples": {"trained": len(prepared.examples), "stopping": len(prepared.stopping)},
        "chaining": asdict(spec.chaining) if spec.kind == "reviser" else None,
        "fitting": asdict(spec.fitting),
        "parameters": fitted.parameters,
        "steps": progress.step,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 1),
        "loss": progress.loss,
        "stopping_losses": progress.looks,
        "chosen": None if best is None else {"step": best[0], "loss": best[1]},
        "form": asdict(prepared.form) if prepared.form else None,
        "ttc": prepared.config.ttc,
        "seed": train.settings.seed,
        "date": datetime.now().astimezone().date().isoformat(),
        "command": shlex.join(train.command),
    }
