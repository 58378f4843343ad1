"""What a call of `ttc` gives, and scripts to call it with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LINES = [
    {"text": "Two and two.\n\nIt is \\boxed{4}.", "score": 0.9, "logprob": -0.2},
    {"text": "I guess \\boxed{5}", "score": 0.2, "logprob": -1.5},
    {"text": "Nobody knows", "score": 0.1, "logprob": -1.0, "length": True},
]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Result]


def write_script(path: Path, lines: Sequence[Mapping[str, object]]) -> str:
    path.write_text(json.dumps({"": lines}), encoding="utf-8")
    return f"scripted:{path.name}"
