"""How many texts a GGUF decodes at once: as settings, what was measured here, or else the kind of machine say."""

from __future__ import annotations

from pathlib import Path

from ttcli.catalog.speeds import known_width
from ttcli.runtime.settings import Settings


def threads_of(settings: Settings) -> int:
    """Threads for one decode."""
    from ttcli.engine import machine  # the engine brings llama.cpp: not before it is needed

    return settings.machine.threads or machine.threads()


def width_of(settings: Settings, path: Path, *, at_once: int | None = None) -> int:
    """Texts in one batch; `at_once`: no more than that are wanted together, where the user names no width."""
    from ttcli.engine import machine

    if settings.machine.width is not None:
        return settings.machine.width
    width = known_width(path, threads_of(settings)) or machine.width()
    return width if at_once is None else min(width, at_once)
