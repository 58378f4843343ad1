"""Imports go one way, as DESIGN says: read from the source, so that lazy and type-checking imports count too."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import ttcli

ROOT = Path(ttcli.__file__).parent

# lowest first: a room may import from the lines above its own, and itself; rooms of one line do not know each other
ORDER: list[set[str]] = [
    {"errors", "problem", "interrupt", "tally", "watchdog", "printable", "thought"},
    {"solution", "cost"},
    {"events", "seams"},
    {"files", "stats"},
    {"engine", "catalog", "answers"},
    {"search", "policy", "verifier", "data", "record"},
    {"allocate"},
    {"runtime"},
    {"api", "bench"},
    {"train"},
    {"terminal"},
    {"serve"},
    {"cli"},
    {"__main__"},
]
INSIDE: dict[str, list[set[str]]] = {  # rooms within a room, lowest first; "" for the files beside them
    "bench": [{"store"}, {"figures"}, {"execute", "report"}, {"cluster"}, {""}],
    "policy": [{""}, {"local", "server"}],
    "train": [{""}, {"lora"}],
}
VOCABULARY = set().union(*ORDER[:3])
LEVELS = 11  # of imports at most, over the rooms
OUTSIDE = {  # library -> the rooms that know it
    "llama_cpp": "engine",
    "jinja2": "engine policy",
    "rich": "terminal",
    "typer": "cli",
    "huggingface_hub": "catalog",
    "matplotlib": "bench",
    "pyarrow": "data bench",
    "datasets": "data",
    "ray": "bench",
    "sqlite3": "bench",
    "httpx2": "policy",
    "mpmath": "answers",
    "safetensors": "verifier train",
    "torch": "train",
    "gguf": "train",
    "sklearn": "stats train",
    "starlette": "serve",
    "uvicorn": "serve",
}

_CODE = re.compile(r"`([^`]+)`")

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


def modules_imported(path: Path) -> list[list[str]]:
    """The parts of the names of what a file imports of ttcli, without that first part."""
    parts = (name.split(".") for name in imported(path))
    return [part[1:] for part in parts if part[0] == "ttcli" and part[1:] != ["__version__"]]


def rooms_imported(path: Path) -> set[str]:
    return {parts[0] for parts in modules_imported(path)}


def inner(top: str, parts: Sequence[str]) -> str:
    """The room within a room that a module is in."""
    return parts[0] if (ROOT / top / parts[0]).is_dir() else ""


def level(order: Sequence[set[str]], own: str) -> int:
    return next(number for number, rooms in enumerate(order) if own in rooms)


MODULES = {".".join(("ttcli", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES}


def module(path: Path) -> str:
    return next(full for full, file in MODULES.items() if file == path)


@cache
def imports_of(full: str) -> set[str]:
    """The files that a file imports."""
    names = imported(MODULES[full])
    return {known for each in names for known in (each, each.rpartition(".")[0]) if known in MODULES} - {full}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_imports_only_from_below(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        assert rooms_imported(path) <= {"api"}  # for type checkers: a program that runs imports it when it asks
        return
    below = set().union(*ORDER[: level(ORDER, own)])
    assert rooms_imported(path) - {own} <= below


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in INSIDE], ids=name)
def test_inside_a_room_imports_go_one_way_too(path: Path) -> None:
    top = room(path)
    order, own = INSIDE[top], inner(top, path.relative_to(ROOT / top).parts)
    within = {inner(top, parts[1:]) for parts in modules_imported(path) if parts[0] == top and len(parts) > 1}
    assert within - {own} <= set().union(*order[: level(order, own)])


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_library_is_known_in_its_rooms_alone(path: Path) -> None:
    for full in imported(path):
        library = full.split(".")[0]
        assert room(path) in OUTSIDE.get(library, room(path)).split(), f"{library} in {name(path)}"


def test_the_rules_name_every_room() -> None:
    assert {room(path) for path in FILES} == {*set().union(*ORDER), "__init__"}
    for top, order in INSIDE.items():
        folders = {path.name for path in (ROOT / top).iterdir() if path.is_dir() and path.name != "__pycache__"}
        assert set().union(*order) == {*folders, ""}


def test_rooms_stand_on_few_levels() -> None:
    below = {own: set[str]() for own in set().union(*ORDER)}
    for path in FILES:
        if room(path) in below:
            below[room(path)] |= rooms_imported(path) - {room(path)}
    levels: dict[str, int] = {}
    for rooms in ORDER:
        for own in rooms:
            levels[own] = 1 + max((levels[other] for other in below[own]), default=0)
    assert max(levels.values()) <= LEVELS


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_file_imports_in_a_circle(path: Path) -> None:
    own = module(path)
    seen: set[str] = set()
    waiting = imports_of(own)
    while waiting:
        seen |= waiting
        waiting = set().union(*(imports_of(each) for each in waiting)) - seen
    assert own not in seen


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_is_long_says_why(path: Path) -> None:
    """A file of more than 300 lines, or a function of more than 60, has a comment `over ... lines: the reason`."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 300 or "# over 300 lines: " in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 60 or "# over 60 lines: " in lines[node.lineno - 1], node.name


def test_only_a_terminal_prints() -> None:
    """Commands by way of `terminal/messages.py`, which takes out what may not be printed."""
    for path in FILES:
        calls = (
            node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        )
        prints = any(ast.unparse(call) in {"print", "typer.echo", "typer.secho"} for call in calls)
        assert not prints or room(path) == "terminal", name(path)


def test_the_map_for_contributors_names_every_room() -> None:
    guide = ROOT.parent / "CONTRIBUTING.md"
    told = guide.read_text(encoding="utf-8").partition("<!-- rooms -->")[2].partition("\n\n")[0]
    named = {
        word.rstrip("/") for row in told.splitlines() for word in row.split("|")[1:2] for word in _CODE.findall(word)
    }
    assert named == set().union(*ORDER) - {"__main__"}
    inside = {
        f"{top}/{each}" if top == "policy" else each for top in INSIDE for each in set().union(*INSIDE[top]) - {""}
    }
    assert inside <= {word.rstrip("/") for word in _CODE.findall(told)}
