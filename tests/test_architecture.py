"""Imports go one way, as DESIGN says: read from the source, so that lazy and type-checking imports count too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ttcli

ROOT = Path(ttcli.__file__).parent

# what a room may import besides the vocabulary and itself
VOCABULARY = {"gguf", "problem", "tree", "cost", "events", "errors", "ballot", "interrupt"}
ROOMS: dict[str, set[str]] = {
    "answers": set(),
    "catalog": set(),
    "engine": set(),
    "policy": {"engine", "verifier"},  # the scripted pair lives in one file
    "verifier": {"answers", "engine"},
    "search": {"answers", "policy", "verifier"},
    "allocate": {"answers", "catalog", "policy", "search", "verifier"},
    "settings": {"allocate", "catalog", "policy", "search", "verifier"},
    "record": set(),
    "recorded": {"record"},
    "heads": {"catalog", "verifier"},
    "verifiers": {"catalog", "engine", "heads", "policy", "settings", "verifier"},
    "verify": {"bench", "catalog", "engine", "settings", "verifier", "verifiers"},
    "solve": {"allocate", "catalog", "engine", "heads", "policy", "search", "settings", "verifier", "verifiers"},
    "profiles": {"allocate", "catalog", "settings", "solve", "verifier", "verifiers"},
    "bench": {
        "allocate",
        "answers",
        "catalog",
        "engine",
        "policy",
        "record",
        "recorded",
        "search",
        "settings",
        "solve",
        "verifier",
    },
    "train": {"answers", "bench", "catalog", "engine", "policy", "search", "settings", "solve", "verifier"},
    "terminal": {"allocate", "bench", "catalog", "recorded", "train", "verify"},
    "cli": {
        "allocate",
        "bench",
        "catalog",
        "engine",
        "heads",
        "profiles",
        "record",
        "recorded",
        "search",
        "settings",
        "solve",
        "terminal",
        "train",
        "verifiers",
        "verify",
    },
    "__main__": {"cli"},
}
# inside the vocabulary: each on those before it
ORDER = ["errors", "gguf", "interrupt", "problem", "tree", "ballot", "cost", "events"]
OUTSIDE = {  # library -> the rooms that know it
    "llama_cpp": "engine",
    "jinja2": "engine",
    "rich": "terminal",
    "typer": "cli",
    "huggingface_hub": "catalog",
    "matplotlib": "bench",
    "pyarrow": "bench",
    "ray": "bench",
    "sqlite3": "bench",
    "httpx2": "policy",
    "math_verify": "answers",
    "sympy": "answers",
    "safetensors": "verifier",
    "sklearn": "allocate train",
}

FILES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of what a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported(path))
    return {part[1] for part in parts if part[0] == "ttcli" and part[1:] != ["__version__"]}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_imports_only_from_below(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        assert not rooms_imported(path)
    elif own in VOCABULARY:
        assert rooms_imported(path) <= set(ORDER[: ORDER.index(own)])
    else:
        assert rooms_imported(path) - VOCABULARY - {own} <= ROOMS[own]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_library_is_known_in_its_rooms_alone(path: Path) -> None:
    for full in imported(path):
        library = full.split(".")[0]
        assert room(path) in OUTSIDE.get(library, room(path)).split(), f"{library} in {name(path)}"


def test_the_rules_name_every_room_and_go_one_way() -> None:
    assert {room(path) for path in FILES} == {*VOCABULARY, *ROOMS, "__init__"}
    seen: set[str] = set()
    waiting = dict(ROOMS)
    while free := {own for own, below in waiting.items() if below <= seen}:
        seen |= free
        waiting = {own: below for own, below in waiting.items() if own not in free}
    assert not waiting, "a circle"


def test_only_a_terminal_or_a_command_prints() -> None:
    for path in FILES:
        calls = (
            node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        )
        prints = any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
        assert not prints or room(path) in {"cli", "terminal"}, name(path)
