"""Models with recurrent layers are tried before they are trusted, and what was found is remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.memories import recall, remember
from ttcli.catalog.progress import Progress
from ttcli.catalog.stored import LocalModel

if TYPE_CHECKING:
    from ttcli.engine.model import Model


def learn_memory(model: Model, local: LocalModel, progress: Progress, *, threads: int | None = None) -> None:
    """Have a model know what its memory allows here: at once if it is plain attention, else from a test or its record.

    Raises:
        ModelError: its state cannot be forked.
    """
    # the engine brings numpy and llama.cpp: not before they are needed
    from ttcli.engine import machine
    from ttcli.engine.library import library
    from ttcli.engine.memory import Memory, kind_of
    from ttcli.engine.self_test import try_memory

    if model.cannot_branch() or kind_of(model.handle) == "attention":
        return
    device = "GPU" if machine.has_gpu() else "CPU"
    key = f"{fingerprint(local)}, llama-cpp-python {library().__version__}, {device}"
    finding = recall(key)
    try:
        model.memory = Memory(**finding or {})
    except TypeError:  # nothing, or by another version of ttc
        model.memory = try_memory(model, threads=threads)
        remember(key, asdict(model.memory))
    if not model.memory.together:
        progress.note(
            f"this llama.cpp mixes up texts of {local.path.name} that are decoded together, "
            "so each is decoded by itself, which is slower"
        )
