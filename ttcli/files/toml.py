"""TOML read strictly: key by key, and a key that nobody asked for is a mistake."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ttcli.errors import ConfigError
from ttcli.files.bounded import read_bounded

_MOST = 1 << 20  # bytes of a file

_HINT = "it must be a TOML file in UTF-8"

D = TypeVar("D")
T = TypeVar("T")


def read_table(path: Path) -> Table:
    """The top level of a TOML file; raises ConfigError where it cannot be read."""
    return Table(str(path), "", read_toml(path)[1])


def read_toml(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A TOML file as bytes, and what it says; raises ConfigError where it cannot be read."""
    try:
        content = read_bounded(path, _MOST)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
    return content, parse_toml(content, str(path))


def parse_toml(content: bytes, file: str, hint: str = _HINT) -> dict[str, Any]:
    """What TOML in UTF-8 says; raises ConfigError that names the file."""
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deep", hint=hint) from error
    except ValueError as error:
        raise ConfigError(f"{file}: {error}", hint=hint) from error


class Table:
    """A TOML table that is read key by key; a key left over at the end is a mistake.

    `hint`: what to do about a mistake in this file.
    """

    def __init__(self, file: str, place: str, values: Mapping[str, object], hint: str | None = None) -> None:
        self._file = file
        self._place = place  # "" or e.g. "template."
        self._left = dict(values)
        self._hint = hint

    def error(self, key: str, complaint: str) -> ConfigError:
        """The error that names file and key."""
        return ConfigError(f"{self._file}: {self._place}{key} {complaint}", hint=self._hint)

    def build(self, make: Callable[..., T], **values: object) -> T:
        """A value that has checks of its own."""
        try:
            return make(**values)
        except ValueError as error:
            place = f"{self._place.removesuffix('.')}: " if self._place else ""
            raise ConfigError(f"{self._file}: {place}{error}", hint=self._hint) from error

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

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._take(key)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(key, f"must be a list of strings, not {values!r}")
        return tuple(values)

    def truth_or(self, key: str, default: bool) -> bool:
        """True or false, or the default where the key is missing."""
        value = self._take(key) if key in self._left else default
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, not {value!r}")
        return value

    def has(self, key: str) -> bool:
        """Whether there is such a key that has not been read."""
        return key in self._left

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, not {value!r}")
        return value

    def integer(self, key: str) -> int:
        """A whole number, of either sign."""
        value = self._take(key)
        if type(value) is not int:  # a bool is an int to isinstance
            raise self.error(key, f"must be a whole number, not {value!r}")
        return value

    def whole(self, key: str) -> int:
        """A whole number, 0 or more."""
        value = self.integer(key)
        self.check(key, value >= 0, f"must be a whole number, not {value}")
        return value

    def positive(self, key: str) -> int:
        """A whole number above 0."""
        value = self.integer(key)
        self.check(key, value > 0, f"must be positive, not {value}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        return self._number(key, self._take(key))

    def number_or_none(self, key: str) -> float | None:
        """A finite number; None where the key is missing."""
        return self.number(key) if self.has(key) else None

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        values = self._take(key)
        if not isinstance(values, list):
            raise self.error(key, f"must be a list of numbers, not {values!r}")
        return tuple(self._number(key, value) for value in values)

    def pair(self, key: str) -> tuple[float, float]:
        """Two finite numbers, the lower one first."""
        values = self.numbers(key)
        if len(values) != 2 or values[0] > values[1]:
            raise self.error(key, f"must be a lower and an upper end, not {list(values)}")
        return values[0], values[1]

    def pair_or_none(self, key: str) -> tuple[float, float] | None:
        """The same; None where the key is missing."""
        return self.pair(key) if self.has(key) else None

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

    def subtables(self) -> Iterator[tuple[str, Table]]:
        """All that is left, each a table."""
        for key in [*self._left]:
            yield key, self.table(key)

    def close(self) -> None:
        """Complain about a key that nobody has read."""
        for key in self._left:
            raise self.error(key, "is not a known key")

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise self.error(key, "is missing")
        return self._left.pop(key)

    def _number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.error(key, f"must be a finite number, not {value!r}")
        return float(value)

    def _nested(self, key: str, value: object, place: str) -> Table:
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table, not {value!r}")
        return Table(self._file, f"{self._place}{place}.", value, self._hint)
