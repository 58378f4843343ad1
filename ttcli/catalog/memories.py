"""What was found out about the memory of models, once for the weights and the library that was tried."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttcli.files import remembered
from ttcli.files.paths import home

_VERSION = 1


def recall(key: str) -> Mapping[str, Any] | None:
    """What was remembered under a key; None: nothing, or nothing that can be read, so it is to be found out again."""
    finding = _read().get(key)
    return finding if isinstance(finding, dict) else None


def remember(key: str, finding: Mapping[str, Any]) -> None:
    """Keep a finding, as JSON."""
    remembered.remember(_file(), {"version": _VERSION, "models": _read() | {key: finding}})


def _read() -> dict[str, Any]:
    content = remembered.recalled(_file())
    models = content.get("models") if content.get("version") == _VERSION else None
    return models if isinstance(models, dict) else {}


def _file() -> Path:
    return home() / "memories.json"
