"""What a chunk of a streamed completion says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple


class Token(NamedTuple):
    """A sampled token, where the server tells them."""

    text: str  # may hold half a character
    logprob: float  # <= 0


class Piece(NamedTuple):
    """What a chunk brought for one choice."""

    choice: int  # index
    text: str
    tokens: tuple[Token, ...] = ()  # (): the server does not tell, or nothing was sampled
    thought: bool = False  # it brought words that are no part of the answer
    finish: str | None = None  # why the choice ended, in the server's word; None: it goes on
    stopped_by: object = None  # the stop string or the token that ended it, where the server says so
    names_stops: bool = False  # whether it does: vLLM by `stop_reason`, SGLang by `matched_stop`


class Usage(NamedTuple):
    """The tokens of a whole request, all its choices together."""

    prompt: int
    completion: int
    cached: int = 0  # of the prompt, that were not computed again


def read_chunk(chunk: dict[str, Any]) -> Iterator[Piece | Usage]:
    """The pieces of a chunk (or of a completion that came whole), and the usage if it tells that.

    Raises:
        TypeError, AttributeError, KeyError, ValueError: it is of another form.
    """
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or choice.get("message") or {}
        text = delta.get("content") or ""
        if not isinstance(text, str):
            raise TypeError("a text is a string")
        yield Piece(
            int(choice.get("index") or 0),
            text,
            _tokens((choice.get("logprobs") or {}).get("content") or ()),
            bool(delta.get("reasoning_content") or delta.get("reasoning")),
            choice.get("finish_reason") or None,
            choice.get("stop_reason") or choice.get("matched_stop"),
            "stop_reason" in choice or "matched_stop" in choice,
        )
    usage = chunk.get("usage")
    if usage and "prompt_tokens" in usage:
        details = usage.get("prompt_tokens_details") or {}
        yield Usage(
            int(usage["prompt_tokens"]),
            int(usage.get("completion_tokens") or 0),
            int(details.get("cached_tokens") or 0),
        )


def _tokens(entries: Any) -> tuple[Token, ...]:
    tokens = tuple(Token(str(entry["token"]), min(0.0, float(entry["logprob"]))) for entry in entries)
    return tokens if all(math.isfinite(token.logprob) for token in tokens) else ()
