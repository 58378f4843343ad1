"""What mends the texts of a run, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import NamedTuple

from ttcli.catalog.entry import Entry, RepairFigure
from ttcli.files.paths import home
from ttcli.files.remembered import recalled, remember
from ttcli.interrupt import Interrupt
from ttcli.policy.repair import RepairingPolicy
from ttcli.runtime.settings import Settings
from ttcli.seams import BatchPolicy
from ttcli.verifier.repair_spec import RepairSpec


class Mending(NamedTuple):
    """A policy, and what is said of its repairs."""

    policy: BatchPolicy
    told: str | None  # what mends, and why where nobody asked for it; None: nothing does


def mending(
    policy: BatchPolicy,
    settings: Settings,
    entry: Entry | None,
    interrupt: Interrupt,
    weights: Callable[[], str],
) -> Mending:
    """The policy with the repair that the settings ask for.

    `auto`: where a figure says that it helps the model, that of `ttc calibrate` here before the one that is shipped.

    Args:
        weights: what the policy's weights are filed under.

    Raises:
        UsageError: there is no such program.
    """
    spec = RepairSpec.parse(settings.repair)
    figure = None
    if spec.kind == "auto":
        figure = measured(weights()) or (entry.repair if entry else None)
    if spec.kind == "off" or (spec.kind == "auto" and not (figure and figure.helps)):
        return Mending(policy, None)
    from ttcli.verifier.repairers import ArithmeticRepair, RepairCommand

    repairer = (
        RepairCommand(spec.command, timeout=settings.command_timeout, interrupted=interrupt)
        if spec.kind == "command"
        else ArithmeticRepair()
    )
    why = f" ({figure.told})" if spec.kind == "auto" and figure else ""
    return Mending(RepairingPolicy(policy, repairer), f"{repairer.name}{why}")


def measured(weights: str) -> RepairFigure | None:
    """What was found here of a model by the name its weights are filed under; None: nothing, or nothing to be read."""
    found = _read().get(weights)
    kinds = {"solutions": int, "before": int, "after": int, "measured": str, "seed": int}
    if not isinstance(found, dict) or any(type(found.get(key)) is not kind for key, kind in kinds.items()):
        return None
    return RepairFigure(**{field.name: found[field.name] for field in fields(RepairFigure)})


def keep(weights: str, figure: RepairFigure) -> None:
    """Have `--repair auto` go by a figure from now on."""
    remember(_file(), {**_read(), weights: asdict(figure)})


def _read() -> dict[str, object]:
    return recalled(_file())


def _file() -> Path:
    return home() / "repairs.json"
