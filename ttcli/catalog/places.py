"""Where other programs keep their models: Ollama, LM Studio, llama.cpp and the Hugging Face cache, by platform."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_OLLAMA_SERVICE = "/usr/share/ollama/.ollama/models"  # where Ollama's installer for Linux has its service keep them


def _home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails where there is none


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a user; those that do not exist are among them.

    Args:
        environ: the variables that move them.
        home: the user's own directory.
        platform: as `sys.platform` tells it.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=_home)
    platform: str = sys.platform

    @property
    def ollama(self) -> list[Path]:
        """Ollama's stores: OLLAMA_MODELS, else the user's own, and that of the service on Linux."""
        if chosen := self._variable("OLLAMA_MODELS"):
            return [chosen]
        service = [Path(_OLLAMA_SERVICE)] if self.platform.startswith("linux") else []
        return [self.home / ".ollama" / "models", *service]

    @property
    def lm_studio(self) -> list[Path]:
        """LM Studio's folders, publisher/repository/file: as its settings say, then the new and the old one."""
        current = self.home / ".lmstudio"
        pointer = _text(self.home / ".lmstudio-home-pointer")
        roots = [Path(pointer)] if pointer else []
        roots += [current, self.home / ".cache" / "lm-studio"]
        chosen = (_downloads(root / "settings.json") for root in roots)
        return list(dict.fromkeys([*(path for path in chosen if path), *(root / "models" for root in roots)]))

    @property
    def llama_cpp(self) -> list[Path]:
        """llama.cpp's own cache of before it went over to that of Hugging Face: files called OWNER_REPO_FILE."""
        if chosen := self._variable("LLAMA_CACHE"):
            return [chosen]
        if self.platform == "win32":
            local = self._variable("LOCALAPPDATA") or self.home / "AppData" / "Local"
            return [local / "llama.cpp"]
        if self.platform == "darwin":
            return [self.home / "Library" / "Caches" / "llama.cpp"]
        return [(self._variable("XDG_CACHE_HOME") or self.home / ".cache") / "llama.cpp"]

    @property
    def hubs(self) -> list[Path]:
        """Caches with the layout of huggingface_hub, which llama.cpp has too by now, and under LLAMA_CACHE if set."""
        named = (
            self._variable("HF_HUB_CACHE"),
            self._variable("HUGGINGFACE_HUB_CACHE"),
            self._within("HF_HOME", "hub"),
            self._within("XDG_CACHE_HOME", "huggingface", "hub"),
            self.home / ".cache" / "huggingface" / "hub",
        )
        own = next(path for path in named if path)
        moved = self._variable("LLAMA_CACHE")
        return list(dict.fromkeys([own, *([moved] if moved else [])]))

    def _variable(self, name: str) -> Path | None:
        value = self.environ.get(name)
        return Path(value).expanduser() if value else None

    def _within(self, name: str, *parts: str) -> Path | None:
        root = self._variable(name)
        return root.joinpath(*parts) if root else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _downloads(settings: Path) -> Path | None:
    """The folder that LM Studio's settings name; None: they name none."""
    try:
        content = json.loads(_text(settings) or "{}")
    except (ValueError, RecursionError):
        return None
    chosen = content.get("downloadsFolder") if isinstance(content, dict) else None
    return Path(chosen) if isinstance(chosen, str) and chosen else None
