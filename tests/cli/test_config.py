from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from cli.calls import Call
from ttcli.cli.config import KEYS, read_config, settings_of, user_config, variable_of
from ttcli.cli.main import COMMANDS, app
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
    without = {"problem", "as-json", "-more", "return", "reviser", "ratio", "template-arg"}
    parameters = {name.replace("_", "-") for name in solve.__annotations__} - without
    assert parameters == set(KEYS["solve"])
    (clean / "ttc.toml").write_text("".join(f"{key} = 1\n" for key in KEYS["solve"]), encoding="utf-8")
    assert set(settings_of("solve", read_config())) == {key.replace("-", "_") for key in KEYS["solve"]}


def test_variables_are_known_as_the_options_declare_them() -> None:
    declared = {
        parameter.envvar
        for name in COMMANDS
        for command in _all_of(get_command(app).commands[name])  # type: ignore[attr-defined]
        for parameter in command.params
        if parameter.envvar
    }
    assert declared == {name for keys in KEYS.values() for key in keys if (name := variable_of(key))}


def _all_of(command: Any) -> list[Any]:
    return (
        [each for inner in command.commands.values() for each in _all_of(inner)]
        if isinstance(command, TyperGroup)
        else [command]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("model = [", "ttc.toml: "),
        (b"model = '\xff'", "ttc.toml: "),
        ("sede = 1", "ttc.toml: nothing is called sede (did you mean seed?)"),
        ("max_token = 1", "ttc.toml: nothing is called max_token (did you mean max-tokens?)"),
        ("max_tokens = 1\nmax-tokens = 2", "ttc.toml: max_tokens and max-tokens are the same"),
        ("[solves]\nseed = 1", "ttc.toml: nothing is called solves (did you mean solve?)"),
        ("seed = " + "[" * 5000 + "]" * 5000, "ttc.toml: nested too deep"),
        (" " * (1 << 20) + "\n", "ttc.toml cannot be read: it holds more than 1 MiB"),
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


HARMFUL = [
    ('verifier = "command:touch PWNED"', "runs a program"),
    ('repair = "command:touch PWNED"', "runs a program"),
    ('verifier = "prm:./evil.gguf"', "is no model of the catalog"),
    ('verifier = "judge:hf:evil/repo/file.gguf"', "is no model of the catalog"),
    ('verifier = "head:./evil.safetensors"', "is a path"),
    ('policy = "http://localhost:1/v1"', "says where problems are sent"),
    ('model = "./evil.gguf"', "is no model of the catalog"),
    ('model = "scripted:evil.json"', "is no model of the catalog"),
    ('model = "hf:evil/repo/file.gguf"', "is no model of the catalog"),
    ("insecure = true", "lets a key go unencrypted"),
    ("offline = false", "lets models be fetched"),
]


@pytest.mark.parametrize(("content", "why"), HARMFUL)
def test_a_file_of_the_directory_may_not_run_send_or_open_anything(
    here: Call, clean: Path, content: str, why: str
) -> None:
    (clean / "ttc.toml").write_text(content, encoding="utf-8")
    result = here("solve", "2 + 2?", *(() if content.startswith("model") else ("--method", "best-of-n")))
    assert (result.code, result.out) == (2, "")
    key = content.split()[0]
    first, second = result.err.splitlines()
    assert first.startswith(f"error: ttc.toml sets {key} = ")
    assert why in first
    assert "ttc config trust" in second
    assert f"--{key}" in second
    assert not (clean / "PWNED").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('store = "elsewhere/x.sqlite3"', "what file is written"),
        ('ray = "cluster.example:6379"', "where problems are sent"),
    ],
)
def test_nor_may_it_in_a_bench(here: Call, clean: Path, script: str, content: str, why: str) -> None:
    (clean / "ttc.toml").write_text(content, encoding="utf-8")
    (clean / "data.jsonl").write_text('{"problem": "2 + 2?", "answer": "4"}', encoding="utf-8")
    result = here("bench", "data.jsonl", "-m", script)
    assert (result.code, result.out) == (2, "")
    assert why in result.err


