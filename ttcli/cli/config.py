"""Settings from files: `./ttc.toml` over the user's own, both under `TTC_*` variables and flags.

Keys are the long options without their dashes, in a table named after the command, or at top level for all commands
that have them:

    model = "qwen2.5-coder-1.5b"
    [solve]
    budget = "32"
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from ttcli.errors import ConfigError

_BOTH = (
    "model", "policy", "budget", "temperature", "max-tokens", "seed", "offline", "quiet", "top-k", "top-p", "min-p",
    "width", "threads", "gpu-layers", "aggregate", "command-timeout", "extract", "answer", "profile",
)  # fmt: skip
KEYS = {
    "solve": (*_BOTH, "verifier", "method", "show", "show-solution", "output", "log", "ask-again"),
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


def read_config() -> dict[str, Any]:
    """Defaults by command and parameter name, from both files.

    Raises:
        ConfigError: a file that cannot be read, is no TOML, or has a key that no command knows.
    """
    merged: dict[str, dict[str, Any]] = {command: {} for command in KEYS}
    for path in (user_config(), Path("ttc.toml")):
        if path.is_file():
            for command, values in _read(path).items():
                merged[command] |= values
    return dict(merged)


def user_config() -> Path:
    """The user's own settings file."""
    home = os.environ.get("TTC_HOME")
    if home:
        return Path(home) / "config.toml"
    import platformdirs

    return Path(platformdirs.user_config_dir("ttc")) / "config.toml"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="it must be a TOML file in UTF-8") from error
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    general = {key: value for key, value in content.items() if key not in tables}
    unknown = set(tables) - set(KEYS) | set(general) - {key for keys in KEYS.values() for key in keys}
    values = {}
    for command, keys in KEYS.items():
        own = tables.get(command, {})
        unknown |= set(own) - set(keys)
        values[command] = {key: value for key, value in general.items() if key in keys} | own
    if unknown:
        raise ConfigError(
            f"{path}: nothing is called {', '.join(sorted(unknown))}",
            hint="keys are the long options of `ttc solve --help-more` and `ttc bench --help-more`",
        )
    return {
        command: {key.replace("-", "_"): str(value) if key == "budget" else value for key, value in settings.items()}
        for command, settings in values.items()
    }
