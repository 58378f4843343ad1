"""The models on this machine: where each is, what is there, and how to be rid of one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ttcli.catalog import ollama
from ttcli.catalog.beside import Beside, read_beside
from ttcli.catalog.disk import disk_errors, locked
from ttcli.catalog.entry import Entry, catalog, find
from ttcli.catalog.forms import VerifierForm
from ttcli.catalog.partial import leftovers
from ttcli.catalog.places import Places
from ttcli.catalog.progress import Progress
from ttcli.catalog.repositories import choose, files_of, folder_model
from ttcli.catalog.template import Template
from ttcli.errors import ModelError
from ttcli.files.gguf import check_gguf
from ttcli.files.hashes import sha256_of
from ttcli.files.parts import part_paths
from ttcli.files.paths import models_dir


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A GGUF file on this machine."""

    path: Path
    entry: Entry | None  # None: not of the catalog
    name: str  # what the user called it: a catalog name, a path, hf:owner/repo/file.gguf or ollama:name

    @property
    def label(self) -> str:
        """What it is called in messages and records."""
        if self.entry is not None:
            return self.entry.name
        return self.path.name if self.path.suffix == ".gguf" else self.name  # Ollama's blobs are called by their hash

    @property
    def sha256(self) -> str | None:
        """That of the catalog, against which it was checked when it was fetched; None: the catalog knows none."""
        return self.entry.sha256 if self.entry else None

    @property
    def beside(self) -> Beside:
        """What the TOML beside the file tells; raises ConfigError where that cannot be read."""
        return read_beside(self.path, self.entry.template if self.entry else Template())

    @property
    def template(self) -> Template:
        """How a problem is put to it: as the TOML beside the file tells, else its entry; raises ConfigError."""
        return self.beside.template or (self.entry.template if self.entry else Template())


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


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A repository of the hub that the user named and that is not on this machine: `hf:owner/repo[:QUANTIZATION]`."""

    repo: str  # owner/name
    tag: str | None  # a quantization; None: the only one there is
    revision: str | None  # branch, tag or commit; None: the main branch
    name: str  # as the user writes it


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A GGUF in the folders of another program; it is that program's to change and delete."""

    path: Path
    name: str  # as the user writes it


Meant = Entry | HubFile | OtherFile | Path  # a file, here or to be fetched


def parse(spec: str) -> Meant | HubRepo:
    """What a user means by `--model SPEC`: `hf:...`, `ollama:...`, a catalog name, a file, or a directory with one.

    Raises ModelError for an unknown name, a missing file and a malformed `hf:`, and where several files are meant.
    """
    if spec.startswith("hf:"):
        return _hub(spec)
    if spec.startswith(ollama.PREFIX):
        return OtherFile(ollama.find(spec, Places().ollama), spec)
    if spec in catalog():
        return catalog()[spec]
    if not spec.strip():
        return find(spec)
    path = Path(spec).expanduser()
    if path.is_dir():
        return folder_model(path)
    if path.is_file():
        return path
    if spec.endswith(".gguf") or "/" in spec or os.sep in spec:
        raise ModelError(f"no such file: {spec}", hint="a file of the hub is hf:OWNER/REPO/FILE.gguf")
    return find(spec)


def path_of(what: Meant) -> Path:
    """Where the file is, or would be if it were on this machine."""
    match what:
        case Entry():
            return what.shipped or models_dir() / what.file
        case HubFile() | OtherFile():
            return what.path
        case Path():
            return what


def locate(spec: str) -> LocalModel | None:
    """The model if it is on this machine, without fetching anything; raises ModelError as `parse` does."""
    what = parse(spec)
    if isinstance(what, HubRepo):
        return None
    path = path_of(what)
    return local_model(what, path) if _complete(what, path) else None


def local_model(what: Meant, path: Path) -> LocalModel:
    """The model at `path`; raises ModelError when that is no GGUF file."""
    check_gguf(path)
    match what:
        case Entry():
            return LocalModel(path, what, what.name)
        case HubFile() | OtherFile():
            return LocalModel(path, None, what.name)
        case Path():
            return LocalModel(path, _entry_at(path), str(path))


