"""From wrong to right and back: what a reviser does with the attempts it sees, against what it writes without any.

A draw of the same adapter that sees no attempt knows nothing of what was wrong. Were each revision such a draw, so many
of the wrong attempts would be followed by right ones as draws of their problems are right; a reviser has to do better
than that. Intervals are those of 95 %, by resampling problems (percentile bootstrap, Efron 1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.stats.intervals import Interval, percentile_interval, resamples
from ttcli.train.lora.judge import Chains


class Change(NamedTuple):
    """How often an attempt of one kind is followed by one of the other."""

    attempts: int  # of the first kind
    revised: float | None  # share that a revision changes; None: there are none
    alone: float | None  # share that a draw of the same problem, seeing none, would
    difference: float | None
    interval: Interval | None  # of the difference


class StepFigures(NamedTuple):
    """An attempt of chains, against draws that see none."""

    step: int  # 1: the first revision
    right: float  # of the attempts
    alone: float  # of the draws, for the same problems
    to_right: Change  # of attempts before that were wrong
    to_wrong: Change  # of those that were right


@dataclass(frozen=True, slots=True)
class Revising:
    """What held-out problems say of a reviser."""

    problems: int
    chains: int
    first: float  # share of the samples right that chains begin with
    steps: tuple[StepFigures, ...]
    to_right: Change  # over all steps
    to_wrong: Change
    gain: float  # of the last attempt against draws that see none: shares right
    gain_interval: Interval
    alone_gain: float  # of these draws against the samples that chains begin with, which are the model's own
    alone_gain_interval: Interval

    @property
    def revises(self) -> bool | Literal["unclear"]:
        """Whether it turns more wrong attempts right than draws that see none, by the interval of the difference."""
        found = self.to_right
        if found.interval is None or found.difference is None:
            return "unclear"
        if found.interval.low > 0:
            return True
        return "unclear" if found.difference > 0 else False

    @property
    def worse(self) -> bool:
        """Whether wrong attempts become right less often than draws that see none: what is in view misleads it."""
        return self.to_right.interval is not None and self.to_right.interval.high < 0

    @property
    def keeps(self) -> bool:
        """Whether right attempts stay right more often than draws that see none are."""
        return self.to_wrong.interval is not None and self.to_wrong.interval.high < 0

    @property
    def ratio(self) -> float | None:
        """Wrong to right, against draws that see none; None: these never are right."""
        found = self.to_right
        return found.revised / found.alone if found.revised is not None and found.alone else None


def transitions(chains: Chains, *, seed: int = 0) -> Revising:
    """The figures of chains, at least one of at least one revision."""
    names, place = np.unique(chains.problem, return_inverse=True)
    drawn = resamples(len(names), seed)
    totals = np.bincount(place, chains.alone.sum(axis=1), minlength=len(names))
    of_problem = np.bincount(place, minlength=len(names))  # chains
    alone = (totals / of_problem / chains.alone.shape[1])[place]  # (chains,)
    before, after = chains.revised[:, :-1], chains.revised[:, 1:]
    likely = np.broadcast_to(alone[:, None], after.shape)

    def change(steps: slice, *, right: bool) -> Change:
        wanted = before[:, steps] == right
        changed = wanted & (after[:, steps] != right)
        expected = np.where(wanted, 1 - likely[:, steps] if right else likely[:, steps], 0.0)
        count, revised, likely_ones = (
            np.bincount(place, part.sum(axis=1), minlength=len(names)).astype(np.float64)
            for part in (wanted, changed, expected)
        )
        return _change(count, revised, likely_ones, drawn)

    def mean(gains: NDArray[np.float64]) -> tuple[float, Interval]:
        totals = np.bincount(place, gains, minlength=len(names))
        return float(gains.mean()), percentile_interval((drawn @ totals) / (drawn @ of_problem))

    gain, gain_interval = mean(after[:, -1] - alone)
    alone_gain, alone_gain_interval = mean(alone - before[:, 0])
    return Revising(
        problems=len(names),
        chains=len(place),
        first=float(before[:, 0].mean()),
        steps=tuple(
            StepFigures(
                step + 1,
                float(after[:, step].mean()),
                float(alone.mean()),
                change(slice(step, step + 1), right=False),
                change(slice(step, step + 1), right=True),
            )
            for step in range(after.shape[1])
        ),
        to_right=change(slice(None), right=False),
        to_wrong=change(slice(None), right=True),
        gain=gain,
        gain_interval=gain_interval,
        alone_gain=alone_gain,
        alone_gain_interval=alone_gain_interval,
    )


def _change(
    count: NDArray[np.float64], changed: NDArray[np.float64], expected: NDArray[np.float64], drawn: NDArray[np.float64]
) -> Change:
    """From sums over the attempts of each problem; `drawn`: how often each problem is there in resamples."""
    total = float(count.sum())
    if not total:
        return Change(0, None, None, None, None)
    revised, alone = float(changed.sum()) / total, float(expected.sum()) / total
    counts = drawn @ count
    off = np.divide(drawn @ (changed - expected), counts, out=np.full(len(drawn), np.nan), where=counts > 0)
    return Change(int(total), revised, alone, revised - alone, percentile_interval(off))


def as_json(found: Revising) -> dict[str, Any]:
    """For a card; intervals are pairs of bounds."""
    return {
        "problems": found.problems,
        "chains": found.chains,
        "first_right": found.first,
        "steps": [
            {
                "step": step.step,
                "right": step.right,
                "alone_right": step.alone,
                "wrong_to_right": step.to_right._asdict(),
                "right_to_wrong": step.to_wrong._asdict(),
            }
            for step in found.steps
        ],
        "wrong_to_right": found.to_right._asdict(),
        "right_to_wrong": found.to_wrong._asdict(),
        "ratio": found.ratio,
        "keeps": found.keeps,
        "gain": {"value": found.gain, "interval": found.gain_interval},
        "alone_gain": {"value": found.alone_gain, "interval": found.alone_gain_interval},
    }
