"""GGUF files of the hub's repositories that lie on this machine, whoever fetched them, and how one of them is chosen.

The cache of huggingface_hub: models--OWNER--REPO/snapshots/COMMIT/FILE, with refs/BRANCH telling a commit.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ttcli.catalog.places import Places
from ttcli.errors import ModelError
from ttcli.files.parts import part_paths
from ttcli.files.paths import models_dir

_QUANTIZATION = re.compile(
    r"(?:^|[-_./])((?:UD-)?(?:I?Q[1-8]_(?:[01K]|XXS|XS|S|M|NL)(?:_[A-Z0-9]{1,3})*|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32))(?=[-./]|$)",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"(?:^|[-_./])(?:mmproj|imatrix|adapter|lora)(?=[-_./])", re.IGNORECASE)
_MANY = 20_000  # files of a folder that are looked at


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, as far as it is on this machine."""

    name: str  # OWNER/REPO
    source: str  # the program whose folder it lies in
    files: dict[str, Path]  # GGUF files by their paths in the repository; of a split model, the first

    @property
    def names(self) -> dict[str, str]:
        """What each file is called after `hf:`, as short as it can be."""
        models = models_among(self.files)
        shown = {}
        for file in models:
            tag = quantization(file)
            if len(models) == 1:
                shown[file] = self.name
            elif tag and [quantization(other) for other in models].count(tag) == 1:
                shown[file] = f"{self.name}:{tag}"
            else:
                shown[file] = f"{self.name}/{file}"
        return shown


def quantization(file: str) -> str | None:
    """The quantization that a file is called by, in capitals; None: by none."""
    tags = _QUANTIZATION.findall(file.removesuffix(".gguf"))
    return str(tags[-1]).upper() if tags else None


def models_among(files: Iterable[str]) -> list[str]:
    """Those of a repository's files that are models, by what they are called; of a split one, the first."""
    ggufs = (file for file in files if file.endswith(".gguf") and not _BESIDE.search(file))
    return sorted(file for file in ggufs if str(part_paths(Path(PurePosixPath(file)))[0]) == str(Path(file)))


def choose(repo: str, files: Iterable[str], tag: str | None) -> str:
    """The model of a repository that a quantization picks, or the only one there is.

    Raises:
        ModelError: there is none such, or several.
    """
    models = models_among(files)
    if not models:
        raise ModelError(f"hf:{repo} has no GGUF model", hint="look for a repository whose name ends in -GGUF")
    fitting = models if tag is None else [file for file in models if quantization(file) == tag.upper()]
    if len(fitting) == 1:
        return fitting[0]
    tags = sorted({known for file in models if (known := quantization(file))})
    if not fitting:
        raise ModelError(f"hf:{repo} has no {tag}: {_listed(tags or models)}", hint=_name_one(repo, tags, models))
    if tag is None and len(tags) > 1:
        raise ModelError(f"hf:{repo} has several models: {_listed(tags)}", hint=_name_one(repo, tags, models))
    raise ModelError(f"hf:{repo} has several such models: {_listed(fitting)}", hint=f"--model hf:{repo}/{fitting[0]}")


def _listed(names: Collection[str]) -> str:
    most = 12
    return ", ".join(list(names)[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _name_one(repo: str, tags: list[str], models: list[str]) -> str:
    usual = "Q4_K_M" if "Q4_K_M" in tags else next(iter(tags), None)
    return f"--model hf:{repo}:{usual}" if usual else f"--model hf:{repo}/{models[0]}"


def files_of(repo: str, revision: str | None, places: Places) -> dict[str, Path]:
    """The GGUF files of a repository on this machine, by their paths in it; ttc's own first.

    A revision that is asked for is looked for where revisions are told apart: with ttc, and in caches of the hub.
    """
    found = _under(_own(repo, revision))
    for hub in places.hubs:
        found = _snapshots(hub / f"models--{repo.replace('/', '--')}", revision) | found
    if revision is None:
        for folder in places.lm_studio:
            found = _under(folder / repo) | found
        start = f"{repo.replace('/', '_')}_"
        for folder in places.llama_cpp:
            flat = (path for path in _ggufs(folder, "*.gguf") if path.name.startswith(start))
            found = {path.name.removeprefix(start): path for path in flat} | found
    return found


def repositories(places: Places) -> Iterator[Repository]:
    """The repositories in the caches of the hub and with LM Studio."""
    for hub in places.hubs:
        for folder in sorted(_listing(hub, "models--*--*")):
            owner, _, name = folder.name.removeprefix("models--").partition("--")
            if files := _snapshots(folder, None):
                yield Repository(f"{owner}/{name}", "Hugging Face", files)
    for root in places.lm_studio:
        for folder in sorted(_listing(root, "*/*")):
            if files := _under(folder):
                yield Repository(f"{folder.parent.name}/{folder.name}", "LM Studio", files)


def loose(places: Places) -> list[Path]:
    """Models in llama.cpp's older cache, which does not tell owner, repository and file apart."""
    paths = {path.name: path for folder in places.llama_cpp for path in _ggufs(folder, "*.gguf")}
    return [paths[name] for name in models_among(paths)]


def folder_model(folder: Path) -> Path:
    """The model in a directory.

    Raises:
        ModelError: there is none, or several.
    """
    files = {path.name: path for path in _ggufs(folder, "*.gguf")}
    models = models_among(files)
    if len(models) == 1:
        return files[models[0]]
    if models:
        raise ModelError(f"{folder} has several models: {_listed(models)}", hint=f"--model {files[models[0]]}")
    raise ModelError(f"{folder} is a directory without a GGUF model", hint="name a file, or ttc models list --found")


def _own(repo: str, revision: str | None) -> Path:
    return models_dir() / "hf" / (f"{repo}@{revision.replace('/', '--')}" if revision else repo)


def _snapshots(folder: Path, revision: str | None) -> dict[str, Path]:
    """The files of a cached repository: those of a revision, or of the main branch and then of all others."""
    snapshots = folder / "snapshots"
    if revision is not None:
        commit = _commit(folder, revision) or revision
        return _under(snapshots / commit) if re.fullmatch(r"[0-9a-f]+", commit) else {}
    newest = sorted(_listing(snapshots, "*"), key=_changed)
    main = _commit(folder, "main")
    found: dict[str, Path] = {}
    for snapshot in [*newest, *([snapshots / main] if main else [])]:
        found |= _under(snapshot)
    return found


def _commit(folder: Path, branch: str) -> str | None:
    try:
        commit = (folder / "refs" / branch).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if re.fullmatch(r"[0-9a-f]{7,64}", commit) else None


def _under(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in _ggufs(folder, "**/*.gguf")}


def _ggufs(folder: Path, pattern: str) -> list[Path]:
    """Files of a folder that are there: a link to a blob that has gone is none."""
    return [path for path in _listing(folder, pattern) if path.is_file()]


def _listing(folder: Path, pattern: str) -> list[Path]:
    try:
        return [path for path, _ in zip(folder.glob(pattern), range(_MANY), strict=False)]
    except OSError:
        return []


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
