"""What a client asks for: the body of `POST /v1/chat/completions`, read and checked.

Fields that OpenAI's API does not have are ignored, as its servers do; those that it has and that cannot be granted are
a refusal where the reply would be another one than was asked for, and else a warning in the reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ttcli.cost import Budget
from ttcli.engine.params import HOTTEST
from ttcli.errors import UsageError
from ttcli.problem import Turn
from ttcli.serve.plan import EFFORTS, NO_EFFORT, Wish
from ttcli.serve.refusal import Refusal, bad

MOST_CHOICES = 64
_MOST_STOPS = 16
_MOST_MESSAGES = 2000
_ROLES: Mapping[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_TTC = ("method", "budget", "verifier")
_IGNORED = ("response_format", "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat that is to go on."""

    model: str
    before: tuple[Turn, ...]  # the last turn of the user
    question: str
    wish: Wish
    n: int = 1  # candidates
    stream: bool = False
    usage: bool = False  # at the end of a stream
    temperature: float | None = None  # None: the server's own
    top_p: float | None = None
    max_tokens: int | None = None  # of a candidate
    seed: int | None = None  # None: another one for each request
    stop: tuple[str, ...] = ()  # a text ends before the first of these
    warnings: tuple[str, ...] = ()  # fields that are there and have no effect


def read_request(body: bytes) -> ChatRequest:
    """Read a request.

    Raises:
        Refusal: it is none, or asks for what is not there.
    """
    fields = _fields(body)
    before, question = _chat(fields.get("messages"))
    if fields.get("tools") and fields.get("tool_choice") != "none":
        raise bad("no tools can be called here: turn them off in the client", "tools")
    if fields.get("functions"):
        raise bad("no functions can be called here: turn them off in the client", "functions")
    options = _object(fields, "stream_options")
    limit = "max_completion_tokens" if fields.get("max_completion_tokens") is not None else "max_tokens"
    seed = _whole(fields, "seed", -(2**63), 2**64)
    return ChatRequest(
        model=_text(fields, "model", needed=True) or "",
        before=before,
        question=question,
        wish=_wish(fields),
        n=_whole(fields, "n", 1, MOST_CHOICES) or 1,
        stream=_flag(fields, "stream"),
        usage=_flag(options, "include_usage", "stream_options.include_usage"),
        temperature=_number(fields, "temperature", 0.0, HOTTEST),
        top_p=_number(fields, "top_p", 0.0, 1.0, above=True),
        max_tokens=_whole(fields, limit, 1, 2**31),
        seed=None if seed is None else seed % 2**63,
        stop=_stops(fields.get("stop")),
        warnings=tuple(f"{name} has no effect here" for name in _IGNORED if _has_effect(name, fields.get(name))),
    )


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad(f"the body is not JSON: {str(error)[:200]}") from error
    if not isinstance(fields, dict):
        raise bad("the body is not a JSON object")
    return fields


def _chat(messages: object) -> tuple[tuple[Turn, ...], str]:
    """What was said before, and the question that ends the chat.

    Templates want the system first and then user and assistant in turn, so what one says in several messages is joined.
    """
    if not isinstance(messages, list) or not messages:
        raise bad("messages must be a list of at least one message", "messages")
    if len(messages) > _MOST_MESSAGES:
        raise bad(f"there are more than {_MOST_MESSAGES} messages", "messages")
    turns = [_turn(message, f"messages[{at}]") for at, message in enumerate(messages)]
    system = [turn.text for turn in turns if turn.role == "system" and turn.text.strip()]
    joined: list[Turn] = [Turn("system", "\n\n".join(system))] if system else []
    for turn in turns:
        if turn.role == "system" or not turn.text.strip():
            continue
        if joined and joined[-1].role == turn.role:
            joined[-1] = Turn(turn.role, f"{joined[-1].text}\n\n{turn.text}")
        else:
            joined.append(turn)
    if not turns[-1].text.strip() or turns[-1].role != "user":
        why = "is the assistant's" if turns[-1].role == "assistant" else "says nothing to reply to"
        raise bad(f"the last message {why}: a question of the user must end the chat", f"messages[{len(turns) - 1}]")
    return tuple(joined[:-1]), joined[-1].text.strip()


