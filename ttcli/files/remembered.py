"""JSON objects that only save time: what cannot be read is found out again, what cannot be written is not kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ttcli.files.atomic import write_whole


def recalled(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where that is no JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def remember(path: Path, content: Mapping[str, Any]) -> None:
    """Keep an object for `recalled`, in the place of what the file held."""
    with suppress(OSError):
        write_whole(path, json.dumps(dict(content), indent=2))
