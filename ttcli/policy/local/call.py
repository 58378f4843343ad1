"""One call of `LocalPolicy.extend`: the texts it has under way, and what grew since it last looked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ttcli.engine.job import Job, JobUpdate
from ttcli.seams import Extend
from ttcli.solution import Prefix


class Call:
    """Several calls may be driven in turn; a decode that one of them asks for lets the texts of all grow."""

    __slots__ = ("_stop", "inbox", "numbers", "over", "source", "texts")

    def __init__(self, requests: Iterable[Extend | None], stop: Callable[[int], bool]) -> None:
        self.source = iter(requests)
        self.numbers = itertools.count()
        self.texts: dict[Job, Text] = {}
        self.inbox: list[JobUpdate] = []  # tokens not read yet
        self.over = False  # it was told to stop: nothing of it grows any more
        self._stop = stop

    def ends(self) -> bool:
        """Ask whether it is to stop before the next decode."""
        # a text that has just begun takes two tokens at once, the first from its parent's row of logits
        growing = sum(job.next_tokens + (not job.grown) for job in self.texts if not job.finished)
        self.over = self.over or self._stop(len(self.inbox) + growing)
        return self.over


@dataclass(slots=True)
class Text:
    """A continuation under way."""

    call: Call
    number: int  # of its request in the call
    prefix: Prefix
    shared: int  # tokens of the prefix that are not decoded again for it
    seconds: float = 0.0  # its share of the decodes it grew in
