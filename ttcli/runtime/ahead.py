"""Modules imported before they are needed, on a thread, while the caller waits for something that is no Python."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from threading import Thread

BEHIND_WEIGHTS = ("ttcli.policy.local.policy", "ttcli.verifier.repairers", "numpy.random")  # needed once they are read


def import_ahead(modules: Sequence[str]) -> Thread:
    """Begin to import modules, and return at once; what fails does so again where they are imported.

    Python ends no sooner than this: a thread that is cut off in the middle of an import may take the process with it.
    """

    def work() -> None:
        for module in modules:
            with suppress(Exception):
                import_module(module)

    thread = Thread(target=work, name="import ahead")
    with suppress(RuntimeError):  # no thread is to be had: then they are imported in their turn
        thread.start()
    return thread
