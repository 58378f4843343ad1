"""What `ttc models tune` found out about models on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttcli.errors import ConfigError
from ttcli.files.atomic import write_whole
from ttcli.files.paths import home

_VERSION = 1


def speeds_file() -> Path:
    """Where the findings are kept."""
    return home() / "speeds.json"


def known_width(model: Path, threads: int) -> int | None:
    """The width found best for this file with so many threads; None if it was never tuned.

    Raises:
        ConfigError: the file of findings is not what ttc wrote.
    """
    entry = _read().get(_key(model, threads))
    return int(entry["width"]) if entry else None


def known_streams(model: Path, threads: int) -> bool | None:
    """Whether texts of this file grow faster in buffers of their own; None if that was never measured.

    Raises:
        ConfigError: the file of findings is not what ttc wrote.
    """
    found = _read().get(_key(model, threads), {}).get("streams")
    return found if isinstance(found, bool) else None


def known_speeds(model: Path, threads: int) -> dict[int, float]:
    """Tokens per second by width, as far as they were measured for this file with so many threads.

    Raises:
        ConfigError: the file of findings is not what ttc wrote.
    """
    found = _read().get(_key(model, threads), {}).get("tokens_per_second")
    told = found.items() if isinstance(found, dict) else ()
    return {int(width): float(speed) for width, speed in told if width.isdigit() and isinstance(speed, int | float)}


def remember(
    model: Path, threads: int, width: int, speeds: Mapping[int, float], *, streams: bool | None = None
) -> None:
    """Keep a finding; `speeds` maps widths to tokens per second, `streams` is as `known_streams` has it."""
    finding = {"width": width, "tokens_per_second": dict(speeds), **({} if streams is None else {"streams": streams})}
    findings = _read() | {_key(model, threads): finding}
    write_whole(speeds_file(), json.dumps({"version": _VERSION, "models": findings}, indent=2))


def _key(model: Path, threads: int) -> str:
    return f"{model.name}, {model.stat().st_size} bytes, {threads} threads"


def _read() -> dict[str, dict[str, Any]]:
    path = speeds_file()
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        models: dict[str, dict[str, Any]] = content["models"]
        return {key: entry for key, entry in models.items() if isinstance(entry["width"], int) and entry["width"] > 0}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="delete it and run ttc models tune again") from error
