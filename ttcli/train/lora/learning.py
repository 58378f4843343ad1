"""What is told of a training: before it, on the way, and at its end."""

from __future__ import annotations

from typing import NamedTuple

from ttcli.train.lora.checkpoint import Arrays, Progress


class Forecast(NamedTuple):
    """What is to come."""

    examples: int
    stopping: int  # examples that tell when to stop
    steps: int  # at most, and so many are done
    done: int
    tokens: int  # of a step, in the mean
    seconds: float  # that the rest may take
    parameters: int  # that are trained
    device: str


class Learning(NamedTuple):
    """A step is done."""

    progress: Progress
    steps: int  # at most
    seconds: float  # that the rest may take


class Fitted(NamedTuple):
    """What came of it."""

    arrays: Arrays  # of the best look, by the names of a GGUF adapter
    progress: Progress
    family: str
    parameters: int