def form_of(model: LocalModel) -> VerifierForm | None:
    """How a verifier is to be read: by its entry, by FILE.toml beside FILE.gguf, or by its name; None: it is none.

    Raises:
        ConfigError: the TOML beside it cannot be read, or its table `verifier` is not of that kind.
    """
    if model.entry is not None and model.entry.verifier is not None:
        return model.entry.verifier
    return model.beside.verifier or next((each.verifier for each in catalog().values() if _called(model, each)), None)


def _called(model: LocalModel, entry: Entry) -> bool:
    """Whether a file is called as an entry's are."""
    names = [re.sub(r"[\s_]+", "-", name).casefold() for name in (model.name, model.path.name)]
    return any(known.casefold() in name for known in entry.known_as for name in names)


def installed() -> list[LocalModel]:
    """All complete models that ttc fetched or came with: the catalog's, then the hub's, in alphabetical order."""
    known = [
        LocalModel(path_of(each), each, each.name) for each in catalog().values() if _complete(each, path_of(each))
    ]
    return known + [LocalModel(hub_file.path, None, hub_file.name) for hub_file in _hub_files()]


def remove(spec: str, progress: Progress) -> int:
    """Delete a fetched model and what broken transfers left of it; returns the bytes freed.

    Raises ModelError when there is nothing to delete, or `spec` is a file that ttc did not fetch.
    """
    what = parse(spec)
    if isinstance(what, Path | OtherFile):
        raise ModelError(f"{spec} was not fetched by ttc", hint=_by_whom(what))
    if isinstance(what, HubRepo):
        raise not_installed(what.name)
    if isinstance(what, Entry) and what.shipped:
        raise ModelError(f"{what.name} comes with ttc, and was not fetched", hint="it goes when ttc does")
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


def _by_whom(what: Path | OtherFile) -> str:
    """How a file that is not ttc's is deleted."""
    if isinstance(what, OtherFile) and what.name.startswith(ollama.PREFIX):
        return f"ollama rm {what.name.removeprefix(ollama.PREFIX)}"
    return "delete the file yourself" if isinstance(what, Path) else f"it belongs to another program: {what.path}"


def _complete(what: Meant, path: Path) -> bool:
    """Whether the whole file is there: a file gets its final name only then, so size is a check against meddling."""
    size = what.bytes if isinstance(what, Entry) else None
    return path.is_file() and (size is None or path.stat().st_size == size)


def _entry_at(path: Path) -> Entry | None:
    """A path that leads to a model of the catalog means that model; to one that comes with ttc, if it is that still."""
    found = next((each for each in catalog().values() if path_of(each).resolve() == path.resolve()), None)
    return None if found and found.shipped and sha256_of(path) != found.sha256 else found


def _hub(spec: str) -> HubFile | HubRepo | OtherFile:
    """What `hf:...` means: where another program has the file, that one."""
    plain = r"[\w-][\w.-]*"  # no part may begin with a dot: none leads out of the directory
    form = re.fullmatch(
        rf"hf:({plain}/{plain})(?:/((?:{plain}/)*{plain}\.gguf)|:([\w.-]+))?(?:@({plain}(?:/{plain})*))?", spec
    )
    if form is None:
        hint = "write hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M or hf:OWNER/REPO/FILE.gguf, with @REVISION behind it or not"
        raise ModelError(f"cannot read {spec!r}", hint=hint)
    repo, file, tag, revision = form.groups()
    if file is not None and HubFile(repo, file, revision).path.is_file():
        return HubFile(repo, file, revision)
    here = files_of(repo, revision, Places())
    if file is None:
        try:
            file = choose(repo, here, tag)
        except ModelError:
            if tag is None and here:
                raise
            return HubRepo(repo, tag, revision, spec)  # the hub may have what is not here
    own = HubFile(repo, file, revision)
    if file not in here or here[file] == own.path:
        return own
    return OtherFile(here[file], spec)


def _hub_files() -> list[HubFile]:
    files = []
    for path in sorted((models_dir() / "hf").glob("*/*/**/*.gguf")):
        owner, folder, *rest = path.relative_to(models_dir() / "hf").parts
        repo, _, revision = folder.partition("@")
        files.append(HubFile(f"{owner}/{repo}", "/".join(rest), revision.replace("--", "/") or None))
    return files
