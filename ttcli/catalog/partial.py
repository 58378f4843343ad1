"""A file on its way: bytes written beside the final name, hashed as they come, kept when a transfer breaks."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType

from ttcli.catalog.disk import disk_errors
from ttcli.catalog.entry import Source
from ttcli.files.atomic import write_whole
from ttcli.files.gguf import MAGIC

CHUNK = 1 << 20  # bytes read or hashed at a time
FORMAT = 1  # of FILE.part.json


class SourceFailed(Exception):
    """A source could not give the file; the message is the reason, and the next source may do better."""


class WrongContent(Exception):
    """The bytes that came are not the file that was promised; the message says how they differ."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch and how to know it."""

    name: str  # as the user calls it
    path: Path  # where it goes
    bytes: int
    sha256: str | None  # None: its source gives none, only the size can be checked
    sources: tuple[Source, ...]  # in the order they are tried
    advice: str  # what to type when all of them fail


class Partial:
    """`FILE.part`, and in `FILE.part.json` what it is a part of and the last boundary between two wheels.

    All sources give the same bytes, so one may go on where another stopped. Used as a context manager: leaving it
    closes the file and keeps it. Errors of the disk are DownloadError.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.path, self._record, _ = leftovers(wanted.path)
        self.size = 0  # bytes
        self._file: FileIO
        self._hash = hashlib.sha256()
        self._hashed = 0  # bytes

    def __enter__(self) -> Partial:
        with disk_errors(self.path):
            if not self._resumable():
                self.discard()
            self._file = self.path.open("r+b" if self.path.exists() else "x+b", buffering=0)
            self.size = self._file.seek(0, os.SEEK_END)
            if not self._record.exists():
                self._write_record("", 0, 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def boundary(self, source: str) -> tuple[int, int]:
        """The parts of this source that are complete, and the bytes they hold; (0, 0) where nothing is known."""
        record = self._read_record()
        parts, size = record.get("parts"), record.get("bytes")
        if record.get("source") != source or type(parts) is not int or type(size) is not int or size > self.size:
            return 0, 0
        return parts, size

    def mark(self, source: str, parts: int) -> None:
        """Record that the first `parts` parts of this source end here."""
        with disk_errors(self.path):
            os.fsync(self._file.fileno())
            self._write_record(source, parts, self.size)

    def resume_at(self, size: int) -> None:
        """Cut the file to its first `size` bytes, with their hash taken; writing goes on from there."""
        with disk_errors(self.path):
            self._file.truncate(size)
            self.size = size
            if self._hashed > size:
                self._hash, self._hashed = hashlib.sha256(), 0
            self._file.seek(self._hashed)
            while self._hashed < size:
                self._add(self._file.read(min(CHUNK, size - self._hashed)))
            self._file.seek(size)

    def write(self, chunk: bytes) -> None:
        """Append bytes; raises SourceFailed when they are more than the file has."""
        if self.size + len(chunk) > self.wanted.bytes:
            raise SourceFailed(f"it sends more than the {self.wanted.bytes} bytes expected")
        rest = memoryview(chunk)
        with disk_errors(self.path):
            while rest:  # an unbuffered write may take less than it is given
                rest = rest[self._file.write(rest) :]
        self._add(chunk)
        self.size += len(chunk)

    def verify(self) -> None:
        """Compare size, hash and the GGUF magic with what is wanted; raises WrongContent."""
        wanted = self.wanted
        if self.size != wanted.bytes:
            raise WrongContent(f"got {self.size} bytes, expected {wanted.bytes}")
        got = self._hash.hexdigest()
        if wanted.sha256 is not None and got != wanted.sha256:
            raise WrongContent(f"wrong sha256: got {got}, expected {wanted.sha256}")
        self._file.seek(0)
        if self._file.read(len(MAGIC)) != MAGIC:
            raise WrongContent("it is not a GGUF file")

    def promote(self) -> None:
        """Give the file its final name, once it is safely on the disk."""
        with disk_errors(self.path):
            os.fsync(self._file.fileno())
            self.path.replace(self.wanted.path)
            self._record.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete what came so far."""
        with disk_errors(self.path):
            self.path.unlink(missing_ok=True)
            self._record.unlink(missing_ok=True)

    def _add(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._hashed += len(chunk)

    def _resumable(self) -> bool:
        """Without a hash nothing would tell whether old and new bytes are of the same file."""
        sha256 = self.wanted.sha256
        return (
            sha256 is not None
            and self._read_record().get("sha256") == sha256
            and self.path.is_file()
            and self.path.stat().st_size <= self.wanted.bytes
        )

    def _read_record(self) -> dict[str, object]:
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return record if isinstance(record, dict) and record.get("version") == FORMAT else {}

    def _write_record(self, source: str, parts: int, size: int) -> None:
        record = {"version": FORMAT, "sha256": self.wanted.sha256, "source": source, "parts": parts, "bytes": size}
        write_whole(self._record, json.dumps(record))


def leftovers(path: Path) -> tuple[Path, Path, Path]:
    """What a broken transfer to `path` leaves behind: the part, its record, and the directory of a wheel."""
    return (
        path.with_name(f"{path.name}.part"),
        path.with_name(f"{path.name}.part.json"),
        path.with_name(f"{path.name}.wheel"),
    )
