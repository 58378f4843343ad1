"""Experiment 6: the verifier with noise in its weights (`worse.py`): where search begins to lose against the vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.data import VERIFIER, Data
from experiments.measures import accuracies, difference, mean, task
from experiments.votes import auc_of
from ttcli.stats.subsets import subset_limit, subset_vote

BUDGETS = (4, 16, 64)
BEAM = "beam:m=4"
VOTED = 64  # samples of each problem that votes are over


def measure(data: Data) -> list[dict[str, Any]]:
    """A row per level of noise, none first: beam search against the vote with the same scores, on the same problems."""
    levels = sorted(data.noisy, key=_level)
    known = {name: places for name in levels if (places := _known(data, name))}
    if not known:
        return []
    most = max(known.values(), key=len)
    return [_row(data, name, places) for name, places in ({VERIFIER: most} | known).items()]


def _level(name: str) -> float:
    return float(name.partition(" ")[2] or 0)


def _known(data: Data, name: str) -> list[int]:
    """The problems on which a verifier was tried at every budget, and the one without noise too."""
    wanted = [task(BEAM, budget, each) for each in (VERIFIER, name) for budget in BUDGETS]
    return [
        at
        for at, each in enumerate(data.measured)
        if name in data.rows[at]["policy"]["scores"] and all(each.figure(one) for one in wanted)
    ]


def _row(data: Data, name: str, places: Sequence[int]) -> dict[str, Any]:
    part, said = [data.measured[at] for at in places], [scores[:VOTED] for scores in data.scores(name, places)]
    samples = [each.samples.part(slice(VOTED), scores) for each, scores in zip(part, said, strict=True) if each.samples]
    row: dict[str, Any] = {"noise": _level(name), "n": len(part), "auc": auc_of(samples, said), "budgets": {}}
    for budget in BUDGETS:
        votes = np.array([
            subset_vote(each, budget, "weighted", subsets=subset_limit(1000)).accuracy for each in samples
        ])  # fmt: skip
        majority = accuracies(part, task("majority", budget))
        search = accuracies(part, task(BEAM, budget, name))
        row["budgets"][budget] = {
            "best-of-n": mean(votes),
            "majority": mean(majority),
            BEAM: mean(search),
            "beam - best-of-n": difference(search, votes),
            "beam - majority": difference(search, majority),
            "best-of-n - majority": difference(votes, majority),
        }
    return row
