"""The README says what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ttcli.catalog.entry import DEFAULT_MODEL, catalog
from ttcli.search.methods import METHODS
from ttcli.verifier.spec import VerifierSpec

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ttcli", *command], capture_output=True, text=True, check=True, env={"COLUMNS": "200"}
    )
    return done.stdout


def test_every_method_is_explained() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)`(?: \(default\))? \|", section("Solving"), re.MULTILINE)) >= set(METHODS)


def test_every_verifier_named_is_one() -> None:
    table = section("Solving").split("| `--verifier` |", 1)[1]
    names = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(names) >= 4
    for name in names:
        VerifierSpec.parse(name)


def test_every_option_named_exists() -> None:
    known = help_of("solve", "--help-more") + help_of("bench", "--help-more")
    known += "".join(help_of("models", name, "--help") for name in ("list", "pull", "rm", "tune"))
    known += "".join(help_of(name, "--help") for name in ("show", "verify", "grade", "calibrate", "flops"))
    known += help_of("serve", "--help-more")
    known += help_of("train", "verifier", "--help") + help_of("runs", "list", "--help")
    commands = "\n".join(
        line for line in README.splitlines() if "benchmarks/" not in line and "pip install" not in line
    )
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", commands)):
        assert option in known, option


@pytest.mark.parametrize("group", ["models", "runs", "train", "profile", "prompts"])
def test_every_command_named_exists(group: str) -> None:
    known = help_of(group, "--help")
    for name in set(re.findall(rf"ttc {group} ([a-z]+)", README)):
        assert re.search(rf"\b{name}\b", known), name


def test_models_named_are_in_the_catalog() -> None:
    assert DEFAULT_MODEL in README
    for name in re.findall(r"ttc models pull (\S+)", README):
        assert name in catalog()


def test_the_size_of_the_default_model_is_true() -> None:
    size = catalog()[DEFAULT_MODEL].bytes
    assert size is not None
    assert f"({size / 1e6:.0f} MB)" in README


def test_files_named_exist() -> None:
    for name in re.findall(r"(?:benchmarks|docs|models)/[\w./-]+\.(?:py|md|toml)", README):
        assert (ROOT / name).exists(), name


def test_the_test_command_is_what_ci_runs() -> None:
    block = re.search(r"<!-- test -->\n```\n(.+)\n```", README)
    assert block is not None
    assert "pytest" in block[1]
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_lines_are_no_longer_than_a_screen_is_wide_outside_tables(path: str) -> None:
    for line in (ROOT / path).read_text(encoding="utf-8").splitlines():
        assert len(line) <= 130 or line.startswith(("|", "python3", "$ ", "[")), line
