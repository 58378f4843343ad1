"""Experiment 6: a reward model with noise in its weights: where search begins to lose against the vote.

Each matrix gets normal noise of so many times its own standard deviation. So a text always gets the same score, as from
a worse model and unlike a coin: what a search finds to exploit stays there.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import Data
from experiments.measures import accuracies, difference, mean, task
from experiments.votes import AUC_SAMPLES
from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import percentile_interval, resamples
from ttcli.stats.subsets import GradedSamples, subset_limit, subset_vote

BUDGETS = (4, 16, 64)
BEAM = "beam:m=4"
CATALOG = Path(__file__).parents[2] / "models"


def copy_of(path: Path, level: float, folder: Path) -> Path:
    """Where the copy of a model lies that has so much noise."""
    return folder / f"{path.stem}-noise-{level:g}.gguf"


def make_worse(path: Path, level: float, target: Path) -> None:
    """Copy a model with noise in its matrices, and the TOML beside it; the same level, the same copy."""
    import gguf

    if target.exists():
        return
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind, inner = field.types[0], field.types[-1] if len(field.types) > 1 else None
        writer.add_key_value(field.name, field.contents(), kind, inner)
    rng = np.random.default_rng(17)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if values.ndim > 1:
            values = values + level * values.std() * rng.standard_normal(values.shape).astype(np.float32)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    target.with_suffix(".toml").write_text(_described(path), encoding="utf-8")


def _described(path: Path) -> str:
    """How a reward model wants a solution put, as the TOML beside it or that of the catalog says."""
    beside = path.with_suffix(".toml")
    text = (beside if beside.exists() else CATALOG / beside.name).read_text(encoding="utf-8")
    told = tomllib.loads(text)["verifier"]
    return "\n".join(["[verifier]", *(f"{key} = {json.dumps(value)}" for key, value in told.items()), ""])


def measure(data: Data) -> list[dict[str, Any]]:
    """A row per level of noise, the untouched model first: beam search against the vote with the same scores."""
    levels = {name for row in data.rows for name in row["policy"]["scores"] if name.startswith("noise")}
    figures = data.measured
    rows = []
    for level in sorted(levels, key=lambda name: float(name.split()[1])):
        told = dict(zip(*data.noisy(level), strict=True))
        places = [at for at, each in enumerate(figures) if each.figure(task(BEAM, 16, level)) and at in told]
        if not places:
            continue
        part = [figures[at] for at in places]
        samples = [
            GradedSamples(each.samples.classes[:64], each.samples.correct[:64], told[at][:64])
            for at, each in zip(places, part, strict=True)
            if each.samples
        ]
        row: dict[str, Any] = {"noise": float(level.split()[1]), "n": len(part), "auc": _auc(samples), "budgets": {}}
        for budget in BUDGETS:
            votes = np.array([
                subset_vote(each, budget, "weighted", subsets=subset_limit(1000)).accuracy for each in samples
            ])  # fmt: skip
            majority = accuracies(part, task("majority", budget))
            search = accuracies(part, task(BEAM, budget, level))
            row["budgets"][budget] = {
                "best-of-n": mean(votes),
                "majority": mean(majority),
                BEAM: mean(search),
                "beam - best-of-n": difference(search, votes),
                "beam - majority": difference(search, majority),
                "best-of-n - majority": difference(votes, majority),
            }
        rows.append(row)
    return rows


def _auc(samples: list[GradedSamples]) -> dict[str, Any]:
    scores, correct, problem = [], [], []
    for number, each in enumerate(samples):
        told = each.scores if each.scores is not None else np.full(len(each), np.nan)
        known = (each.classes >= 0) & ~np.isnan(told)
        known[AUC_SAMPLES:] = False
        scores.append(told[known])
        correct.append(each.correct[known])
        problem.append(np.full(int(known.sum()), number))
    ranking = Ranking.of(np.concatenate(scores), np.concatenate(correct), np.concatenate(problem))
    within = percentile_interval(ranking.within_in(resamples(len(ranking.right), 0)))
    return {"value": ranking.within, "interval": [*within], "n": int(ranking.mixed.sum()), "samples": AUC_SAMPLES}
