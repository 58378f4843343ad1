"""Modules imported before they are needed, on a thread, while the caller waits for something that is no Python."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from threading import Thread

BEHIND_WEIGHTS = ("ttcli.policy.local.policy", "ttcli.verifier.repairers", "numpy.random")  # needed once they are read


def import_ahead(modules: Sequence[str]) -> None:
    """Begin to import modules, and return at once; what fails does so again where they are imported."""

    def work() -> None:
        for module in modules:
            with suppress(Exception):
                import_module(module)

    Thread(target=work, name="import ahead", daemon=True).start()
