from __future__ import annotations

import hashlib
import json
import os
from io import BufferedReader
from pathlib import Path

import pytest

from ttcli.catalog.entry import DEFAULT_MODEL, catalog
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.stored import LocalModel


@pytest.fixture
def model(tmp_path: Path) -> LocalModel:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"GGUF and some weights")
    return LocalModel(path, None, str(path))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read to the end."""
    files: list[str] = []

    def digest(file: BufferedReader, name: str) -> object:
        files.append(file.name)
        return original(file, name)

    original = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", digest)
    return files


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_model_of_the_catalog_has_the_hash_it_was_checked_by(tmp_path: Path, read: list[str]) -> None:
    entry = catalog()[DEFAULT_MODEL]
    assert fingerprint(LocalModel(tmp_path / "not there", entry, entry.name)) == entry.sha256
    assert read == []


def test_a_model_of_the_catalog_without_a_hash_is_read_like_any_other(model: LocalModel, read: list[str]) -> None:
    entry = catalog()["math-shepherd-7b"]
    assert fingerprint(LocalModel(model.path, entry, entry.name)) == sha256(model.path)
    assert read == [str(model.path)]


def test_any_other_file_is_read_once(model: LocalModel, read: list[str]) -> None:
    assert [fingerprint(model) for _ in range(3)] == [sha256(model.path)] * 3
    assert read == [str(model.path)]


def test_a_file_that_has_changed_is_read_again(model: LocalModel, read: list[str]) -> None:
    first = fingerprint(model)
    model.path.write_bytes(b"GGUF and more weights!")
    assert fingerprint(model) == sha256(model.path) != first
    before = model.path.stat().st_mtime_ns
    model.path.write_bytes(b"GGUF and MORE weights!")  # no longer and no shorter
    os.utime(model.path, ns=(before + 1, before + 1))
    assert fingerprint(model) == sha256(model.path)
    assert len(read) == 3


def test_a_copy_has_the_same_fingerprint(model: LocalModel, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(model.path.read_bytes())
    assert fingerprint(LocalModel(copy, None, "copy")) == fingerprint(model)


def test_a_file_is_known_by_whatever_path_it_is_named(
    model: LocalModel, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint(model)
    monkeypatch.chdir(model.path.parent)
    fingerprint(LocalModel(Path("own.gguf"), None, "own.gguf"))
    assert len(read) == 1


@pytest.mark.parametrize("content", ["", "no JSON", "[1, 2]", '{"a": 1}', "\xff"])
def test_a_broken_memory_is_made_anew(model: LocalModel, home: Path, read: list[str], content: str) -> None:
    home.mkdir()
    (home / "fingerprints.json").write_bytes(content.encode("latin-1"))
    assert fingerprint(model) == fingerprint(model) == sha256(model.path)
    assert len(read) == 1
    assert list(json.loads((home / "fingerprints.json").read_text()).values()) == [sha256(model.path)]


def test_a_memory_that_cannot_be_written_costs_only_time(model: LocalModel, home: Path, read: list[str]) -> None:
    home.write_text("a file, where the directory should be")
    assert fingerprint(model) == fingerprint(model) == sha256(model.path)
    assert len(read) == 2


def test_other_files_stay_known(model: LocalModel, tmp_path: Path, read: list[str]) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF, other weights")
    for _ in range(2):
        fingerprint(model)
        fingerprint(LocalModel(other, None, "other"))
    assert len(read) == 2


def test_a_model_in_several_files_is_another_one_where_any_of_them_is(tmp_path: Path) -> None:
    first, second = (tmp_path / f"own-0000{number}-of-00002.gguf" for number in (1, 2))
    first.write_bytes(b"GGUF 1")
    second.write_bytes(b"GGUF 2")
    before = fingerprint(LocalModel(first, None, "own"))
    assert before != sha256(first)
    second.write_bytes(b"GGUF 3")
    os.utime(second, ns=(1, 1))
    assert fingerprint(LocalModel(first, None, "own")) != before
