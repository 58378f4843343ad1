"""What an adapter is to be trained from, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ttcli.errors import UsageError
from ttcli.runtime.adapters import Kind
from ttcli.search.parameters import FLOOR
from ttcli.train.spec import TrainSpec
from ttcli.verifier.spec import VerifierSpec

Device = Literal["auto", "cpu", "cuda", "mps"]
_STOPPING = 0.1  # of the problems to train on: they tell when to stop
_NEEDED = ("torch", "gguf")
_CHAINS = 256  # to learn from, of a problem


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the adapter is fitted.

    Raises:
        UsageError: a number out of range.
    """

    rank: int = 16
    rate: float = 2e-4  # the learning rate at its height
    epochs: int = 3  # at most
    steps: int | None = None  # of the optimiser, at most; None: as many as the epochs take
    batch: int = 32  # examples of a step
    tokens: int = 2048  # that are worked on at once, padding with them; a longer text alone
    dropout: float = 0.05  # of what an adapter is given (PAPER.md, s. 3)
    patience: int = 4  # looks at the problems kept for that, without a better one, after which it stops
    device: Device = "auto"

    def __post_init__(self) -> None:
        whole = {"rank": self.rank, "epochs": self.epochs, "steps": self.steps, "batch": self.batch}
        for name, number in {**whole, "batch-tokens": self.tokens, "patience": self.patience}.items():
            if number is not None and number < 1:
                raise UsageError(f"--{name} must be at least 1, not {number}", hint="leave it out")
        if self.rank > 1024:
            raise UsageError(f"--rank must be at most 1024, not {self.rank}", hint="--rank 16")
        if not 0 < self.rate <= 1:
            raise UsageError(f"--learning-rate must be above 0, and at most 1, not {self.rate:g}", hint="leave it out")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"--dropout must be from 0 to below 1, not {self.dropout:g}", hint="leave it out")

    @property
    def alpha(self) -> float:
        """The change counts alpha / rank times."""
        return 2.0 * self.rank


@dataclass(frozen=True, slots=True)
class Chaining:
    """What chains of attempts a reviser learns from.

    Raises:
        UsageError: a number out of range.
    """

    chains: int = 4  # of a problem, equal ones being one
    keep: float = 0.0  # the chance of each that its last attempt in view is right, and is to be written again
    tell: float | None = None  # the first step scored below it is told with an attempt in view; None: none is
    verifier: str | None = None  # that scores them, as the user calls it; None: nothing is told

    def __post_init__(self) -> None:
        if not 1 <= self.chains <= _CHAINS:
            raise UsageError(f"--chains must be from 1 to {_CHAINS}, not {self.chains}", hint="leave it out")
        if not 0 <= self.keep < 1:
            raise UsageError(f"--keep must be from 0 to below 1, not {self.keep:g}", hint="leave it out")
        if self.tell is not None and not 0 < self.tell <= 1:
            raise UsageError(f"--tell must be above 0, and at most 1, not {self.tell:g}", hint=f"--tell {FLOOR}")
        if (self.tell is None) != (self.verifier is None):
            alone = self.verifier is None
            told = "--tell is about what a verifier doubts" if alone else "--verifier has nothing to do without --tell"
            raise UsageError(told, hint="--verifier arithmetic" if alone else f"--tell {FLOOR}")
        if self.scorer is not None and not self.scorer.scores_steps:
            raise UsageError(f"{self.verifier} has no step of a text to tell", hint="--verifier arithmetic")

    @property
    def scorer(self) -> VerifierSpec | None:
        """The verifier whose doubts are told; raises UsageError where there is none of this name."""
        return VerifierSpec.parse(self.verifier) if self.verifier is not None else None


@dataclass(frozen=True, slots=True)
class LoraSpec:
    """What a user asked for.

    Raises:
        UsageError: solutions of a file that the verifier cannot read.
    """

    kind: Kind
    train: TrainSpec
    fitting: Fitting
    chaining: Chaining = Chaining()  # of a reviser

    def __post_init__(self) -> None:
        scorer = self.chaining.scorer
        if scorer is not None and scorer.kind in {"confidence", "weakest"} and self.train.solutions is not None:
            raise UsageError(
                f"{scorer} goes by the probabilities of tokens, which a file's solutions do not tell",
                hint="--verifier arithmetic, or no --solutions",
            )

    def dealt(self, positions: Sequence[int]) -> tuple[list[int], list[int]]:
        """Problems that something can be learned from, by their positions: to fit to, and to tell when to stop."""
        number = max(1, round(_STOPPING * len(positions)))
        drawn = np.random.default_rng((self.train.settings.seed, len(positions))).permutation(positions).tolist()
        return sorted(drawn[number:]), sorted(drawn[:number])

    def configuration(self, weights: str, examples: str) -> dict[str, Any]:
        """All that decides what comes of the training, where it runs left aside, for a checkpoint to be known by.

        Args:
            weights: the hash of the model.
            examples: the hash of what is learned from.
        """
        fitting = {name: value for name, value in asdict(self.fitting).items() if name != "device"}
        seed = self.train.settings.seed
        return {"kind": self.kind, "weights": weights, "examples": examples, "seed": seed, **fitting}


def require_lora() -> None:
    """Make sure, before any work, that an adapter can be trained at its end.

    Raises:
        UsageError: torch or gguf is not installed.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        what = " and ".join(missing)
        raise UsageError(f"to train an adapter takes what is not installed: {what}", hint="pip install 'ttcli[lora]'")


def digest(value: Sequence[Any] | Mapping[str, Any]) -> str:
    """A hash of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def checkpoint_of(target: Path) -> Path:
    """Where the training of an adapter is kept until it is done."""
    return target.with_suffix(".checkpoint")
