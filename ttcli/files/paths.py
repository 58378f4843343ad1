"""Where ttc keeps what it fetches: platformdirs' data directory, or `TTC_HOME`."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The directory of all that ttc stores: `TTC_HOME` where it is set and not empty; nothing is created."""
    chosen = os.environ.get("TTC_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_data_path("ttc", appauthor=False)


def store_file() -> Path:
    """The file of runs, where no other is named; it may not exist yet."""
    return home() / "runs.sqlite3"


def models_dir() -> Path:
    """The directory of the fetched GGUF files; it may not exist yet."""
    return home() / "models"


def heads_dir() -> Path:
    """The directory of the verifier heads trained here; it may not exist yet."""
    return home() / "heads"


def adapters_dir() -> Path:
    """The directory of the adapters trained here; it may not exist yet."""
    return home() / "adapters"


def profiles_dir() -> Path:
    """The directory of the profiles made by `ttc calibrate`; it may not exist yet."""
    return home() / "profiles"


def solves_dir() -> Path:
    """The directory of the last runs of `ttc solve`; it may not exist yet."""
    return home() / "solves"
