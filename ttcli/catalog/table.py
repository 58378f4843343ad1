"""TOML read strictly: key by key, and a key that nobody asked for is a mistake."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from ttcli.errors import ConfigError

D = TypeVar("D")


def read_table(path: Path) -> Table:
    """The top level of a TOML file; raises ConfigError where it cannot be read."""
    try:
        return Table(str(path), "", tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


class Table:
    """A TOML table that is read key by key; a key left over at the end is a mistake."""

    def __init__(self, file: str, place: str, values: Mapping[str, object]) -> None:
        self._file = file
        self._place = place  # "" or e.g. "template."
        self._left = dict(values)

    def error(self, key: str, complaint: str) -> ConfigError:
        """The error that names file and key."""
        return ConfigError(f"{self._file}: {self._place}{key} {complaint}")

    def check(self, key: str, holds: bool, complaint: str) -> None:
        """Complain about a key unless something holds."""
        if not holds:
            raise self.error(key, complaint)

    def text(self, key: str) -> str:
        """A string."""
        value = self._take(key)
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, not {value!r}")
        return value

    def text_or(self, key: str, default: D) -> str | D:
        """A string, or the default where the key is missing."""
        return self.text(key) if key in self._left else default

    def has(self, key: str) -> bool:
        """Whether there is such a key that has not been read."""
        return key in self._left

    def number(self, key: str) -> int:
        """A whole number."""
        value = self._take(key)
        if type(value) is not int:  # a bool is an int to isinstance
            raise self.error(key, f"must be a whole number, not {value!r}")
        return value

    def positive(self, key: str) -> int:
        """A whole number above 0."""
        value = self.number(key)
        self.check(key, value > 0, f"must be positive, not {value}")
        return value

    def pattern(self, key: str) -> str:
        """A string in which the number of a part may stand."""
        value = self.text(key)
        try:
            value.format(part=1)
        except (LookupError, ValueError, AttributeError) as error:
            raise self.error(key, f"may hold {{part}} or {{part:02}} and no other placeholder: {value!r}") from error
        return value

    def table(self, key: str) -> Table:
        """A table inside this one."""
        return self._nested(key, self._take(key), key)

    def tables(self, key: str) -> list[Table]:
        """One or more tables of an array."""
        value = self._take(key)
        if not isinstance(value, list) or not value:
            raise self.error(key, f"must be one or more [[{key}]] tables")
        return [self._nested(key, each, f"{key}[{number}]") for number, each in enumerate(value, start=1)]

    def close(self) -> None:
        """Complain about a key that nobody has read."""
        for key in self._left:
            raise self.error(key, "is not a known key")

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise self.error(key, "is missing")
        return self._left.pop(key)

    def _nested(self, key: str, value: object, place: str) -> Table:
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table, not {value!r}")
        return Table(self._file, f"{self._place}{place}.", value)
