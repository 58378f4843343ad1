from __future__ import annotations

import os
from pathlib import Path

import pytest
from stores import COMMIT, add_to_hub, add_to_lm_studio

from catalog.doubles import CONTENT, QUICK, Hub, Recorded
from ttcli.catalog.places import Places
from ttcli.catalog.pull import resolve
from ttcli.catalog.repositories import choose, files_of, folder_model, models_among, quantization
from ttcli.catalog.stored import locate, parse, remove
from ttcli.errors import DownloadError, ModelError


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def hub_cache(tmp_path: Path) -> Path:
    return tmp_path / "hf-home" / "hub"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("m.Q8_0.gguf", "Q8_0"),
        ("UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf", "UD-Q4_K_XL"),
        ("m-IQ2_XXS.gguf", "IQ2_XXS"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("m-f16.gguf", "F16"),
        ("m-BF16.gguf", "BF16"),
        ("Qwen3-4B.gguf", None),
        ("q4_notes/model.gguf", None),
    ],
)
def test_a_quantization_is_read_from_a_name(file: str, expected: str | None) -> None:
    assert quantization(file) == expected


def test_projectors_matrices_and_later_parts_are_no_models() -> None:
    files = [
        *("mmproj-F16.gguf", "m.imatrix.gguf", "my-mmproj-model.gguf", "README.md", "m-lora-f16.gguf"),
        *("m-Q4_0-00001-of-00002.gguf", "m-Q4_0-00002-of-00002.gguf", "m-Q8_0.gguf"),
    ]
    assert models_among(files) == ["m-Q4_0-00001-of-00002.gguf", "m-Q8_0.gguf"]


FILES = ("m-Q4_K_M.gguf", "m-Q8_0.gguf", "m-UD-Q8_0.gguf", "mmproj-F16.gguf")


def test_a_quantization_chooses_in_either_case_and_not_its_namesake() -> None:
    assert choose("o/r", FILES, "q8_0") == "m-Q8_0.gguf"
    assert choose("o/r", FILES, "UD-Q8_0") == "m-UD-Q8_0.gguf"
    assert choose("o/r", ["a.gguf", "mmproj-F16.gguf"], None) == "a.gguf"


@pytest.mark.parametrize(
    ("files", "tag", "complaint", "hint"),
    [
        (FILES, None, "has several models: Q4_K_M, Q8_0, UD-Q8_0", "--model hf:o/r:Q4_K_M"),
        (FILES, "Q2_K", "has no Q2_K: Q4_K_M, Q8_0, UD-Q8_0", "--model hf:o/r:Q4_K_M"),
        (["a-Q4_0.gguf", "b-Q4_0.gguf"], "Q4_0", "has several such models: a-Q4_0.gguf", "--model hf:o/r/a-Q4_0.gguf"),
        (["a.gguf", "b.gguf"], None, "has several such models: a.gguf, b.gguf", "--model hf:o/r/a.gguf"),
        (["model.safetensors"], None, "has no GGUF model", "-GGUF"),
    ],
)
def test_what_cannot_be_chosen_is_told_with_what_there_is(
    files: list[str], tag: str | None, complaint: str, hint: str
) -> None:
    with pytest.raises(ModelError, match=complaint) as caught:
        choose("o/r", files, tag)
    assert hint in (caught.value.hint or "")


def test_a_repository_in_the_cache_of_the_hub_is_used_where_it_lies(hub_cache: Path, gguf: Path) -> None:
    link = add_to_hub(hub_cache, "o/r", "m-Q4_K_M.gguf", gguf)
    for spec in ("hf:o/r", "hf:o/r:q4_k_m", "hf:o/r/m-Q4_K_M.gguf", "hf:o/r@main", f"hf:o/r@{COMMIT}"):
        local = locate(spec)
        assert local is not None
        assert (local.path, local.name, local.label) == (link, spec, "m-Q4_K_M.gguf")
    assert locate("hf:o/r@other") is None
    assert locate("hf:o/r:Q8_0") is None
    assert locate("hf:o/r/other.gguf") is None


def test_several_in_the_cache_are_told(hub_cache: Path, gguf: Path) -> None:
    for tag in ("Q4_K_M", "Q8_0"):
        add_to_hub(hub_cache, "o/r", f"m-{tag}.gguf", gguf)
    with pytest.raises(ModelError, match="several models: Q4_K_M, Q8_0"):
        parse("hf:o/r")
    assert locate("hf:o/r:Q8_0") is not None


