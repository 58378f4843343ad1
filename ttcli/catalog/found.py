"""The models that lie on this machine, whoever fetched them; nothing is opened, copied or changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ttcli.catalog import ollama
from ttcli.catalog.places import Places
from ttcli.catalog.repositories import loose, repositories
from ttcli.catalog.stored import installed
from ttcli.errors import ModelError
from ttcli.files.parts import part_paths


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model in somebody's folders."""

    name: str  # as --model takes it
    source: str  # the program that fetched it
    path: Path | None  # of a split model, the first file; None: it is not there as it should be
    bytes: int  # of all its files
    problem: str | None = None  # why it cannot be had, where that is known without opening it


def found_models(places: Places) -> list[FoundModel]:
    """All of them; a file that several folders lead to is named once."""
    models: dict[Path | str, FoundModel] = {}
    for model in _all(places):
        models.setdefault(_real(model.path) if model.path else model.name, model)
    return list(models.values())


def _all(places: Places) -> Iterator[FoundModel]:
    for local in installed():
        if local.entry is not None and local.entry.shipped:
            continue  # it lies on every machine, and solves next to nothing
        yield _model(local.name, "ttc", local.path)
    for manifest in ollama.manifests(places.ollama):
        name = ollama.PREFIX + manifest.name
        try:
            yield _model(name, "Ollama", manifest.blob())
        except ModelError as error:
            yield FoundModel(name, "Ollama", None, 0, f"{error}; {error.hint}" if error.hint else str(error))
    for repository in repositories(places):
        for file, name in repository.names.items():
            yield _model(f"hf:{name}", repository.source, repository.files[file])
    for path in loose(places):
        yield _model(str(path), "llama.cpp", path)


def _model(name: str, source: str, path: Path) -> FoundModel:
    files = part_paths(path)
    missing = [file for file in files if not file.is_file()]
    problem = f"{len(missing)} of its {len(files)} files are missing" if missing else None
    return FoundModel(name, source, path, sum(file.stat().st_size for file in files if file not in missing), problem)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path
