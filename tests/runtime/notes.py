"""What a model is loaded with in tests of what is told meanwhile."""

from __future__ import annotations

from ttcli.catalog.progress import NoProgress


class Notes(NoProgress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)