def test_the_main_branch_goes_before_what_else_is_there(hub_cache: Path, gguf: Path) -> None:
    other = add_to_hub(hub_cache, "o/r", "m-Q4_0.gguf", gguf, commit="b" * 40, branch=None)
    only = add_to_hub(hub_cache, "o/r", "m-Q8_0.gguf", gguf, commit="b" * 40, branch=None)
    main = add_to_hub(hub_cache, "o/r", "m-Q4_0.gguf", gguf)
    os.utime(other.parent, (2e9, 2e9))  # newer than that of the main branch
    files = files_of("o/r", None, Places())
    assert files == {"m-Q4_0.gguf": main, "m-Q8_0.gguf": only}


def test_a_link_to_a_blob_that_has_gone_is_no_file(hub_cache: Path, gguf: Path) -> None:
    link = add_to_hub(hub_cache, "o/r", "m-Q4_0.gguf", gguf)
    link.resolve().unlink()
    assert locate("hf:o/r") is None


def test_lm_studio_and_llama_cpp_have_repositories_too(tmp_path: Path, gguf: Path) -> None:
    user = tmp_path / "user"
    for folder in (user / ".lmstudio" / "models", user / ".cache" / "lm-studio" / "models"):
        path = add_to_lm_studio(folder, "pub/m-GGUF", "m-Q4_0.gguf", gguf)
        assert locate("hf:pub/m-GGUF").path == path  # type: ignore[union-attr]
        path.unlink()
    flat = user / ".cache" / "llama.cpp" / "pub_m-GGUF_m-Q4_0.gguf"
    flat.parent.mkdir(parents=True)
    flat.write_bytes(CONTENT)
    assert locate("hf:pub/m-GGUF/m-Q4_0.gguf").path == flat  # type: ignore[union-attr]
    assert locate("hf:pub/m-GGUF@main") is None  # no telling which revision it is


def test_what_another_program_fetched_is_not_deleted(hub_cache: Path, gguf: Path) -> None:
    link = add_to_hub(hub_cache, "o/r", "m-Q4_0.gguf", gguf)
    with pytest.raises(ModelError, match="was not fetched by ttc"):
        remove("hf:o/r", Recorded())
    assert link.is_file()
    with pytest.raises(ModelError, match="is not on this machine"):
        remove("hf:o/other", Recorded())


def test_a_directory_means_the_model_in_it(tmp_path: Path, gguf: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(ModelError, match="is a directory without a GGUF model"):
        folder_model(folder)
    (folder / "mmproj-F16.gguf").write_bytes(CONTENT)
    (folder / "m-00001-of-00002.gguf").write_bytes(CONTENT)
    (folder / "m-00002-of-00002.gguf").write_bytes(CONTENT)
    assert parse(str(folder)) == folder / "m-00001-of-00002.gguf"
    (folder / "n.gguf").write_bytes(CONTENT)
    with pytest.raises(ModelError, match=r"has several models: m-00001-of-00002\.gguf, n\.gguf") as caught:
        parse(str(folder))
    assert caught.value.hint == f"--model {folder / 'm-00001-of-00002.gguf'}"


def test_a_quantization_is_picked_on_the_hub_and_found_here_afterwards(hub: Hub, progress: Recorded) -> None:
    hub.files = ["README.md", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-F16.gguf"]
    with pytest.raises(ModelError, match="has several models: Q4_K_M, Q8_0"):
        resolve("hf:o/r", offline=False, progress=progress, patience=QUICK)
    local = resolve("hf:o/r:q8_0", offline=False, progress=progress, patience=QUICK)
    assert local.name == "hf:o/r/m-Q8_0.gguf"
    assert local.path.read_bytes() == CONTENT
    asked = len(hub.gets)
    assert resolve("hf:o/r", offline=True, progress=progress).path == local.path
    assert len(hub.gets) == asked
    with pytest.raises(ModelError, match="has no Q2_K: Q4_K_M, Q8_0"):
        resolve("hf:o/r:Q2_K", offline=False, progress=progress, patience=QUICK)


def test_a_repository_that_is_not_here_is_not_asked_for_offline(progress: Recorded) -> None:
    with pytest.raises(DownloadError, match="hf:o/r is not on this machine, and --offline forbids") as caught:
        resolve("hf:o/r", offline=True, progress=progress)
    assert caught.value.hint == "ttc models pull hf:o/r"


def test_a_repository_that_the_hub_does_not_have_is_told(hub: Hub, progress: Recorded) -> None:
    hub.faults = ["404"]
    with pytest.raises(DownloadError, match=r"cannot fetch hf:o/r:Q4_0: 127\.0\.0\.1 has no such file \(404\)"):
        resolve("hf:o/r:Q4_0", offline=False, progress=progress, patience=QUICK)
