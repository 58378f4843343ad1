"""Models that llama.cpp has survived on this machine: whoever brings another one sees it fail elsewhere, not here."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.stored import LocalModel
from ttcli.files.gguf import check_model
from ttcli.files.parts import parts
from ttcli.files.paths import home
from ttcli.files.remembered import recalled, remember

if TYPE_CHECKING:
    from ttcli.engine.model import Model


def open_model(local: LocalModel, *, gpu_layers: int | None = None) -> Model:
    """The weights of a model; one that was verified neither by the catalog nor by an earlier run is tried out first.

    Raises:
        ModelError: it cannot be used.
    """
    from ttcli.engine.model import Model  # the engine brings numpy and llama.cpp: not before they are needed

    try_once(local)
    return Model(local.path, gpu_layers=gpu_layers, checked=True)


def try_once(local: LocalModel) -> None:
    """Check the header of a model, and load it in a process of its own, unless that has been done.

    Raises:
        ModelError: llama.cpp cannot be given it.
    """
    if local.entry is not None and local.entry.sha256 is not None:
        return
    weights, known = f"{fingerprint(local)} {version('llama-cpp-python')}", _read()
    if weights in known:
        return
    from ttcli.engine.trial import try_out

    check_model(local.path)
    try_out(local.path, size=sum(part.stat().st_size for part in parts(local.path)))
    remember(_file(), {"version": 1, "works": sorted({*known, weights})})


def _read() -> set[str]:
    """What has worked."""
    works = recalled(_file()).get("works")
    return set(map(str, works)) if isinstance(works, list) else set()


def _file() -> Path:
    return home() / "tried.json"
