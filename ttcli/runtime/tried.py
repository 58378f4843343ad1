"""Models that llama.cpp has survived on this machine: whoever brings another one sees it fail elsewhere, not here."""

from __future__ import annotations

from pathlib import Path

from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.stored import LocalModel
from ttcli.errors import BackendError
from ttcli.files.gguf import check_model
from ttcli.files.parts import parts
from ttcli.files.paths import home
from ttcli.files.remembered import recalled, remember


def is_tried(local: LocalModel) -> bool:
    """Whether the catalog or an earlier run has verified it."""
    return local.sha256 is not None or _weights(local) in _read()


def try_once(local: LocalModel) -> None:
    """Check the header of a model, and load it in a process of its own, unless that has been done.

    Raises:
        ModelError: llama.cpp cannot be given it.
    """
    if is_tried(local):
        return
    from ttcli.engine.trial import try_out

    check_model(local.path)
    try_out(local.path, size=sum(part.stat().st_size for part in parts(local.path)))
    remember(_file(), {"version": 1, "works": sorted({*_read(), _weights(local)})})


def _weights(local: LocalModel) -> str:
    """What is remembered of a model: its weights, and what they were tried with.

    Raises:
        BackendError: there is no llama.cpp.
    """
    from importlib.metadata import PackageNotFoundError, version  # what is in the catalog gets by without it

    try:
        release = version("llama-cpp-python")
    except PackageNotFoundError as error:
        raise BackendError(
            "llama-cpp-python is not installed", hint="pip install 'llama-cpp-python>=0.3.36,<0.4'"
        ) from error
    return f"{fingerprint(local)} {release}"


def _read() -> set[str]:
    """What has worked."""
    works = recalled(_file()).get("works")
    return set(map(str, works)) if isinstance(works, list) else set()


def _file() -> Path:
    return home() / "tried.json"
