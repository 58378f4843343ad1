"""The file format that llama.cpp reads, and what of a header it takes on trust: checked here before it sees the file.

llama.cpp ends the process on many a header that no converter writes, by an assertion or an exception that C lets
through. The format is ggml's docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ttcli.errors import ModelError
from ttcli.files.kinds import no_model
from ttcli.files.parts import parts

MAGIC = b"GGUF"

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_TYPES = {  # of tensors: values per block, bytes per block; as in ggml.c
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip
_LONGEST_NAME = 63  # of a tensor, in bytes
_MOST_BLOCKS = 512  # of a model, as llama.cpp has it
_INT = 2**31 - 1
_HINT = "the file is damaged, or made by a program that is; fetch or convert it again"


class Array(NamedTuple):
    """An array of the metadata."""

    kind: int  # of its values
    values: tuple[Any, ...]  # numbers, or texts as bytes


class Tensor(NamedTuple):
    """A tensor of the file."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its weights."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself."""

    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]


def check_gguf(path: Path) -> None:
    """Raise ModelError unless `path` can be read and begins as a GGUF does."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}", hint="ttc models list") from error
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file", hint="ttc models list shows models that can be fetched")


def read_header(path: Path) -> Header:
    """The header of a file, the tensors of which lie inside it.

    Raises:
        ModelError: it cannot be read, is no GGUF, or is not what such a header may be.
    """
    check_gguf(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        reader = _Reader(path, view)
        try:
            return reader.header()
        except struct.error:
            reader.reject("it ends in the middle of its header")


def check_model(path: Path) -> list[Header]:
    """The headers of a model that llama.cpp may be given: all of its parts, the first one first.

    Raises:
        ModelError: a part is missing, one that llama.cpp would not survive, or something else than a language model.
    """
    check_gguf(path)
    headers = []
    files = parts(path)
    if files[0].name != path.name:
        raise ModelError(f"{path} is a later part of a model", hint=f"name the first one: {files[0]}")
    for number, part in enumerate(files):
        if not part.is_file():
            raise ModelError(f"{part} is missing: {path.name} is one of {len(files)} files", hint="fetch all of them")
        headers.append(read_header(part))
        told = headers[-1].metadata
        if (told.get("split.no", 0), told.get("split.count", 1) or 1) != (number, len(files)):
            _reject(part, f"it is not part {number + 1} of {len(files)} of a model")
    if unfit := no_model(headers[0].metadata, {tensor.name for tensor in headers[0].tensors}):
        raise ModelError(f"{path} {unfit.reason}", hint=unfit.hint)
    _Check(path, headers[0].metadata).all()
    return headers


class _Reader:
    """Reads a header from the front; a struct.error is its end."""

    def __init__(self, path: Path, view: mmap.mmap) -> None:
        self._path = path
        self._view = view
        self._at = 0

    def header(self) -> Header:
        self._at = len(MAGIC)
        version = self._number("<I")
        if version not in (2, 3):
            self.reject(f"its version is {version}, and 2 and 3 are known")
        tensors, keys = self._number("<Q"), self._number("<Q")
        if max(tensors, keys) * 12 > len(self._view):  # bytes that each takes at least
            self.reject(f"it says that it has {tensors:,} tensors and {keys:,} keys, for which it is too short")
        metadata: dict[str, Any] = {}
        for _ in range(keys):
            key = self._text()
            if key in metadata:
                self.reject(f"{key} stands in it twice")
            metadata[key] = self._value(self._number("<I"))
        return Header(metadata, self._tensors(tensors, metadata.get("general.alignment", 32)))

    def _tensors(self, count: int, alignment: Any) -> tuple[Tensor, ...]:
        if type(alignment) is not int or alignment < 8 or alignment & (alignment - 1) or alignment > 1 << 20:
            self.reject(f"general.alignment is {alignment}")
        found: dict[str, tuple[Tensor, int, int]] = {}  # with offset and bytes
        for _ in range(count):
            name = self._text()
            if name in found or len(name.encode()) > _LONGEST_NAME:
                self.reject(f"the tensor {name[:_LONGEST_NAME]} stands in it twice, or has a name too long")
            if not 1 <= (dimensions := self._number("<I")) <= 4:
                self.reject(f"{name} has {dimensions} dimensions")
            shape = tuple(self._number("<Q") for _ in range(dimensions))
            kind, offset = self._number("<I"), self._number("<Q")
            if kind not in _TYPES:
                self.reject(f"{name} is of the type {kind}, which is not known")
            per_block, block = _TYPES[kind]
            if min(shape) < 1 or math.prod(shape) > 2**62 or shape[0] % per_block:
                self.reject(f"{name} has the shape {' x '.join(map(str, shape))}")
            if offset % alignment:
                self.reject(f"{name} does not begin at a multiple of {alignment} bytes")
            found[name] = Tensor(name, shape), offset, math.prod(shape) // per_block * block
        start = -(-self._at // alignment) * alignment
        for name, (_, offset, size) in found.items():
            if start + offset + size > len(self._view):
                self.reject(f"{name} would end {start + offset + size - len(self._view):,} bytes behind its end")
        return tuple(tensor for tensor, _, _ in found.values())

    def _number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._view, self._at)
        self._at += struct.calcsize(form)
        return value

    def _text(self) -> str:
        length = self._number("<Q")
        if length > len(self._view) - self._at:
            self.reject("it ends in the middle of a text")
        self._at += length
        return self._view[self._at - length : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            self.reject(f"a value of the type {kind}, which is not known")
        inner, count = self._number("<I"), self._number("<Q")
        if inner == _STRING:
            return Array(inner, self._texts(count))
        if inner not in _SCALARS:
            self.reject(f"an array of the type {inner}, which is not known")
        size = struct.calcsize(_SCALARS[inner])
        if count > (len(self._view) - self._at) // size:
            self.reject("it ends in the middle of an array")
        values = struct.unpack_from(f"<{count}{_SCALARS[inner][1]}", self._view, self._at)
        self._at += size * count
        return Array(inner, values)

    def _texts(self, count: int) -> tuple[bytes, ...]:
        """Many: tokens and merges."""
        view, at, unpack = self._view, self._at, struct.Struct("<Q").unpack_from
        found = []
        for _ in range(min(count, len(view))):
            (length,) = unpack(view, at)
            at += 8 + length
            if at > len(view):
                self.reject("it ends in the middle of a text")
            found.append(view[at - length : at])
        if len(found) < count:
            self.reject("it ends in the middle of an array")
        self._at = at
        return tuple(found)

    def reject(self, reason: str) -> NoReturn:
        """Raise ModelError."""
        _reject(self._path, reason)


class _Check:
    """What llama.cpp takes on trust of the metadata of a language model."""

    def __init__(self, path: Path, metadata: Mapping[str, Any]) -> None:
        self._path = path
        self._metadata = metadata
        self._architecture = metadata.get("general.architecture")

    def all(self) -> None:
        """Raise ModelError where it may not."""
        if not isinstance(self._architecture, str) or not self._architecture:
            self._reject("it names no architecture")
        for key, value in self._own():
            values = value.values if isinstance(value, Array) else (value,)
            for each in values:
                if isinstance(each, float) and not math.isfinite(each):
                    self._reject(f"{key} is {each}")
                if isinstance(each, int) and not -_INT <= each <= _INT:
                    self._reject(f"{key} is {each:,}")
            if "epsilon" in key and not (isinstance(value, float) and 0 <= value <= 1):
                self._reject(f"{key} is {value}, and must be from 0 to 1")
        self._range("block_count", 1, _MOST_BLOCKS)
        self._range("embedding_length", 1, 1 << 20)
        self._range("context_length", 1, _INT)
        self._heads()
        self._tokens()

    def _own(self) -> Iterator[tuple[str, Any]]:
        """Keys of the architecture itself."""
        return ((key, value) for key, value in self._metadata.items() if key.startswith(f"{self._architecture}."))

    def _range(self, name: str, least: int, most: int) -> None:
        key = f"{self._architecture}.{name}"
        value = self._metadata.get(key)
        if type(value) is not int or not least <= value <= most:
            self._reject(f"{key} is {'missing' if value is None else value}, and must be from {least:,} to {most:,}")

    def _heads(self) -> None:
        """Heads share those of keys and values evenly."""
        heads, shared = (self._metadata.get(f"{self._architecture}.attention.head_count{end}") for end in ("", "_kv"))
        blocks = self._metadata[f"{self._architecture}.block_count"]
        for value in (heads, shared):
            if isinstance(value, Array) and len(value.values) < blocks:
                self._reject(f"it tells the heads of {len(value.values)} blocks of {blocks}")
            counts = value.values if isinstance(value, Array) else (value or 0,)
            if not all(isinstance(count, int) and 0 <= count <= 1 << 16 for count in counts):
                self._reject(f"the number of its heads is {value}")
        if isinstance(heads, int) and isinstance(shared, int) and shared and heads % shared:
            self._reject(f"{heads} heads cannot share {shared} heads of keys and values")

    def _tokens(self) -> None:
        """A tokenizer with all that its kind looks up."""
        kind, tokens = (self._metadata.get(f"tokenizer.ggml.{name}") for name in ("model", "tokens"))
        if kind in (None, "", "none", "no_vocab"):
            self._reject("it has no tokenizer, so no text can be put to it")
        if not isinstance(tokens, Array) or tokens.kind != _STRING or not tokens.values:
            self._reject("it has a tokenizer without tokens")
        for name in ("scores", "token_type"):
            told = self._metadata.get(f"tokenizer.ggml.{name}")
            if told is not None and (not isinstance(told, Array) or len(told.values) < len(tokens.values)):
                self._reject(f"tokenizer.ggml.{name} does not tell of {len(tokens.values):,} tokens")
        if kind == "llama" and (byte := self._without_token(set(tokens.values))) is not None:
            self._reject(f"its tokenizer has no token for the byte {byte}")
        if kind == "gpt2" and not isinstance(self._metadata.get("tokenizer.ggml.merges"), Array):
            self._reject("its tokenizer is one of byte pairs, and tells no merges")

    @staticmethod
    def _without_token(tokens: set[bytes]) -> int | None:
        """A byte that SentencePiece's fallback would not find; None: there is none."""
        return next((n for n in range(256) if not {f"<0x{n:02X}>".encode(), bytes([n])} & tokens), None)

    def _reject(self, reason: str) -> NoReturn:
        _reject(self._path, reason)


def _reject(path: Path, reason: str) -> NoReturn:
    raise ModelError(f"{path} is no usable GGUF: {reason}", hint=_HINT)
