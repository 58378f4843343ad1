"""The objects of OpenAI's API: a completion whole, and in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ttcli.serve.reply import Choice


def thought_of(text: str | None) -> dict[str, str]:
    """A thought in a message or a delta, under both names that servers have for it; {} where there is none."""
    return {"reasoning_content": text, "reasoning": text} if text is not None else {}


class Envelope:
    """What all objects of one reply have in common."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())

    def completion(
        self, choices: Sequence[Choice], usage: Mapping[str, Any], account: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A whole reply."""
        told = [
            {
                "index": number,
                "message": {"role": "assistant", "content": choice.text, **thought_of(choice.thought)},
                "finish_reason": choice.finish,
                "logprobs": None,
            }
            for number, choice in enumerate(choices)
        ]
        return {**self._head("chat.completion"), "choices": told, "usage": usage, "ttc": account}

    def delta(self, number: int, delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        """A piece of a choice."""
        choice = {"index": number, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **more}

    def usage(self, usage: Mapping[str, Any]) -> dict[str, Any]:
        """The chunk that says what it took."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}


def event(content: Mapping[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + encoded(content) + b"\n\n"


def encoded(content: Any) -> bytes:
    """JSON as it travels; half of a surrogate pair that a model wrote is escaped."""
    return json.dumps(content, separators=(",", ":")).encode()


KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


class Clipper:
    """Passes a text on as it grows, up to the words that end it; their beginnings are held back until it is clear."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.ended = False

    def take(self, text: str) -> str:
        """What may be passed on now."""
        if self.ended:
            return ""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.ended = True
            passed, self._held = self._held[: min(found)], ""
            return passed
        cut = len(self._held) - self._doubtful
        passed, self._held = self._held[:cut], self._held[cut:]
        return passed

    def rest(self) -> str:
        """What was held back in vain."""
        held, self._held = self._held, ""
        return held

    @property
    def _doubtful(self) -> int:
        """Characters at the end that may be the beginning of a stop."""
        lengths = (
            size
            for stop in self._stops
            for size in range(1, min(len(stop), len(self._held) + 1))
            if self._held.endswith(stop[:size])
        )
        return max(lengths, default=0)
