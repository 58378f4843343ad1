"""What mends the texts of a run, and why."""

from __future__ import annotations

from typing import NamedTuple

from ttcli.catalog.entry import Entry
from ttcli.interrupt import Interrupt
from ttcli.policy.repair import RepairingPolicy
from ttcli.runtime.settings import Settings
from ttcli.seams import BatchPolicy
from ttcli.verifier.repair_spec import RepairSpec


class Mending(NamedTuple):
    """A policy, and what is said of its repairs."""

    policy: BatchPolicy
    told: str | None  # what mends, and why where nobody asked for it; None: nothing does


def mending(policy: BatchPolicy, settings: Settings, entry: Entry | None, interrupt: Interrupt) -> Mending:
    """The policy with the repair that the settings ask for; `auto`: where it is known to help the model.

    Raises:
        UsageError: there is no such program.
    """
    spec = RepairSpec.parse(settings.repair)
    figure = entry.repair if entry else None
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
