"""How Ctrl-C and a deadline reach a decode in progress."""

from __future__ import annotations

import time
from collections.abc import Callable


class Interrupt:
    """Asked many times a second by whatever may take long; once it says yes it keeps saying so."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requested = False
        self._deadline: float | None = None

    def request(self) -> None:
        """Stop everything, as Ctrl-C does."""
        self._requested = True

    def after(self, seconds: float) -> None:
        """Stop everything so many seconds from now."""
        self._deadline = self._clock() + seconds

    def lift(self) -> None:
        """Forget the deadline; a request stays."""
        self._deadline = None

    @property
    def paused(self) -> bool:
        """Whether a decode is to be called off, for somebody to look about, and to be done again."""
        return False

    @property
    def requested(self) -> bool:
        """Whether somebody asked for the stop, rather than a deadline."""
        return self._requested

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._requested or (self._deadline is not None and self._clock() >= self._deadline)
