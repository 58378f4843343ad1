"""What an adapter that ttc trained says of itself, in keys of its GGUF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttcli.files.gguf import read_header
from ttcli.files.kinds import is_adapter

KIND, MODEL, WEIGHTS, CARD = "ttc.kind", "ttc.model", "ttc.weights", "ttc.card"


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """Of a GGUF."""

    adapter: bool  # it is a LoRA adapter, and no model
    kind: str | None  # reviser or prm; None, as the others: ttc did not train it
    model: str | None  # what the model was called that it was trained on
    weights: str | None  # the SHA-256 of that model's file
    card: Mapping[str, Any]


def read_facts(path: Path) -> AdapterFacts:
    """What a GGUF says of itself as an adapter.

    Raises:
        ModelError: it is no usable GGUF.
    """
    told = read_header(path).metadata
    kind, model, weights = (told.get(key) for key in (KIND, MODEL, WEIGHTS))
    kind = kind if kind in ("reviser", "prm") else None
    try:
        card = json.loads(str(told.get(CARD, "{}")))
    except ValueError:
        card = {}
    return AdapterFacts(
        is_adapter(told),
        None if kind is None else str(kind),
        None if model is None else str(model),
        None if weights is None else str(weights),
        card if isinstance(card, dict) else {},
    )
