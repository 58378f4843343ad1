"""How long to wait for a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to ask again; all but `tries` in seconds."""

    connect: float = 10.0
    silence: float = 60.0  # without a byte
    request: float = 600.0  # for all of a request, and as much for each token of it as `token` says
    token: float = 1.0
    tries: int = 4
    backoff: float = 0.5  # before the second try; doubles with each
    longest: float = 60.0  # between two tries; a server that wants a longer wait is given up

    def whole(self, tokens: int) -> float:
        """Seconds for a request of so many tokens."""
        return self.request + self.token * tokens

    def pause(self, tries: int, asked: float, jitter: float) -> float | None:
        """Seconds before the next try after so many; `jitter` in [0, 1] spreads them; None: give up."""
        if tries >= self.tries or asked > self.longest:
            return None
        return max(asked, min(self.longest, self.backoff * 2.0 ** (tries - 1)) * (0.5 + jitter / 2))