def _turn(message: object, place: str) -> Turn:
    if not isinstance(message, Mapping):
        raise bad("a message is an object with role and content", place)
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        raise bad("this chat has calls of tools in it, and no tools can be used here", place)
    if not isinstance(role, str) or role not in _ROLES:
        raise bad(f"there is no role {str(role)[:40]!r}: system, user or assistant", f"{place}.role")
    return Turn(_ROLES[role], _content(message.get("content"), f"{place}.content"))


def _content(content: object, place: str) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, list):
        return "".join(_part(part, f"{place}[{at}]") for at, part in enumerate(content))
    if content is None:
        return ""
    if not isinstance(content, str):
        raise bad("a content is a text, or a list of parts", place)
    return _clean(content, place)


def _part(part: object, place: str) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or kind != "text" or not isinstance(part.get("text"), str):
        raise bad(f"only texts can be read here, and this is {str(kind)[:40]!r}", place)
    return _clean(part["text"], place)


def _clean(text: str, place: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise bad("half of a surrogate pair is no text", place) from error
    return text


def _wish(fields: Mapping[str, Any]) -> Wish:
    effort = _text(fields, "reasoning_effort")
    if effort is not None and effort not in (*EFFORTS, *NO_EFFORT):
        raise bad(f"reasoning_effort is one of {', '.join((*EFFORTS, *NO_EFFORT))}", "reasoning_effort")
    own = _object(fields, "ttc")
    if unknown := [name for name in own if name not in _TTC]:
        raise bad(f"ttc has no field {str(unknown[0])[:40]!r}, but {', '.join(_TTC)}", "ttc")
    budget = own.get("budget")
    if isinstance(budget, bool) or not isinstance(budget, int | str | None):
        raise bad('ttc.budget is a number of generations, or as "20000tok" and "30s"', "ttc.budget")
    try:
        amount = None if budget is None else Budget.parse(str(budget))
    except UsageError as error:
        raise bad(str(error), "ttc.budget") from error
    return Wish(_text(own, "method", "ttc.method"), amount, _text(own, "verifier", "ttc.verifier"), effort)


def _stops(value: object) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value
    if stops is None:
        return ()
    if not isinstance(stops, Sequence) or not all(isinstance(stop, str) for stop in stops) or len(stops) > _MOST_STOPS:
        raise bad(f"stop is a text, or a list of up to {_MOST_STOPS}", "stop")
    return tuple(stop for stop in stops if stop)


def _has_effect(name: str, value: object) -> bool:
    """Whether a field asks for more than is done without it."""
    if name == "response_format":
        return isinstance(value, Mapping) and value.get("type") not in (None, "text")
    return bool(value)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise bad(f"{name} is an object", name)
    return value


def _text(fields: Mapping[str, Any], name: str, param: str | None = None, *, needed: bool = False) -> str | None:
    value = fields.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str) or not value:
        raise bad(f"{param or name} is a text", param or name)
    return value


def _flag(fields: Mapping[str, Any], name: str, param: str | None = None) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad(f"{param or name} is true or false", param or name)
    return bool(value)


def _whole(fields: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _out_of_range(name, f"a whole number from {least} to {most}")
    return value


def _number(fields: Mapping[str, Any], name: str, least: float, most: float, *, above: bool = False) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    fine = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most  # no NaN is
    if not fine or (above and value == least):
        raise _out_of_range(name, f"a number {'above' if above else 'from'} {least:g}, to {most:g}")
    return float(value)


def _out_of_range(name: str, wanted: str) -> Refusal:
    return bad(f"{name} must be {wanted}", name)
