"""Which weights a file holds: its SHA-256, reckoned once per file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ttcli.catalog.stored import LocalModel
from ttcli.files.hashes import sha256_of
from ttcli.files.parts import parts
from ttcli.files.paths import home
from ttcli.files.remembered import recalled, remember


def fingerprint(model: LocalModel) -> str:
    """The SHA-256 of a model: the catalog's, which was checked when it was fetched, or else that of its file.

    Of a split model: that of the hashes of its files.
    """
    if model.sha256:
        return model.sha256
    hashes = [_of_file(part) for part in parts(model.path)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def is_reckoned(model: LocalModel) -> bool:
    """Whether its fingerprint is known without reading the file."""
    if model.sha256:
        return True
    known = _known()
    return all(_key(part) in known for part in parts(model.path))


def holder(weights: str) -> Path | None:
    """A file on this machine with this SHA-256, of those whose fingerprints were reckoned here; None: there is none."""
    for key, digest in _known().items():
        path = Path(key.rsplit(", ", 2)[0])
        if digest == weights and path.is_file() and _key(path) == key:
            return path
    return None


def _of_file(path: Path) -> str:
    key, known = _key(path), _known()
    if key not in known:
        known[key] = sha256_of(path)
        remember(_cache(), known)
    return known[key]


def _key(path: Path) -> str:
    facts = path.stat()
    return f"{path.absolute()}, {facts.st_size} bytes, {facts.st_mtime_ns}"


def _known() -> dict[str, str]:
    return {file: digest for file, digest in recalled(_cache()).items() if isinstance(digest, str)}


def _cache() -> Path:
    return home() / "fingerprints.json"
