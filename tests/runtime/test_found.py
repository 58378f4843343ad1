"""What lies on a machine, told without llama.cpp; the folders are of this test alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import add_to_hub, add_to_lm_studio, add_to_ollama
from tiny_models import ARCHITECTURES, write_tiny

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.found import FoundModel, found_models
from ttcli.catalog.places import Places
from ttcli.engine import machine
from ttcli.engine.memory import kind_of
from ttcli.engine.model import Model
from ttcli.runtime import found
from ttcli.runtime.found import Described, describe, largest_fitting, worth_naming

TinyPath = Callable[[str], Path]
THINKING = (
    "{% for m in messages %}{{ m.content }}{% endfor %}"
    "{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}"
)


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    user = tmp_path / "user"
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("OLLAMA_MODELS", str(user / "ollama"))
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    return user


def one(path: Path, name: str = "m") -> Described:
    [described] = describe([FoundModel(name, "test", path, path.stat().st_size)])
    return described


def test_models_of_all_programs_are_listed_once(user: Path, tiny_path: TinyPath, tmp_path: Path) -> None:
    llama, lfm2, qwen = (tiny_path(name) for name in ("llama", "lfm2", "qwen35"))
    add_to_ollama(user / "ollama", "registry.ollama.ai/library/tiny/1m", llama)
    hub = user / ".cache" / "huggingface" / "hub"
    for tag in ("Q4_K_M", "Q8_0"):
        add_to_hub(hub, "o/two-GGUF", f"m-{tag}.gguf", lfm2 if tag == "Q8_0" else qwen)
    link = add_to_hub(hub, "o/one", "m.gguf", llama)
    lm = add_to_lm_studio(user / ".lmstudio" / "models", "pub/repo", "m-F32.gguf", lfm2)
    add_to_lm_studio(user / ".lmstudio" / "models", "pub/repo", "mmproj-F16.gguf", lfm2)
    flat = user / ".cache" / "llama.cpp" / "o_r_m.gguf"
    flat.parent.mkdir(parents=True)
    flat.symlink_to(link)  # another way to the same blob
    own = tmp_path / "home" / "models" / "hf" / "o" / "own" / "m.gguf"
    own.parent.mkdir(parents=True)
    shutil.copy(qwen, own)
    models = found_models(Places())
    assert [(model.name, model.source) for model in models] == [
        ("hf:o/own/m.gguf", "ttc"),
        ("ollama:tiny:1m", "Ollama"),
        ("hf:o/one", "Hugging Face"),
        ("hf:o/two-GGUF:Q4_K_M", "Hugging Face"),
        ("hf:o/two-GGUF:Q8_0", "Hugging Face"),
        ("hf:pub/repo", "LM Studio"),
    ]
    assert models[-1].path == lm
    assert [each.facts.family for each in describe(models)] == ["qwen35", "llama", "llama", "qwen35", "lfm2", "lfm2"]


def test_a_broken_one_is_listed_with_the_reason(user: Path, tiny_path: TinyPath) -> None:
    add_to_ollama(user / "ollama", "registry.ollama.ai/library/tiny/1m", tiny_path("llama")).unlink()
    part = add_to_lm_studio(user / ".lmstudio" / "models", "pub/repo", "m-00001-of-00003.gguf", tiny_path("llama"))
    cut, split = describe(found_models(Places()))
    assert "its blob" in (cut.facts.problem or "")
    assert "ollama pull tiny:1m" in (cut.facts.problem or "")
    assert split.facts.problem == "2 of its 3 files are missing"
    assert split.model.bytes == part.stat().st_size


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_header_tells_the_memory_that_llama_cpp_tells(
    tiny_path: TinyPath, tiny_model: Callable[[str], Model], architecture: str
) -> None:
    facts = one(tiny_path(architecture)).facts
    assert (facts.family, facts.problem) == (architecture, None)
    assert facts.memory == kind_of(tiny_model(architecture).handle)


def test_what_cannot_be_used_is_told_why(tmp_path: Path, tiny_path: TinyPath, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = write_tiny(tmp_path / "bare.gguf", "llama", template=None)
    assert one(bare).facts.problem == "has no chat template"
    both = write_tiny(tmp_path / "both.gguf", "llama", causal=False)
    assert "encoder" in (one(both).facts.problem or "")
    lost = tmp_path / "Qwen2.5-Math-PRM-7B.gguf"
    shutil.copy(tiny_path("llama"), lost)
    assert "drops the reward head" in (one(lost).facts.problem or "")
    cut = tmp_path / "cut.gguf"
    shutil.copy(tiny_path("llama"), cut)
    os.truncate(cut, 200_000)
    assert "behind its end" in (one(cut).facts.problem or "")
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF?")
    assert "ends in the middle of its header" in (one(junk).facts.problem or "")
    monkeypatch.setattr(found, "knows", lambda architecture: False)
    new = write_tiny(tmp_path / "new.gguf", "llama")
    assert one(new).facts.problem == "is of the architecture llama, which this llama.cpp does not know"


def test_thinking_is_told_by_the_template(tmp_path: Path, tiny_path: TinyPath) -> None:
    assert one(write_tiny(tmp_path / "m.gguf", "llama", template=THINKING)).facts.thinking
    assert not one(tiny_path("llama")).facts.thinking


def test_a_header_is_read_once_until_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = write_tiny(tmp_path / "m.gguf", "llama"), []

    def count(model: FoundModel) -> found.Facts:
        read.append(model)
        return found.Facts("llama", "attention", False, None)

    monkeypatch.setattr(found, "_read", count)
    assert one(path) == one(path)
    assert len(read) == 1
    os.utime(path, (1, 1))
    one(path)
    assert len(read) == 2
    (tmp_path / "home" / "found.json").write_text('{"version": 1, "headers": []}')
    one(path)
    assert len(read) == 3


@pytest.fixture
def three(user: Path, tmp_path: Path) -> list[Path]:
    """Models of three sizes with Ollama, the largest of which cannot be used."""
    paths = [write_tiny(tmp_path / f"{size}.gguf", "llama", template=None if size == 3 else "x") for size in (1, 2, 3)]
    for size, path in enumerate(paths, 1):
        with path.open("ab") as file:
            file.write(bytes(1_000_000 * size))
        add_to_ollama(user / "ollama", f"registry.ollama.ai/library/size/{size}", path)
    return paths


def test_the_largest_that_fits_and_can_be_used_is_named(three: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    models = found_models(Places())
    for memory, expected in ((10**9, "ollama:size:2"), (2_500_000, "ollama:size:1"), (1000, None)):
        monkeypatch.setattr(machine, "available_memory", lambda memory=memory: memory)
        named = largest_fitting(models)
        assert (named.model.name if named else None) == expected


def test_where_the_system_tells_no_free_memory_half_of_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: None)
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert found._memory() == 2_048_000


def test_a_larger_model_is_named_once_and_folders_are_not_looked_into_again(
    three: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "_OFTEN", 3)
    looks: list[int] = []

    def look(places: Places) -> list[FoundModel]:
        looks.append(1)
        return found_models(places)

    monkeypatch.setattr(found, "found_models", look)
    named = worth_naming(DEFAULT_MODEL)
    assert named is not None
    assert named.model.name == "ollama:size:2"
    assert [worth_naming(DEFAULT_MODEL) for _ in range(5)] == [None] * 5
    assert len(looks) == 1


def test_where_nothing_was_found_another_look_is_taken_much_later(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "_OFTEN", 3)
    looks: list[int] = []

    def look(places: Places) -> list[FoundModel]:
        looks.append(1)
        return []

    monkeypatch.setattr(found, "found_models", look)
    for _ in range(4):
        assert worth_naming(DEFAULT_MODEL) is None
    assert len(looks) == 2