def test_what_does_no_harm_counts_and_a_flag_goes_before_what_would(here: Call, clean: Path, script: str) -> None:
    harmless = 'seed = 7\nbudget = 3\nmax_tokens = 99\ntemperature = 0.5\noffline = true\n[solve]\nverifier = "judge"'
    (clean / "ttc.toml").write_text(harmless, encoding="utf-8")
    told = json.loads(here("solve", "2 + 2?", "-m", script, "--json", "-q", "--verifier", "confidence").out)
    assert (told["seed"], told["budget"]) == (7, "3")
    (clean / "ttc.toml").write_text('model = "./evil.gguf"\nseed = 8', encoding="utf-8")
    assert seed_of(here, script) == 8


def test_the_users_own_file_may_set_everything(here: Call, clean: Path, script: str) -> None:
    user(clean, f'model = "{script}"\n[solve]\nverifier = "command:true"')
    assert here("solve", "2 + 2?").code == 0


def test_a_trusted_file_may_until_it_changes_or_trust_is_taken_back(here: Call, clean: Path, script: str) -> None:
    file = clean / "ttc.toml"
    file.write_text(f'model = "{script}"', encoding="utf-8")
    assert here("solve", "2 + 2?").code == 2
    trusted = here("config", "trust")
    assert (trusted.code, trusted.out) == (0, "")
    assert f'model = "{script}"' in trusted.err
    assert here("solve", "2 + 2?").code == 0
    file.write_text(f'model = "{script}" # changed', encoding="utf-8")
    assert here("solve", "2 + 2?").code == 2
    assert here("config", "trust").code == 0
    assert here("solve", "2 + 2?").code == 0
    assert here("config", "trust", "--remove").code == 0
    assert here("solve", "2 + 2?").code == 2


def test_to_trust_nothing_is_a_usage_error(here: Call) -> None:
    result = here("config", "trust")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: there is no ttc.toml of its own in this directory")


def test_config_show_says_which_file_or_variable_sets_what(
    here: Call, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no file and no variable" in here("config", "show").err
    user(clean, "seed = 1\ntemperature = 0.5")
    (clean / "ttc.toml").write_text('seed = 2\n[solve]\nverifier = "command:\\u202ex"', encoding="utf-8")
    monkeypatch.setenv("TTC_BUDGET", "9")
    lines = here("config", "show").out.splitlines()
    assert [line.split()[0] for line in lines] == ["setting", "budget", "seed", "temperature", "verifier"]
    assert "TTC_BUDGET" in lines[1]
    assert "ttc.toml" in lines[2]
    assert str(user_config()) in lines[3]
    assert "refused: it runs a program" in lines[4]
    assert "\u202e" not in lines[4]
    told = json.loads(here("config", "show", "--json").out)
    assert [file["trusted"] for file in told["files"]] == [True, False]
    assert {each["key"]: each["value"] for each in told["settings"]}["seed"] == 2


def test_a_mistyped_variable_is_told_and_a_quiet_run_says_nothing(
    here: Call, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTC_SEDE", "3")
    lines = here("solve", "2 + 2?", "-m", script).err.splitlines()
    assert [line for line in lines if "TTC_" in line] == ["warning: TTC_SEDE sets nothing (did you mean TTC_SEED?)"]
    assert here("solve", "2 + 2?", "-m", script, "-q").err == ""


def test_on_a_terminal_a_line_says_which_file_has_a_say(
    here: Call, clean: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean / "ttc.toml").write_text("seed = 2\nbudget = 3", encoding="utf-8")
    assert "settings:" not in here("solve", "2 + 2?", "-m", script).err
    monkeypatch.setattr("ttcli.cli.configured._on_a_terminal", lambda: True)
    shown = here("solve", "2 + 2?", "-m", script, "--seed", "1").err
    assert "settings: ./ttc.toml (budget)\n" in shown
