"""The models on this machine: where each is, what is there, and how to be rid of one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ttcli.catalog.disk import disk_errors, locked
from ttcli.catalog.entry import Entry, PrmForm, catalog, find, read_form
from ttcli.catalog.partial import leftovers
from ttcli.catalog.progress import Progress
from ttcli.errors import ModelError
from ttcli.files.gguf import check_gguf
from ttcli.files.parts import part_paths
from ttcli.files.paths import models_dir


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A GGUF file on this machine."""

    path: Path
    entry: Entry | None  # None: not of the catalog
    name: str  # what the user called it: a catalog name, a path, or hf:owner/repo/file.gguf


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of the hub that the user named: `hf:owner/repo/path/file.gguf`, with `@revision` behind it or not."""

    repo: str  # owner/name
    file: str  # path inside the repository
    revision: str | None  # branch, tag or commit; None: the main branch

    @property
    def name(self) -> str:
        """The same, as the user writes it."""
        return f"hf:{self.repo}/{self.file}" + (f"@{self.revision}" if self.revision else "")

    @property
    def path(self) -> Path:
        """Its place on this machine; files of a named revision have a directory of their own."""
        revision = f"@{self.revision.replace('/', '--')}" if self.revision else ""
        return models_dir() / "hf" / f"{self.repo}{revision}" / self.file

    @property
    def parts(self) -> list[HubFile]:
        """The files of a model that comes in several, this one alone where it does not."""
        return [replace(self, file=str(part)) for part in part_paths(Path(self.file))]


def parse(spec: str) -> Entry | HubFile | Path:
    """What a user means by `--model SPEC`: `hf:...`, a catalog name, or a path.

    Raises ModelError for an unknown name, a missing file and a malformed `hf:`.
    """
    if spec.startswith("hf:"):
        return _hub_file(spec)
    if spec in catalog():
        return catalog()[spec]
    path = Path(spec).expanduser()
    if path.is_file():
        return path
    if spec.endswith(".gguf") or "/" in spec or os.sep in spec:
        raise ModelError(f"no such file: {spec}", hint="a file of the hub is hf:OWNER/REPO/FILE.gguf")
    return find(spec)


def path_of(what: Entry | HubFile | Path) -> Path:
    """Where the file is, or would be if it were on this machine."""
    match what:
        case Entry():
            return models_dir() / what.file
        case HubFile():
            return what.path
        case Path():
            return what


def locate(spec: str) -> LocalModel | None:
    """The model if it is on this machine, without fetching anything; raises ModelError as `parse` does."""
    what = parse(spec)
    path = path_of(what)
    return local_model(what, path) if _complete(what, path) else None


def local_model(what: Entry | HubFile | Path, path: Path) -> LocalModel:
    """The model at `path`; raises ModelError when that is no GGUF file."""
    check_gguf(path)
    match what:
        case Entry():
            return LocalModel(path, what, what.name)
        case HubFile():
            return LocalModel(path, None, what.name)
        case Path():
            return LocalModel(path, _entry_at(path), str(path))


def form_of(model: LocalModel) -> PrmForm | None:
    """How a process reward model is to be read: by its entry, or by FILE.toml beside FILE.gguf; None: it is no such.

    Raises:
        ConfigError: the TOML beside it cannot be read, or its table `verifier` is not of that kind.
    """
    if model.entry is not None and model.entry.verifier is not None:
        return model.entry.verifier
    beside = model.path.with_suffix(".toml")
    return read_form(beside) if beside.is_file() else None


def installed() -> list[LocalModel]:
    """All complete models that ttc fetched: the catalog's, then those of the hub, in alphabetical order."""
    known = [
        LocalModel(path_of(each), each, each.name) for each in catalog().values() if _complete(each, path_of(each))
    ]
    return known + [LocalModel(hub_file.path, None, hub_file.name) for hub_file in _hub_files()]


def remove(spec: str, progress: Progress) -> int:
    """Delete a fetched model and what broken transfers left of it; returns the bytes freed.

    Raises ModelError when there is nothing to delete, or `spec` is a file that ttc did not fetch.
    """
    what = parse(spec)
    if isinstance(what, Path):
        raise ModelError(f"{spec} was not fetched by ttc", hint="delete the file yourself")
    path = path_of(what)
    if not path.parent.is_dir():
        raise not_installed(what.name)
    with locked(path, progress), disk_errors(path):
        doomed = [belonging for whole in part_paths(path) for belonging in _belongings(whole) if belonging.is_file()]
        if not doomed:
            raise not_installed(what.name)
        freed = sum(each.stat().st_size for each in doomed)
        for each in doomed:
            each.unlink()
    return freed


def _belongings(path: Path) -> list[Path]:
    """A fetched file and what broken transfers may have left of it."""
    part, record, staging = leftovers(path)
    return [path, part, record, *staging.glob("*")]


def not_installed(name: str) -> ModelError:
    """The error for a model that would have to be fetched first."""
    return ModelError(f"{name} is not on this machine", hint=f"ttc models pull {name}")


def _complete(what: Entry | HubFile | Path, path: Path) -> bool:
    """Whether the whole file is there: a file gets its final name only then, so size is a check against meddling."""
    size = what.bytes if isinstance(what, Entry) else None
    return path.is_file() and (size is None or path.stat().st_size == size)


def _entry_at(path: Path) -> Entry | None:
    """A path that leads to a fetched model of the catalog means that model."""
    return next((each for each in catalog().values() if path_of(each).resolve() == path.resolve()), None)


def _hub_file(spec: str) -> HubFile:
    plain = r"[\w-][\w.-]*"  # no part may begin with a dot: none leads out of the directory
    form = re.fullmatch(rf"hf:({plain}/{plain})/((?:{plain}/)*{plain}\.gguf)(?:@({plain}(?:/{plain})*))?", spec)
    if form is None:
        raise ModelError(
            f"cannot read {spec!r}", hint="write hf:OWNER/REPO/FILE.gguf or hf:OWNER/REPO/FILE.gguf@REVISION"
        )
    return HubFile(form[1], form[2], form[3])


def _hub_files() -> list[HubFile]:
    files = []
    for path in sorted((models_dir() / "hf").glob("*/*/**/*.gguf")):
        owner, folder, *rest = path.relative_to(models_dir() / "hf").parts
        repo, _, revision = folder.partition("@")
        files.append(HubFile(f"{owner}/{repo}", "/".join(rest), revision.replace("--", "/") or None))
    return files
