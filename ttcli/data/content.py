"""The bytes of a file as lines of text: unpacked, read no further than asked, and refused where they are no text."""

from __future__ import annotations

import codecs
import gzip
import io
import shlex
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ttcli.errors import DatasetError
from ttcli.files.bounded import DATA, size

FORMAT = "a data set is JSON lines, a JSON array, CSV or TSV, in UTF-8, gzipped or not, or Parquet"
PARQUET = b"PAR1"
ARROW = b"ARROW1"
ARROW_STREAM = b"\xff\xff\xff\xff"

_GZIP = b"\x1f\x8b"
_LINE = 64 << 20  # bytes of one line: a device has no end, and zeros are packed a thousandfold
_HEAD = 12  # bytes that tell what a file is
_ZIP = b"PK\x03\x04"
_PACKED = {b"BZh": "bzcat", b"\xfd7zXZ\x00": "xzcat", b"\x28\xb5\x2f\xfd": "zstdcat"}
_OTHER = {  # how a file begins -> what it is, what to do
    b"\xd0\xcf\x11\xe0": ("is an Excel workbook", "save it as CSV"),
    b"version http": ("is a pointer of Git LFS and not the data", "git lfs pull"),
    b"<": ("is HTML or XML", f"where a download gave a page, fetch the file itself; {FORMAT}"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """A file that is being read."""

    where: str  # the file as the user called it; "stdin"
    head: bytes  # its first bytes, unpacked
    stream: io.BufferedReader  # all of it, unpacked; as much is read as is asked for
    packed: bool

    def lines(self) -> Iterator[tuple[int, str]]:
        """Its lines with their ends and numbers; only a line feed ends a line, as in JSON lines.

        Raises:
            DatasetError: what cannot be read, unpacked or decoded.
        """
        number = total = 0
        while line := self._read_line():
            number += 1
            total += len(line)
            if total > DATA:
                raise self._too_large(DATA)
            try:
                yield number, (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).decode()
            except UnicodeDecodeError as error:
                raise DatasetError(f"{self.where}, line {number}: not UTF-8 text", hint=FORMAT) from error

    def read(self) -> bytes:
        """All of it; raises DatasetError where it cannot be read, or is more than fits."""
        with _complaining(self.where, packed=self.packed):
            content = self.stream.read(DATA + 1)
        if len(content) > DATA:
            raise self._too_large(DATA)
        return content

    def _read_line(self) -> bytes:
        with _complaining(self.where, packed=self.packed):
            line = self.stream.readline(_LINE + 1)
        if len(line) > _LINE:
            raise self._too_large(_LINE, " in one line")
        return line

    def _too_large(self, most: int, place: str = "") -> DatasetError:
        return DatasetError(f"cannot read {self.where}: it holds more than {size(most)}{place}", hint=FORMAT)


@contextmanager
def open_content(source: str, stdin: BinaryIO | None = None) -> Iterator[Content]:
    """A file, or stdin for "-", as far as it is text, Parquet or Arrow; gzip is recognised by its first bytes.

    Raises:
        DatasetError: a file that cannot be read, or is of another kind.
    """
    where = "stdin" if source == "-" else source
    with ExitStack() as stack:
        with _complaining(where):
            raw = stdin or sys.stdin.buffer if source == "-" else stack.enter_context(Path(source).open("rb"))
            head, stream = _looked_at(raw)
        packed = head.startswith(_GZIP)
        if packed:
            with _complaining(where, packed=True):
                head, stream = _looked_at(gzip.GzipFile(fileobj=stream))
        _refuse(source, head)
        yield Content(where, head, stream, packed)


@contextmanager
def _complaining(where: str, *, packed: bool = False) -> Iterator[None]:
    """Errors of reading as the user is to see them."""
    try:
        yield
    except IsADirectoryError as error:
        found = sorted(path for path in Path(where).glob("*") if path.suffix in (".jsonl", ".json", ".csv", ".parquet"))
        hint = f"name a file in it, such as {found[0] if found else 'a .jsonl file'}"
        raise DatasetError(f"cannot read {where}: Is a directory", hint=hint) from error
    except (OSError, EOFError, zlib.error) as error:
        if packed:
            raise DatasetError(f"{where} is broken gzip: {error}", hint="fetch the file again") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"cannot read {where}: {reason}", hint="name a .jsonl file, or - for stdin") from error


def _refuse(source: str, head: bytes) -> None:
    """Raise for a file of a kind that is not read."""
    where, name = ("stdin", "FILE") if source == "-" else (source, shlex.quote(source))
    if head.startswith(_ZIP):
        if Path(source).suffix.lower() in (".xlsx", ".xlsm"):
            raise DatasetError(f"{where} is an Excel workbook", hint="save it as CSV")
        raise DatasetError(f"{where} is a zip archive", hint=f"unzip -p {name} | ttc bench -, where one file is in it")
    for start, command in _PACKED.items():
        if head.startswith(start):
            raise DatasetError(f"{where} is compressed, and not by gzip", hint=f"{command} {name} | ttc bench -")
    for start, (what, hint) in _OTHER.items():
        if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(start):
            raise DatasetError(f"{where} {what}", hint=hint)


def _looked_at(stream: BinaryIO | io.BufferedIOBase) -> tuple[bytes, io.BufferedReader]:
    """The first bytes of a stream, and a stream that has them still."""
    assert isinstance(stream, io.BufferedIOBase), "what Python opens in binary has a buffer"
    head = b""
    while len(head) < _HEAD and (piece := stream.read1(_HEAD - len(head))):
        head += piece
    return head, io.BufferedReader(_Rejoined(head, stream))


class _Rejoined(io.RawIOBase):
    """Bytes that were read already, and behind them the rest of their stream; waits for no more than there is."""

    def __init__(self, head: bytes, rest: io.BufferedIOBase) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        """As many bytes as come at once, at least one; 0 at the end."""
        piece = self._head[: len(buffer)] or self._rest.read1(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
