"""The last runs of `ttc solve`, a file each: they may be shown again, and nothing waits for anybody to write one."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ttcli.errors import UsageError
from ttcli.files.atomic import write_whole
from ttcli.record.recording import Recorded, read_record

MOST = 200  # that are kept: the oldest go first
_NAME = re.compile(r"(\d{13})-([0-9a-f]{8})\.json")


class Kept(NamedTuple):
    """A run that is kept."""

    id: str  # eight hexadecimal digits
    when: float  # seconds since 1970
    path: Path

    def read(self) -> Recorded:
        """The run.

        Raises:
            UsageError: the file cannot be read.
        """
        try:
            return read_record(json.loads(self.path.read_text(encoding="utf-8")), str(self.path))
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{self.path} cannot be read: {error}", hint=f"delete {self.path}") from error


class Solves:
    """The runs that a folder keeps; none of it need be there."""

    def __init__(self, folder: Path, *, most: int = MOST) -> None:
        self._folder = folder
        self._most = most

    def add(self, told: Mapping[str, Any]) -> str:
        """Keep what `ttc solve --json` prints, for the owner's eyes alone; its id.

        Raises:
            OSError: it cannot be written.
        """
        now = time.time()
        text = json.dumps(dict(told))
        number = hashlib.blake2b(f"{time.time_ns()} {text}".encode(), digest_size=4).hexdigest()
        when = datetime.fromtimestamp(now).astimezone().isoformat(timespec="seconds")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = json.dumps({**told, "id": number, "when": when})
        write_whole(self._folder / f"{round(1000 * now):013d}-{number}.json", content)
        for kept in self.all()[: -self._most]:
            with suppress(FileNotFoundError):  # another process had the same to do
                kept.path.unlink()
        return number

    def all(self) -> list[Kept]:
        """All that are kept, the oldest first."""
        names = [(path, _NAME.fullmatch(path.name)) for path in self._folder.glob("*.json")]
        found = [Kept(match[2], int(match[1]) / 1000, path) for path, match in names if match]
        return sorted(found, key=lambda kept: kept.path.name)

    def named(self, digits: str) -> list[Kept]:
        """Those whose ids begin like this; `last`: the latest one."""
        kept = self.all()
        return kept[-1:] if digits == "last" else [each for each in kept if each.id.startswith(digits)]
