from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.calls import Call
from ttcli.cli.config import KEYS, read_config, user_config
from ttcli.cli.solve import solve
from ttcli.errors import ConfigError


def seed_of(here: Call, script: str, *flags: str) -> int:
    result = here("solve", "2 + 2?", "-m", script, "--json", "-q", *flags)
    assert result.code == 0, result.err
    seed: int = json.loads(result.out)["seed"]
    return seed


def user(clean: Path, text: str) -> None:
    user_config().parent.mkdir(parents=True, exist_ok=True)
    user_config().write_text(text, encoding="utf-8")


def test_flags_beat_variables_beat_the_directory_beat_the_user_beat_defaults(
    here: Call, script: str, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seed_of(here, script) == 0
    user(clean, "seed = 1")
    assert seed_of(here, script) == 1
    (clean / "ttc.toml").write_text("seed = 2", encoding="utf-8")
    assert seed_of(here, script) == 2
    monkeypatch.setenv("TTC_SEED", "3")
    assert seed_of(here, script) == 3
    assert seed_of(here, script, "--seed", "4") == 4


def test_both_files_count_where_they_speak_of_different_things(here: Call, script: str, clean: Path) -> None:
    user(clean, "seed = 1\nbudget = 5")
    (clean / "ttc.toml").write_text('[solve]\nmethod = "majority"', encoding="utf-8")
    told = json.loads(here("solve", "2 + 2?", "-m", script, "--json", "-q").out)
    assert (told["seed"], told["budget"], told["method"]) == (1, "5", "majority")


def test_a_table_of_the_command_beats_the_top_of_the_file(here: Call, script: str, clean: Path) -> None:
    (clean / "ttc.toml").write_text("seed = 1\n[solve]\nseed = 2", encoding="utf-8")
    assert seed_of(here, script) == 2


def test_every_key_is_an_option_and_every_option_with_a_variable_is_a_key(clean: Path) -> None:
    without = {"problem", "as-json", "-more", "return", "reviser", "ratio"}
    parameters = {name.replace("_", "-") for name in solve.__annotations__} - without
    assert parameters == set(KEYS["solve"])
    (clean / "ttc.toml").write_text("".join(f"{key} = 1\n" for key in KEYS["solve"]), encoding="utf-8")
    assert set(read_config()["solve"]) == {key.replace("-", "_") for key in KEYS["solve"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("model = [", "ttc.toml cannot be read: "),
        (b"model = '\xff'", "ttc.toml cannot be read: "),
        ("sede = 1", "ttc.toml: nothing is called sede"),
        ("max_tokens = 1", "ttc.toml: nothing is called max_tokens"),
        ("[solves]\nseed = 1", "ttc.toml: nothing is called solves"),
        ("solve = 3", "ttc.toml: nothing is called solve"),
        ("[solve]\njson = true\nx = 1", "ttc.toml: nothing is called json, x"),
    ],
)
def test_a_bad_file_is_a_usage_error_that_names_it(here: Call, clean: Path, content: str | bytes, message: str) -> None:
    (clean / "ttc.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"ttc\.toml"):
        read_config()
    result = here("solve", "2 + 2?", "-m", "scripted:none")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {message}")
    assert result.err.splitlines()[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("content", "option"),
    [
        ('temperature = "hot"', "--temperature"),
        ("max-tokens = 1.5", "--max-tokens"),
        ('show = "film"', "--show"),
        ("quiet = 3", "--quiet"),
    ],
)
def test_a_bad_value_in_a_file_is_a_usage_error_that_names_the_option(
    here: Call, script: str, clean: Path, content: str, option: str
) -> None:
    (clean / "ttc.toml").write_text(content, encoding="utf-8")
    result = here("solve", "2 + 2?", "-m", script)
    assert (result.code, result.out) == (2, "")
    assert f"Invalid value for '{option}'" in result.err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SEED", "x", "'--seed'"),
        ("QUIET", "maybe", "'--quiet'"),
        ("BUDGET", "0", "buys nothing"),
        ("METHOD", "x", "no method 'x'"),
    ],
)
def test_a_bad_variable_is_a_usage_error(
    here: Call, script: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"TTC_{name}", value)
    result = here("solve", "2 + 2?", "-m", script)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_offline_as_a_variable_refuses_to_fetch(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_OFFLINE", "1")
    result = here("solve", "2 + 2?")
    assert (result.code, result.out) == (1, "")
    assert "is not on this machine" in result.err
    assert "hint: ttc models pull qwen2.5-coder-0.5b" in result.err


def test_without_a_home_of_its_own_the_user_file_is_where_the_platform_says(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert user_config() == clean / "home" / "config.toml"
    monkeypatch.delenv("TTC_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(clean / "xdg"))
    monkeypatch.setenv("HOME", str(clean))
    assert user_config().is_relative_to(clean)
    assert user_config().name == "config.toml"
