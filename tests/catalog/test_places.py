from __future__ import annotations

import json
from pathlib import Path

import pytest

from ttcli.catalog.places import Places

HOME = Path("/users/ada")


def places(platform: str, home: Path = HOME, **environ: str) -> Places:
    return Places(environ, home, platform)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_ollama_keeps_models_in_its_folder_or_where_it_is_told_to(platform: str) -> None:
    assert places(platform).ollama[0] == HOME / ".ollama" / "models"
    assert places(platform, OLLAMA_MODELS="/big/disk").ollama == [Path("/big/disk")]


def test_ollamas_service_is_looked_for_on_linux_alone() -> None:
    assert len(places("linux").ollama) == 2
    assert len(places("darwin").ollama) == len(places("win32").ollama) == 1


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, HOME / ".cache" / "llama.cpp"),
        ("linux", {"XDG_CACHE_HOME": "/cache"}, Path("/cache/llama.cpp")),
        ("darwin", {"XDG_CACHE_HOME": "/cache"}, HOME / "Library" / "Caches" / "llama.cpp"),
        ("win32", {}, HOME / "AppData" / "Local" / "llama.cpp"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/llama.cpp")),
        ("darwin", {"LLAMA_CACHE": "/own"}, Path("/own")),
    ],
)
def test_llama_cpps_older_cache_is_where_the_platform_keeps_caches(
    platform: str, environ: dict[str, str], expected: Path
) -> None:
    assert Places(environ, HOME, platform).llama_cpp == [expected]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, [HOME / ".cache" / "huggingface" / "hub"]),
        ({"XDG_CACHE_HOME": "/cache"}, [Path("/cache/huggingface/hub")]),
        ({"HF_HOME": "/hf", "XDG_CACHE_HOME": "/cache"}, [Path("/hf/hub")]),
        ({"HF_HUB_CACHE": "/hub", "HF_HOME": "/hf"}, [Path("/hub")]),
        ({"HF_HOME": "/hf", "LLAMA_CACHE": "/own"}, [Path("/hf/hub"), Path("/own")]),  # llama.cpp's newer layout
        ({"HF_HUB_CACHE": ""}, [HOME / ".cache" / "huggingface" / "hub"]),
    ],
)
def test_the_cache_of_the_hub_is_where_its_variables_say(environ: dict[str, str], expected: list[Path]) -> None:
    assert Places(environ, HOME, "linux").hubs == expected


def test_lm_studio_is_found_by_pointer_settings_and_both_defaults(tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{moved}\n")
    (moved / "settings.json").write_text(json.dumps({"downloadsFolder": "/models"}))
    assert places("linux", tmp_path).lm_studio == [
        Path("/models"),
        moved / "models",
        tmp_path / ".lmstudio" / "models",
        tmp_path / ".cache" / "lm-studio" / "models",
    ]


@pytest.mark.parametrize("settings", ["", "[]", "{", '{"downloadsFolder": 3}'])
def test_settings_that_name_no_folder_change_nothing(tmp_path: Path, settings: str) -> None:
    (tmp_path / ".lmstudio").mkdir()
    (tmp_path / ".lmstudio" / "settings.json").write_text(settings)
    assert places("darwin", tmp_path).lm_studio == [
        tmp_path / ".lmstudio" / "models",
        tmp_path / ".cache" / "lm-studio" / "models",
    ]
