"""Which columns of a data set are what, where their names do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ttcli.data.fields import BadFileError, BadRowError, Fields, plain
from ttcli.errors import UsageError

ROLES = ("problem", "answer", "solution", "choices", "context", "id", "level", "subject")
_EXAMPLE = "--map problem=question,answer=target"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a user has named, by what they are."""

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> Columns:
        """Read `problem=question,answer=target`.

        Raises:
            UsageError: it is not of this form, or names something that a row does not have.
        """
        names: dict[str, str] = {}
        for part in text.split(",") if text is not None else ():
            role, equals, name = (word.strip() for word in part.partition("="))
            if not equals or not name:
                raise UsageError(f"--map {text!r} does not say which column is what", hint=_EXAMPLE)
            if role not in ROLES:
                raise UsageError(f"--map: no part of a row is called {role!r}, but {', '.join(ROLES)}", hint=_EXAMPLE)
            if role in names:
                raise UsageError(f"--map names the {role} twice", hint=_EXAMPLE)
            names[role] = name
        return cls(names)

    def of(self, fields: Fields) -> Fields:
        """The fields of a row by what they are, those named before all others that would be taken for the same.

        Raises:
            BadRowError: a column that was named is not there; BadFileError where none of them is.
        """
        if not self.names:
            return fields
        missing = [name for name in self.names.values() if name not in fields]
        if missing:
            reason = f"there is no column `{missing[0]}`, but {', '.join(f'`{name}`' for name in fields) or 'nothing'}"
            if len(missing) == len(self.names):
                raise BadFileError(reason, _EXAMPLE)
            raise BadRowError(reason)
        taken = {*self.names.values()}
        roles = {plain(role) for role in self.names}
        others = {name: value for name, value in fields.items() if name not in taken and plain(name) not in roles}
        return {**{role: fields[name] for role, name in self.names.items()}, **others}
