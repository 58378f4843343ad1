"""A TOML table that is read key by key: a key that is missing, mistyped or left over is a mistake with a place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from ttcli.errors import ConfigError

T = TypeVar("T")


class Table:
    """What is left to read of a table."""

    def __init__(self, file: str, place: str, values: Mapping[str, object], hint: str) -> None:
        self._file = file
        self._place = place  # "" or e.g. "made."
        self._left = dict(values)
        self._hint = hint

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def error(self, key: str, complaint: str) -> ConfigError:
        """What is wrong with a key."""
        return ConfigError(f"{self._file}: {self._place}{key} {complaint}", hint=self._hint)

    def build(self, make: Callable[..., T], **values: object) -> T:
        """A value that has checks of its own."""
        try:
            return make(**values)
        except ValueError as error:
            place = f"{self._place.removesuffix('.')}: " if self._place else ""
            raise ConfigError(f"{self._file}: {place}{error}", hint=self._hint) from error

    def text(self, key: str) -> str:
        """A string."""
        value = self._take(key)
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, not {value!r}")
        return value

    def whole(self, key: str) -> int:
        """A whole number, 0 or more."""
        value = self._take(key)
        if type(value) is not int or value < 0:  # a bool is an int to isinstance
            raise self.error(key, f"must be a whole number, not {value!r}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        return self._number(key, self._take(key))

    def number_or_none(self, key: str) -> float | None:
        """A finite number; None where the key is not there."""
        return self.number(key) if key in self._left else None

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
        """The same; None where the key is not there."""
        return self.pair(key) if key in self._left else None

    def table(self, key: str) -> Table:
        """A table in this one."""
        return self._nested(key, self._take(key))

    def tables(self, key: str) -> list[Table]:
        """One or more tables of the same name."""
        values = self._take(key)
        if not isinstance(values, list) or not values:
            raise self.error(key, f"must be one or more [[{key}]] tables")
        return [self._nested(f"{key}[{number}]", value) for number, value in enumerate(values, start=1)]

    def subtables(self) -> Iterator[tuple[str, Table]]:
        """All that is left, each a table."""
        for key in [*self._left]:
            yield key, self.table(key)

    def close(self) -> None:
        """Nothing may be left."""
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

    def _nested(self, place: str, value: object) -> Table:
        if not isinstance(value, dict):
            raise self.error(place, f"must be a table, not {value!r}")
        return Table(self._file, f"{self._place}{place}.", value, self._hint)
