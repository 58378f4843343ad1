"""How far a training has come, in a file that the same command goes on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ttcli.errors import StoreError, UsageError
from ttcli.files.atomic import write_whole

_VERSION = 1
Arrays = dict[str, NDArray[np.float32]]


@dataclass
class Progress:
    """What is told of a training."""

    step: int = 0  # of the optimiser, done
    tokens: int = 0  # learned from so far, padding left aside
    seconds: float = 0.0  # that took, over all calls
    loss: float | None = None  # running mean; None: no step yet
    looks: list[tuple[int, float]] = field(default_factory=list)  # step, and loss on the problems kept for that
    done: bool = False

    @property
    def best(self) -> tuple[int, float] | None:
        """The look with the lowest loss, the first of equal ones; None: none was taken."""
        return min(self.looks, key=lambda look: look[1], default=None)

    def worse(self) -> int:
        """Looks since the best one."""
        best = self.best
        return 0 if best is None else len(self.looks) - 1 - self.looks.index(best)


@dataclass(eq=False)
class Checkpoint:
    """A training on its way."""

    configuration: Mapping[str, Any]  # JSON
    progress: Progress
    now: Arrays  # what is trained, by name
    best: Arrays  # at the best look
    moments: tuple[Arrays, Arrays]  # of the optimiser: running means of the gradient and of its square

    def write(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            StoreError: it cannot be written; what stood there stays.
        """
        from safetensors.numpy import save

        told = {"version": _VERSION, "configuration": dict(self.configuration), "progress": vars(self.progress)}
        named = {"now": self.now, "best": self.best, "first": self.moments[0], "second": self.moments[1]}
        arrays = {f"{part}/{name}": values for part, own in named.items() for name, values in own.items()}
        try:
            write_whole(path, save(arrays, {"ttc": json.dumps(told)}))
        except OSError as error:
            hint = "make room, and give the same command again: it goes on from the last checkpoint"
            raise StoreError(f"cannot write the checkpoint {path}: {error.strerror or error}", hint=hint) from error

    @classmethod
    def read(cls, path: Path, configuration: Mapping[str, Any]) -> Self | None:
        """The training that was begun there; None: there is none.

        Raises:
            StoreError: it cannot be read.
            UsageError: it was begun with another configuration.
        """
        from safetensors import SafetensorError, safe_open

        if not path.exists():
            return None
        anew = "--restart begins anew"
        try:
            with safe_open(path, "np") as file:
                told = json.loads((file.metadata() or {})["ttc"])
                if told["version"] != _VERSION:
                    raise UsageError(f"{path} is of another version of ttc", hint=anew)
                _compare(path, told["configuration"], configuration, anew)
                parts: dict[str, Arrays] = {"now": {}, "best": {}, "first": {}, "second": {}}
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    part, _, own = name.partition("/")
                    parts[part][own] = file.get_tensor(name)
                progress = Progress(**told["progress"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"the checkpoint {path} cannot be read: {error}", hint=anew) from error
        progress.looks = [(int(step), float(loss)) for step, loss in progress.looks]
        return cls(configuration, progress, parts["now"], parts["best"], (parts["first"], parts["second"]))


_SAID = {
    "kind": "for another purpose ({} instead of {})",
    "weights": "on another model",
    "examples": "from other solutions",
}


def _compare(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any], anew: str) -> None:
    """Raise UsageError where a checkpoint is of another configuration."""
    for name in {**wanted, **there}:
        if there.get(name) != wanted.get(name):
            usual = f"with {name} {{}} instead of {{}}"
            said = _SAID.get(name, usual).format(there.get(name), wanted.get(name))
            raise UsageError(f"{path} holds a training that was begun {said}", hint=f"{anew}; -o NAME keeps both")
