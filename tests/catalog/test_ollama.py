from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from stores import add_to_ollama

from ttcli.catalog.ollama import find, manifests
from ttcli.errors import ModelError

LIBRARY = "registry.ollama.ai/library"


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def complaint(spec: str, *stores: Path) -> str:
    with pytest.raises(ModelError) as caught:
        find(spec, stores)
    return f"{caught.value} / {caught.value.hint}"


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        (f"{LIBRARY}/qwen3/4b", "ollama:qwen3:4b"),
        (f"{LIBRARY}/qwen3/latest", "ollama:qwen3"),
        (f"{LIBRARY}/qwen3/4b", "ollama:qwen3"),  # the only tag
        (f"{LIBRARY}/Qwen3/4B", "ollama:qwen3:4b"),
        ("registry.ollama.ai/me/tuned/v1", "ollama:me/tuned:v1"),
        ("hf.co/owner/repo-GGUF/Q4_K_M", "ollama:hf.co/owner/repo-GGUF:Q4_K_M"),
    ],
)
def test_a_name_leads_to_the_blob_of_its_manifest(store: Path, gguf: Path, path: str, spec: str) -> None:
    blob = add_to_ollama(store, path, gguf)
    assert find(spec, [store]) == blob


def test_blobs_of_older_stores_have_a_colon_in_their_names(store: Path, gguf: Path) -> None:
    blob = add_to_ollama(store, f"{LIBRARY}/m/latest", gguf)
    older = blob.rename(blob.with_name(blob.name.replace("-", ":")))
    assert find("ollama:m", [store]) == older


def test_names_are_as_ollama_lists_them(store: Path, gguf: Path) -> None:
    for path in (f"{LIBRARY}/b/1", "registry.ollama.ai/me/a/latest", "hf.co/o/r/Q8_0", f"{LIBRARY}/.DS_Store/x"):
        add_to_ollama(store, path, gguf)
    assert [each.name for each in manifests([store])] == ["b:1", "hf.co/o/r:Q8_0", "me/a:latest"]


def test_an_unknown_name_is_told_with_near_ones(store: Path, gguf: Path) -> None:
    add_to_ollama(store, f"{LIBRARY}/qwen3/4b", gguf)
    add_to_ollama(store, f"{LIBRARY}/llama3/8b", gguf)
    told = complaint("ollama:qwen4:4b", store)
    assert told.startswith("Ollama has no model 'qwen4:4b' here; did you mean ollama:qwen3:4b")
    assert told.endswith(" / ttc models list --found")


def test_several_tags_are_told(store: Path, gguf: Path) -> None:
    for tag in ("4b", "8b"):
        add_to_ollama(store, f"{LIBRARY}/qwen3/{tag}", gguf)
    assert complaint("ollama:qwen3", store) == "ollama:qwen3 has several tags: 4b, 8b / --model ollama:qwen3:4b"


def test_no_store_is_told_with_the_folders(tmp_path: Path) -> None:
    told = complaint("ollama:qwen3", tmp_path / "one", tmp_path / "two")
    assert f"Ollama keeps no models in {tmp_path / 'one'} and {tmp_path / 'two'}" in told
    assert "OLLAMA_MODELS" in told


def test_a_manifest_without_its_blob_is_told_with_the_command_that_mends_it(store: Path, gguf: Path) -> None:
    blob = add_to_ollama(store, f"{LIBRARY}/m/latest", gguf)
    blob.unlink()
    told = complaint("ollama:m", store)
    assert told == f"ollama:m:latest has a manifest, but its blob {blob} is missing / ollama pull m:latest"


def test_a_blob_that_is_cut_off_is_told_with_its_sizes(store: Path, gguf: Path) -> None:
    blob = add_to_ollama(store, f"{LIBRARY}/m/latest", gguf)
    os.truncate(blob, 50)
    assert complaint("ollama:m", store) == (
        f"ollama:m:latest is not whole: {blob} has 50 B of 104 B / ollama pull m:latest"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is no manifest"),
        ("[" * 100_000, "it is no manifest"),
        ("{}", "it is no manifest"),
        ('{"layers": null}', "it is no manifest"),
        (
            json.dumps({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../x"}]}),
            "it names no blob",
        ),
    ],
)
def test_a_manifest_that_cannot_be_read_is_told(store: Path, gguf: Path, content: str, reason: str) -> None:
    add_to_ollama(store, f"{LIBRARY}/m/latest", gguf)
    path = store / "manifests" / LIBRARY / "m" / "latest"
    path.write_text(content)
    assert complaint("ollama:m", store) == f"cannot read Ollama's manifest {path}: {reason} / ollama pull m:latest"


def test_a_model_that_is_kept_as_tensors_or_in_a_cloud_has_no_gguf(store: Path, gguf: Path) -> None:
    add_to_ollama(store, f"{LIBRARY}/m/latest", gguf, media="tensor")
    assert "ollama:m:latest has no GGUF in Ollama's store" in complaint("ollama:m", store)


def test_an_adapter_on_a_model_is_not_left_out_in_silence(store: Path, gguf: Path) -> None:
    add_to_ollama(store, f"{LIBRARY}/m/latest", gguf, more={"adapter": "sha256:1"})
    assert "is a model with an adapter on it" in complaint("ollama:m", store)


def test_a_projector_beside_a_model_is_passed_over(store: Path, gguf: Path) -> None:
    blob = add_to_ollama(store, f"{LIBRARY}/m/latest", gguf, more={"projector": "sha256:1"})
    assert find("ollama:m", [store]) == blob


def test_a_store_of_somebody_else_is_told_with_what_opens_it(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    told = complaint("ollama:m", store)
    assert told.startswith(f"{store} may not be read by this user")
    assert "usermod" in told
