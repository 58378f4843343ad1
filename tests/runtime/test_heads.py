from __future__ import annotations

from pathlib import Path

import pytest
from verifier.heads import random_head

from ttcli.catalog.entry import catalog
from ttcli.errors import ModelError, UsageError
from ttcli.runtime import heads as module
from ttcli.runtime.heads import doubts, find_head, head_files, heads_for, remove_head
from ttcli.verifier.head_file import write_head
from ttcli.verifier.spec import VerifierSpec

THIS, THAT = "a" * 64, "b" * 64


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    folder = tmp_path / "package"
    monkeypatch.setattr(module, "head_folder", lambda: folder)
    return folder


@pytest.fixture
def own(shipped: Path, tmp_path: Path) -> Path:
    return tmp_path / "home" / "heads"


def put(folder: Path, name: str, weights: str, *, seed: int = 1) -> None:
    write_head(folder / f"{name}.safetensors", random_head(6, weights=weights, seed=seed))


def test_where_nothing_is_there_are_no_heads(own: Path) -> None:
    assert head_files() == {}
    assert heads_for(THIS) == []
    for name in (None, "gsm8k", "./gsm8k.safetensors"):
        with pytest.raises(ModelError, match="no verifier head") as caught:
            find_head(name, THIS)
        assert "ttc train verifier" in (caught.value.hint or "")


def test_the_heads_that_are_shipped_are_for_models_of_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTC_HOME", str(tmp_path))
    weights = {entry.sha256: entry.name for entry in catalog().values()}
    for name in head_files():
        head = find_head(name, None).head
        assert head.card["model"] == weights[head.weights]
        assert head.card["held_out"]["problems"] >= 60
        assert head.card["beats_majority"] in ("unclear", True, False)
    assert find_head(None, catalog()["qwen2.5-coder-0.5b"].sha256).name == "qwen2.5-coder-0.5b-gsm8k"


def test_a_head_is_found_by_its_name_whatever_model_it_is_for(own: Path, shipped: Path) -> None:
    put(shipped, "one", THIS)
    put(own, "two", THAT)
    assert find_head("one", THIS).head.weights == find_head("one", None).head.weights == THIS
    assert find_head("two", THIS).path == own / "two.safetensors"
    with pytest.raises(ModelError, match="no verifier head 'three'") as caught:
        find_head("three", THIS)
    assert caught.value.hint == "one of one, two, or a path"


def test_one_trained_here_goes_before_one_that_is_shipped(own: Path, shipped: Path) -> None:
    put(shipped, "one", THIS)
    before = find_head("one", THIS).sha256
    put(own, "one", THIS, seed=2)
    found = find_head("one", THIS)
    assert found.path.parent == own
    assert found.sha256 != before


@pytest.mark.parametrize("form", ["heads/one.safetensors", "./heads/one.safetensors"])
def test_a_head_is_found_at_its_path(own: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    put(own, "one", THIS)
    monkeypatch.chdir(own.parent)
    assert find_head(form, None).head.weights == THIS


def test_without_a_name_the_only_head_for_the_model_is_meant(own: Path, shipped: Path) -> None:
    put(shipped, "one", THIS)
    put(shipped, "two", THAT)
    assert find_head(None, THIS).name == "one"
    put(own, "three", THIS)
    assert find_head(None, THIS).name == "three"  # it was trained here
    put(own, "four", THIS)
    with pytest.raises(UsageError, match="several heads for this model: head:four, head:three") as caught:
        find_head(None, THIS)
    assert caught.value.hint == "--verifier head:four"
    with pytest.raises(UsageError, match="which head") as caught:
        find_head(None, None)
    assert caught.value.hint == "--verifier head:NAME"


@pytest.mark.parametrize("interval", [[0.3, 1.0], [0.5, 0.9], None])
def test_a_head_that_may_be_chance_is_not_taken_by_itself(own: Path, interval: list[float] | None) -> None:
    figures = {"auc_within": {"value": 0.7, "interval": interval, "problems": 3}}
    write_head(own / "five.safetensors", random_head(6, weights=THIS, figures=figures))
    with pytest.raises(ModelError, match="five may be chance") as caught:
        find_head(None, THIS)
    assert "--verifier head:five" in (caught.value.hint or "")
    assert find_head("five", THIS).name == "five"


def test_a_head_is_deleted_where_it_was_trained_here(own: Path, shipped: Path) -> None:
    put(shipped, "one", THIS)
    put(own, "two", THIS)
    assert remove_head("two") == own / "two.safetensors"
    assert list(head_files()) == ["one"]
    for name in ("one", "two", "../../x"):
        with pytest.raises(ModelError, match="was trained here"):
            remove_head(name)


# -- what searches are told


def quarters(*auc: float) -> dict[str, object]:
    return {"auc_within": {"value": auc[-1], "interval": [0.6, 0.9], "problems": 40}, "auc_within_by_quarters": [*auc]}


@pytest.mark.parametrize(
    ("auc", "told"), [((0.5, 0.6, 0.7, 0.8), 1), ((0.6, 0.6, 0.7, 0.8), 0), ((0.58, 0.6, 0.7, 0.5), 0)]
)
def test_a_head_that_ranks_prefixes_hardly_better_than_chance_is_told_of(
    own: Path, auc: tuple[float, ...], told: int
) -> None:
    write_head(own / "six.safetensors", random_head(6, weights=THIS, figures=quarters(*auc)))
    said: list[str] = []
    doubts([VerifierSpec("head", "six"), VerifierSpec("confidence")], None, said.append)
    assert len(said) == told
    assert all("0.50, 0.60, 0.70, 0.80" in line and "head:six" in line for line in said)


def test_a_head_whose_card_tells_nothing_of_prefixes_is_not_doubted_but_arithmetic_is(own: Path) -> None:
    write_head(own / "seven.safetensors", random_head(6, weights=THIS))
    said: list[str] = []
    doubts([VerifierSpec("head", "seven"), VerifierSpec("arithmetic")], None, said.append)
    assert [line.split()[1] for line in said] == ["arithmetic"]
