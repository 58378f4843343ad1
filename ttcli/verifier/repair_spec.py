"""What a user may write after --repair."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ttcli.errors import UsageError


class RepairSpec(NamedTuple):
    """A way to mend texts."""

    kind: Literal["auto", "off", "arithmetic", "command"]
    command: str = ""

    @classmethod
    def parse(cls, text: str) -> RepairSpec:
        """Read it.

        Raises:
            UsageError: it is none of these.
        """
        match text.partition(":"):
            case ("auto" | "off" | "arithmetic" as kind, "", ""):
                return cls(kind)
            case ("command", ":", command) if command.strip():
                return cls("command", command)
        raise UsageError(f"there is no repair {text!r}", hint="--repair auto, off, arithmetic or command:CMD")
