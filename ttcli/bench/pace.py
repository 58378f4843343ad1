"""How fast a bench will go, as far as earlier runs and `ttc models tune` tell: by model and by width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.store import Store
from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.speeds import known_speeds
from ttcli.catalog.stored import LocalModel, locate
from ttcli.policy.scripted import WIDTH as SCRIPTED_WIDTH
from ttcli.runtime.runtime import SCRIPTED
from ttcli.runtime.settings import Settings
from ttcli.runtime.width import threads_of, width_of


class Pace(NamedTuple):
    """A speed, and where it is from."""

    tokens_per_second: float
    width: int | None  # texts that were decoded at once; None: so many as it came, or it is not known how many will be
    tuned: bool = False  # `ttc models tune` measured it, no run


def pace(store: Store, configs: Sequence[RunConfig], settings: Settings, *, ray: bool) -> Pace | None:
    """The speed that runs of these configurations, the likest first, had at the width that these settings give.

    What they had at whatever width, where none had that one and nobody tuned the model; None where none drew anything.
    """
    width = None if ray else planned_width(settings)
    if width is not None:
        drawn = (store.samples(each).speed_at(width) for each in configs)
        if found := next((speed for speed in drawn if speed), None):
            return Pace(found, width)
        if tuned := _tuned(settings, width):
            return Pace(tuned, width, tuned=True)
    speeds = (store.samples(each).speed() for each in configs)
    found = next((speed for speed in speeds if speed), None)
    return Pace(found, None) if found else None


def planned_width(settings: Settings) -> int | None:
    """Texts in one batch of a bench, without loading a model; None where its model is not here yet."""
    if settings.machine.width is not None:
        return settings.machine.width
    if settings.policy is not None:
        from ttcli.policy.server.policy import WIDTH  # with the HTTP client: not before it is needed

        return WIDTH
    if (settings.model or "").startswith(SCRIPTED):
        return SCRIPTED_WIDTH
    local = _local(settings)
    return width_of(settings, local.path) if local else None


def _tuned(settings: Settings, width: int) -> float | None:
    local = _local(settings)
    return known_speeds(local.path, threads_of(settings)).get(width) if local else None


def _local(settings: Settings) -> LocalModel | None:
    name = settings.model or DEFAULT_MODEL
    return None if settings.policy is not None or name.startswith(SCRIPTED) else locate(name)
