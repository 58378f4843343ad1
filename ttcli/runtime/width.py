"""How many texts a GGUF decodes at once, and how long they may get: as settings, measurements and the file say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ttcli.catalog.progress import Progress
from ttcli.catalog.speeds import known_streams, known_width
from ttcli.runtime.settings import MAX_TOKENS, Settings


def threads_of(settings: Settings) -> int:
    """Threads for one decode."""
    from ttcli.engine import machine  # the engine brings llama.cpp: not before it is needed

    return settings.machine.threads or machine.threads()


def fitting(settings: Settings, context: int, label: str, progress: Progress) -> Settings:
    """The settings, with solutions of at most half of a context that has no room for those of the usual length."""
    if settings.max_tokens != MAX_TOKENS or context > MAX_TOKENS:
        return settings
    most = max(1, context // 2)
    progress.note(f"{label} has a context of {context:,} tokens: its solutions are cut at {most:,}")
    return replace(settings, max_tokens=most)


def streams_of(settings: Settings, path: Path) -> bool | None:
    """Whether texts have buffers of their own, as was measured here; None: it was not."""
    return known_streams(path, threads_of(settings))


def width_of(settings: Settings, path: Path, *, at_once: int | None = None) -> int:
    """Texts in one batch; `at_once`: no more than that are wanted together, where the user names no width."""
    from ttcli.engine import machine

    if settings.machine.width is not None:
        return settings.machine.width
    width = known_width(path, threads_of(settings)) or machine.width()
    return width if at_once is None else min(width, at_once)
