"""Which weights a file holds: its SHA-256, reckoned once per file."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from ttcli.catalog.stored import LocalModel
from ttcli.files.atomic import write_whole
from ttcli.files.parts import parts
from ttcli.files.paths import home


def fingerprint(model: LocalModel) -> str:
    """The SHA-256 of a model: the catalog's, which was checked when it was fetched, or else that of its file.

    Of a split model: that of the hashes of its files.
    """
    known = model.entry.sha256 if model.entry else None
    if known:
        return known
    hashes = [_of_file(part) for part in parts(model.path)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def _of_file(path: Path) -> str:
    facts = path.stat()
    key = f"{path.absolute()}, {facts.st_size} bytes, {facts.st_mtime_ns}"
    known = _read()
    if key not in known:
        with path.open("rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        _write(known)
    return known[key]


def _read() -> dict[str, str]:
    """What was reckoned before; nothing where that cannot be read: it is reckoned again."""
    try:
        content = json.loads(_cache().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)} if isinstance(content, dict) else {}


def _write(known: dict[str, str]) -> None:
    with suppress(OSError):  # it only saves time
        write_whole(_cache(), json.dumps(known, indent=2))


def _cache() -> Path:
    return home() / "fingerprints.json"
