"""Settings from files: `./ttc.toml` over the user's own, both under `TTC_*` variables and flags.

Keys are the long options without their dashes, in a table named after the command, or at top level for all commands
that have them:

    model = "qwen2.5-coder-1.5b"
    [solve]
    budget = "32"

Whoever filled a directory wrote its `ttc.toml`: what runs a program, sends something or opens a file counts there only
once the user trusts the file (`trust.py`).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ttcli.cli.trust import Trusted
from ttcli.errors import ConfigError
from ttcli.files.toml import read_toml

_BOTH = (
    "model", "policy", "insecure", "budget", "temperature", "max-tokens", "seed", "offline", "quiet", "top-k", "top-p",
    "min-p", "width", "threads", "gpu-layers", "aggregate", "command-timeout", "extract", "answer", "prompt", "system",
    "profile", "repair", "think", "think-budget", "think-message", "reasoning-effort",
)  # fmt: skip
KEYS = {
    "solve": (*_BOTH, "verifier", "method", "show", "show-solution", "show-thinking", "output", "log", "ask-again"),
    "verify": (
        "model",
        "verifier",
        "aggregate",
        "command-timeout",
        "extract",
        "offline",
        "quiet",
        "threads",
        "gpu-layers",
        "skip-bad",
    ),
    "bench": (*_BOTH, "limit", "sample", "baseline", "fail-under", "skip-bad", "store", "ray"),
}
_ALL = sorted({key for keys in KEYS.values() for key in keys})
_WITHOUT_VARIABLE = {"limit", "sample", "baseline", "fail-under", "skip-bad"}
_OTHER_VARIABLES = {"TTC_HOME", "TTC_DEBUG", "TTC_API_KEY", "TTC_STARTED_BY"} | {
    "TTC_PROBLEM", "TTC_PROBLEM_FILE", "TTC_ANSWER", "TTC_ANSWER_FILE"
}  # fmt: skip


class ConfigFile(NamedTuple):
    """A file of settings, as it was read."""

    path: Path
    sha256: str
    trusted: bool  # the user's own, or one that the user trusts as it is
    values: Mapping[str, Mapping[str, Any]]  # by command and parameter


class Setting(NamedTuple):
    """A setting that a file makes."""

    value: Any
    file: ConfigFile


def read_config() -> list[ConfigFile]:
    """The files there are, the one that counts most last.

    Raises:
        ConfigError: a file that cannot be read, is no TOML, or has a key that no command knows.
    """
    own = user_config()
    files = [_read(own, trusted=lambda _hash: True)] if own.is_file() else []
    here = directory_config()
    if here.is_file() and not (own.is_file() and own.samefile(here)):
        files.append(_read(here, trusted=lambda digest: Trusted.read(_trust_file()).holds(here, digest)))
    return files


def settings_of(command: str, files: list[ConfigFile]) -> dict[str, Setting]:
    """What the files set for a command, by parameter."""
    return {name: Setting(value, file) for file in files for name, value in file.values.get(command, {}).items()}


def user_config() -> Path:
    """The user's own settings file."""
    home = os.environ.get("TTC_HOME")
    if home:
        return Path(home).expanduser() / "config.toml"
    import platformdirs

    return Path(platformdirs.user_config_dir("ttc")) / "config.toml"


def directory_config() -> Path:
    """The settings file of the working directory."""
    return Path("ttc.toml")


def trust(file: ConfigFile) -> None:
    """Trust a file of the working directory as it is now."""
    Trusted.read(_trust_file()).adding(file.path, file.sha256).write(_trust_file())


def distrust(path: Path) -> bool:
    """Trust it no longer; whether it was trusted."""
    known = Trusted.read(_trust_file())
    known.without(path).write(_trust_file())
    return known != known.without(path)


def variable_of(key: str) -> str | None:
    """The variable that sets the same; None: there is none."""
    return None if key in _WITHOUT_VARIABLE else f"TTC_{key.upper().replace('-', '_')}"


def odd_variables() -> list[str]:
    """A line for each `TTC_` variable that sets nothing."""
    known = {name for key in _ALL if (name := variable_of(key))} | _OTHER_VARIABLES
    return [
        f"{name} sets nothing{_guess(name, known)}"
        for name in sorted(os.environ)
        if name.startswith("TTC_") and name not in known
    ]


def _trust_file() -> Path:
    return user_config().with_name("trusted.json")


def _read(path: Path, trusted: Callable[[str], bool]) -> ConfigFile:
    content, parsed = read_toml(path)
    digest = sha256(content).hexdigest()
    return ConfigFile(path, digest, trusted(digest), _values(path, parsed))


def _values(path: Path, content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tables = {key: _dashed(path, value) for key, value in content.items() if isinstance(value, dict)}
    general = _dashed(path, {key: value for key, value in content.items() if key not in tables})
    unknown = set(tables) - set(KEYS) | set(general) - set(_ALL)
    values = {}
    for command, keys in KEYS.items():
        own = tables.get(command, {})
        unknown |= set(own) - set(keys)
        values[command] = {key: value for key, value in general.items() if key in keys} | own
    if unknown:
        guesses = [_guess(key, _ALL + list(KEYS)) for key in sorted(unknown)]
        named = ", ".join(f"{key}{guess}" for key, guess in zip(sorted(unknown), guesses, strict=True))
        raise ConfigError(
            f"{path}: nothing is called {named}",
            hint="keys are the long options of `ttc solve --help-more` and `ttc bench --help-more`",
        )
    return {
        command: {key.replace("-", "_"): str(value) if key == "budget" else value for key, value in settings.items()}
        for command, settings in values.items()
    }


def _dashed(path: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """The keys as options are written: `max_tokens` is `max-tokens`."""
    keys = {key: key.replace("_", "-") for key in table}
    twice = next((key for key, dashed in keys.items() if key != dashed and dashed in table), None)
    if twice is not None:
        raise ConfigError(f"{path}: {twice} and {keys[twice]} are the same", hint="leave one of them out")
    return {keys[key] if keys[key] in _ALL else key: value for key, value in table.items()}


def _guess(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f" (did you mean {close[0]}?)" if close else ""
