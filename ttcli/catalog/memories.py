"""What was found out about the memory of models, once for the weights and the library that was tried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ttcli.files.atomic import write_whole
from ttcli.files.paths import home

_VERSION = 1


def recall(key: str) -> Mapping[str, Any] | None:
    """What was remembered under a key; None: nothing, or nothing that can be read, so it is to be found out again."""
    finding = _read().get(key)
    return finding if isinstance(finding, dict) else None


def remember(key: str, finding: Mapping[str, Any]) -> None:
    """Keep a finding, as JSON."""
    with suppress(OSError):  # it only saves time
        write_whole(home() / "memories.json", json.dumps({"version": _VERSION, "models": _read() | {key: finding}}))


def _read() -> dict[str, Any]:
    try:
        content = json.loads((home() / "memories.json").read_text(encoding="utf-8"))
        return dict(content["models"]) if content["version"] == _VERSION else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
