"""The laboratory's models, which come with ttc."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.doubles import Recorded
from ttcli.catalog.entry import Entry, ShippedSource, catalog, read_entry, toml_folder
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.found import found_models
from ttcli.catalog.places import Places
from ttcli.catalog.pull import check_sha256, pull, resolve
from ttcli.catalog.stored import local_model, locate, remove
from ttcli.errors import ConfigError, DownloadError, ModelError
from ttcli.files.gguf import read_header

ROOT = Path(__file__).parents[2]
SHIPPED = [entry for entry in catalog().values() if entry.shipped]
MOST = 12_000_000  # bytes that a package grows by


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Entry:
    """An entry for a copy of a laboratory model."""
    entry = catalog()["lab-policy"]
    assert entry.shipped is not None
    copied = tmp_path / "lab-policy.gguf"
    copied.write_bytes(entry.shipped.read_bytes())
    moved = replace(entry, sources=(ShippedSource(str(copied)),))
    for module in ("entry", "stored"):
        monkeypatch.setattr(f"ttcli.catalog.{module}.catalog", lambda: {"lab-policy": moved})
    return moved


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_each_is_the_file_of_its_entry_and_is_marked_as_what_it_is(entry: Entry) -> None:
    local = locate(entry.name)
    assert local is not None
    check_sha256(entry, local.path)
    assert local.path.stat().st_size == entry.bytes
    assert local.path.name == entry.file
    assert local.path.parent == ROOT / "models" / "lab"
    assert entry.description.startswith("a laboratory model: knows one made-up task, chains of sums")
    weights = sum(tensor.size for tensor in read_header(local.path).tensors)
    assert weights == entry.parameters


def test_all_of_them_are_small() -> None:
    assert sum(entry.bytes or 0 for entry in SHIPPED) <= MOST


def test_one_is_read_where_it_lies_with_no_network_and_nothing_written(home: Path) -> None:
    progress = Recorded()
    local = resolve("lab-policy", offline=True, progress=progress)
    assert local.path == catalog()["lab-policy"].shipped
    assert pull(catalog()["lab-policy"], progress=progress) == local.path
    assert not progress.starts
    assert not home.exists()


def test_its_path_means_the_same_model(lab: Entry) -> None:
    assert lab.shipped is not None
    assert local_model(lab.shipped, lab.shipped).entry == lab


def test_one_trained_anew_is_another_model(lab: Entry, home: Path) -> None:
    assert lab.shipped is not None
    content = bytearray(lab.shipped.read_bytes())
    content[-1] ^= 1
    lab.shipped.write_bytes(content)
    home.mkdir()
    local = local_model(lab.shipped, lab.shipped)
    assert local.entry is None
    assert fingerprint(local) != lab.sha256
    with pytest.raises(DownloadError, match="is not the file that came with ttc") as caught:
        resolve("lab-policy", offline=False, progress=Recorded())
    assert "install ttc again" in (caught.value.hint or "")
    lab.shipped.unlink()
    with pytest.raises(DownloadError, match="came with ttc, and is not there"):
        resolve("lab-policy", offline=True, progress=Recorded())


def test_it_can_be_neither_deleted_nor_replaced(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lab-policy comes with ttc, and was not fetched"):
        remove("lab-policy", Recorded())
    with pytest.raises(DownloadError, match="lab-policy comes with ttc"):
        pull(catalog()["lab-policy"], progress=Recorded(), source_file=tmp_path / "x.gguf")
    assert locate("lab-policy") is not None


def test_none_of_them_is_found_so_that_none_is_ever_proposed(tmp_path: Path) -> None:
    places = Places(environ={}, home=tmp_path)
    assert [model for model in found_models(places) if model.name.startswith("lab-")] == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('path = "lab/lab-policy.gguf"', 'path = "../x.gguf"', "source[1].path must lead down from here"),
        ('path = "lab/lab-policy.gguf"', 'path = "/x.gguf"', "source[1].path must lead down from here"),
        ('path = "lab/lab-policy.gguf"', 'path = ""', "source[1].path must lead down from here"),
        ('path = "lab/lab-policy.gguf"', 'path = "x"\n[[source]]\nkind = "file"\npath = "y"', "must be the only one"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = (ROOT / "models" / "lab-policy.toml").read_text(encoding="utf-8")
    path = tmp_path / "lab-policy.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        read_entry(path)


def test_the_wheel_has_them() -> None:
    package = ROOT / "ttcli" / "catalog"
    assert toml_folder(package) == ROOT / "models"  # which a wheel has as ttcli/catalog/models
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ignored.index("!models/lab/*.gguf") > ignored.index("*.gguf")


def test_its_problems_come_with_it() -> None:
    rows = [json.loads(line) for line in (ROOT / "models" / "lab" / "problems.jsonl").read_text("utf-8").splitlines()]
    assert len({row["problem"] for row in rows}) == len(rows) == 200
    for row in rows:
        assert re.fullmatch(r"[0-9+*()-]+", row["problem"])
        assert str(eval(row["problem"])) == row["answer"]
