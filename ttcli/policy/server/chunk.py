"""What a chunk of a streamed completion says, read leniently: what makes no sense in it says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

LIKELIEST = 20  # tokens that a certainty is made of, as for models that run here
_MOST = 10**7  # tokens of a request, or choices: no context is longer, and what is more is no count
_LOWEST = 1e6  # nats; what is further from 0 is no log-probability
_THOUGHTS = ("think", "reason")  # in the type of a part
_WORDS = ("text", "content", "refusal")  # where a part of a content has its words, if they are part of the answer


class Token(NamedTuple):
    """A sampled token, where the server tells them."""

    text: str  # may hold half a character
    logprob: float | None  # <= 0; None: it does not say
    certainty: float | None = None  # minus the mean log-probability of the likeliest; None: it tells too few of them


class Delta(NamedTuple):
    """What a chunk brought for one choice."""

    choice: int  # index, from 0
    text: str
    tokens: tuple[Token, ...] = ()  # (): the server does not tell, or nothing was sampled
    thought: str = ""  # words that are no part of the answer
    finish: str | None = None  # why the choice ended, in the server's word; None: it goes on
    stopped_by: object = None  # the stop string or the token that ended it, where the server says so
    names_stops: bool = False  # whether it does: vLLM by `stop_reason`, SGLang by `matched_stop`


@dataclass(frozen=True, slots=True)
class AllTold:
    """The server says that nothing comes after this."""


class Usage(NamedTuple):
    """The tokens of a whole request, all its choices together; 0: the server does not tell, or tells no number."""

    prompt: int
    completion: int
    cached: int = 0  # of the prompt, that were not computed again


def read_chunk(chunk: Mapping[str, Any]) -> Iterator[Delta | Usage]:
    """The pieces of a chunk (or of a completion that came whole), and the usage if it tells that.

    Raises:
        TypeError, AttributeError, KeyError, ValueError: it is of another form.
    """
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or choice.get("message") or {}
        text, thought = _words(delta.get("content"))
        stop = choice.get("stop_reason") or choice.get("matched_stop")
        index = _count(choice.get("index"))
        yield Delta(
            0 if index is None else index,
            text or (choice["text"] if isinstance(choice.get("text"), str) else ""),  # of the older completions
            _tokens(choice.get("logprobs")),
            thought or _plain(delta.get("reasoning_content")) or _plain(delta.get("reasoning")),
            _finish(choice.get("finish_reason")),
            stop if isinstance(stop, str | int) else None,
            "stop_reason" in choice or "matched_stop" in choice,
        )
    usage = chunk.get("usage")
    if isinstance(usage, Mapping):
        details = usage.get("prompt_tokens_details")
        prompt = _count(usage.get("prompt_tokens")) or 0
        cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
        yield Usage(prompt, _count(usage.get("completion_tokens")) or 0, min(cached or 0, prompt))


def _words(content: object) -> tuple[str, str]:
    """The words of a content, which is a text or a list of parts: of the answer, and of thoughts."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, list):
        raise TypeError("a content is a text or a list of parts")
    words, thought = "", ""
    for part in content:
        if isinstance(part, str):
            words += part
        elif any(mark in str(part.get("type")) for mark in _THOUGHTS):
            thought += _plain(part)
        else:
            words += next((part[name] for name in _WORDS if isinstance(part.get(name), str)), "")
    return words, thought


def _plain(told: object) -> str:
    """A text as it is, of anything else that it is there."""
    return told if isinstance(told, str) else "…" if told else ""


def _finish(reason: object) -> str | None:
    """Why a choice ended; a reason that is no word is one all the same."""
    return reason if isinstance(reason, str) and reason else "stop" if reason else None


def _count(value: object) -> int | None:
    """A number of tokens, or of a choice; None: it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return None
    return int(value)


def _tokens(told: object) -> tuple[Token, ...]:
    """The tokens with their log-probabilities; () where one has no text."""
    entries = told.get("content") if isinstance(told, Mapping) else None
    if not isinstance(entries, list):
        return ()
    if not all(isinstance(entry, Mapping) and isinstance(entry.get("token"), str) for entry in entries):
        return ()
    return tuple(
        Token(entry["token"], _logprob(entry.get("logprob")), _certainty(entry.get("top_logprobs")))
        for entry in entries
    )


def _certainty(told: object) -> float | None:
    """From the log-probabilities of the likeliest tokens, where the server tells as many as were asked for."""
    if not isinstance(told, list) or len(told) < LIKELIEST:
        return None
    values = [_logprob(each.get("logprob")) for each in told[:LIKELIEST] if isinstance(each, Mapping)]
    known = [value for value in values if value is not None]
    return -sum(known) / len(known) if len(known) == LIKELIEST else None


def _logprob(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LOWEST <= value <= _LOWEST:
        return None
    return min(0.0, float(value))
