"""Which files of settings the user trusts besides their own, by path and content, as direnv remembers them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttcli.errors import ConfigError
from ttcli.files.atomic import write_whole

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Trusted:
    """SHA-256 of the files that are trusted, by their absolute paths."""

    files: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Trusted:
        """What has been remembered.

        Raises:
            ConfigError: the file is not what ttc wrote.
        """
        if not path.is_file():
            return cls({})
        try:
            files = json.loads(path.read_text(encoding="utf-8"))["files"]
            return cls({str(name): str(digest) for name, digest in files.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(
                f"{path} cannot be read: {error}", hint="delete it, and ttc config trust again"
            ) from error

    def write(self, path: Path) -> None:
        """Remember."""
        write_whole(path, json.dumps({"version": _VERSION, "files": dict(self.files)}, indent=2))

    def holds(self, path: Path, digest: str) -> bool:
        """Whether a file with this content is trusted."""
        return self.files.get(_key(path)) == digest

    def adding(self, path: Path, digest: str) -> Trusted:
        """These and one more."""
        return Trusted({**self.files, _key(path): digest})

    def without(self, path: Path) -> Trusted:
        """These but one."""
        return Trusted({name: digest for name, digest in self.files.items() if name != _key(path)})


def _key(path: Path) -> str:
    return str(path.absolute())


def refusal(name: str, value: Any) -> str | None:
    """Why a file that is not trusted may not set this parameter so; None: it may, as it does no harm."""
    rule = _RULES.get(name)
    return rule(value) if rule else None


def _policy(_: Any) -> str:
    return "says where problems are sent"


def _insecure(value: Any) -> str | None:
    return "lets a key go unencrypted" if value else None


def _offline(value: Any) -> str | None:
    return None if value is True else "lets models be fetched"


def _store(_: Any) -> str:
    return "says what file is written"


def _ray(value: Any) -> str | None:
    return None if isinstance(value, str) and value.startswith("local:") else "says where problems are sent"


def _model(value: Any) -> str | None:
    from ttcli.catalog.entry import catalog

    return None if value in catalog() else "is no model of the catalog"


def _head(name: str) -> str | None:
    return "is a path" if "/" in name or name.endswith(".safetensors") else None


def _verifier(value: Any) -> str | None:
    from ttcli.verifier.spec import VerifierSpec

    verifiers = value if isinstance(value, list) else [value]
    if not all(isinstance(verifier, str) for verifier in verifiers):
        return "is no verifier"
    for spec in map(VerifierSpec.parse, verifiers):
        if spec.kind == "command":
            return "runs a program"
        if spec.model is not None and (why := (_head if spec.kind == "head" else _model)(spec.model)):
            return why
    return None


def _answer(value: Any) -> str | None:
    return "is a pattern, which may take long" if str(value).startswith("regex:") else None


def _prompt(value: Any) -> str | None:
    from ttcli.policy.prompt_file import shipped

    return None if value in shipped() else "says what file is read"


def _repair(value: Any) -> str | None:
    return None if value in ("auto", "off", "arithmetic") else "runs a program"


_RULES: Mapping[str, Callable[[Any], str | None]] = {
    "policy": _policy,
    "insecure": _insecure,
    "offline": _offline,
    "store": _store,
    "ray": _ray,
    "model": _model,
    "verifier": _verifier,
    "answer": _answer,
    "prompt": _prompt,
    "repair": _repair,
}
