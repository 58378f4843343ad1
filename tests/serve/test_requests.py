"""What is asked for, and what is refused: by status, and in the form that OpenAI's clients read."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from patience import SOON

from serve.service import SUM, Service, chat, scripted, service
from ttcli.serve.chat_request import read_request
from ttcli.serve.refusal import Refusal

IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def of(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}).encode()


def said(*messages: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in messages]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": said(("user", ""))}, "messages[0]"),
        ({"messages": said(("user", "   "))}, "messages[0]"),
        ({"messages": said(("user", "x"), ("assistant", "y"))}, "messages[1]"),
        ({"messages": said(("system", "x"))}, "messages[0]"),
        ({"messages": said(("king", "x"))}, "messages[0].role"),
        ({"messages": said(("user", 5))}, "messages[0].content"),
        ({"messages": said(("user", IMAGE), ("user", "what is it?"))}, "messages[0].content[0]"),
        ({"messages": said(("user", "\ud800"))}, "messages[0].content"),
        ({"messages": said(("tool", "42"), ("user", "and?"))}, "messages[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": CALL}, *said(("user", "and?"))]}, "messages[0]"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"n": 0}, "n"),
        ({"n": 10_000}, "n"),
        ({"n": True}, "n"),
        ({"n": "2"}, "n"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -3}, "max_completion_tokens"),
        ({"seed": 1.5}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 3}, "stream_options"),
        ({"stop": [1]}, "stop"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"ttc": 5}, "ttc"),
        ({"ttc": {"metod": "beam"}}, "ttc"),
        ({"ttc": {"budget": True}}, "ttc.budget"),
        ({"ttc": {"budget": "many"}}, "ttc.budget"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_the_field_at_fault(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_request(of(**fields))
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"n": ' + b"1" * 5000 + b"}"], ids=range(7)
)
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_request(body)
    assert caught.value.status == 400


def test_parts_roles_and_turns_are_read_as_a_chat_that_ends_in_a_question() -> None:
    chat = read_request(
        of(
            messages=said(
                ("system", "Be brief."),
                ("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
                ("assistant", "c"),
                ("developer", "Be kind."),
                ("assistant", ""),
                ("user", "d"),
                ("user", " e "),
            )
        )
    )
    assert chat.before == (("system", "Be brief.\n\nBe kind."), ("user", "ab"), ("assistant", "c"))
    assert chat.question == "d\n\n e"


def test_fields_without_an_effect_are_told_and_unknown_ones_are_not() -> None:
    chat = read_request(of(response_format={"type": "json_object"}, presence_penalty=0, logprobs=True, whatever=1))
    assert chat.warnings == ("response_format has no effect here", "logprobs has no effect here")


def test_null_is_as_good_as_absent() -> None:
    names = ("n", "stream", "temperature", "top_p", "max_tokens", "seed", "stop", "ttc", "tools", "stream_options")
    assert read_request(of(**dict.fromkeys(names))) == read_request(of())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (chat(model="gpt-4"), 404, "model_not_found"),
        (chat(model="scripted:magic-4"), 404, "model_not_found"),
        (chat(model="scripted:majority-0"), 404, "model_not_found"),
        (chat(model="scripted:majority-9999"), 400, None),
        (chat(model="scripted:beam-7"), 400, None),
        (chat(ttc={"method": "magic"}), 400, None),
        (chat(ttc={"method": "best-of-n", "verifier": "judge"}), 400, None),
        (chat(ttc={"method": "majority", "verifier": "confidence"}), 400, None),
        (chat(ttc={"verifier": "confidence"}), 400, None),
        (chat(ttc={"budget": "16/problem"}), 400, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_had_is_refused_by_status(
    asked: Service, body: dict[str, Any], status: int, code: str | None, stream: bool
) -> None:
    reply = asked.post({**body, "stream": stream})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert error["message"]


def test_a_chat_that_is_too_long_is_refused_and_the_next_one_is_not() -> None:
    class Short:
        def __init__(self, policy: Any) -> None:
            self._policy = policy

        def __getattr__(self, name: str) -> Any:
            return getattr(self._policy, name)

        def start(self, problem: Any, **options: Any) -> Any:
            from ttcli.errors import PromptTooLong

            if len(problem.text) > 100:
                raise PromptTooLong("the prompt takes 4711 tokens", hint="--max-tokens 3")
            return self._policy.start(problem, **options)

    def make(interrupt: Any) -> Any:
        runtime = scripted()(interrupt)
        runtime.policy = Short(runtime.policy)
        return runtime

    with service(make) as found:
        for stream in (False, True):
            reply = found.post(chat("x" * 101, stream=stream))
            told = (reply.status_code, reply.json()["error"]["code"])
            assert told == (400, "context_length_exceeded")
        assert found.post(chat()).status_code == 200


def test_bodies_are_limited_whether_their_length_is_told_or_not(asked: Service) -> None:
    place = f"{asked.url}/v1/chat/completions"
    large = json.dumps(chat("x" * 1_000_001)).encode()
    headers = {"Content-Type": "application/json"}
    told = httpx2.post(place, content=large, headers=headers, timeout=SOON)
    pieces = (large[at : at + 65536] for at in range(0, len(large), 65536))
    untold = httpx2.post(place, content=pieces, headers=headers, timeout=SOON)
    assert told.status_code == untold.status_code == 413
    assert told.json()["error"]["code"] == "request_too_large"


def test_only_json_is_read_so_that_no_form_of_a_web_page_counts(asked: Service) -> None:
    place = f"{asked.url}/v1/chat/completions"
    reply = httpx2.post(place, content=json.dumps(chat()), headers={"Content-Type": "text/plain"}, timeout=SOON)
    assert (reply.status_code, "access-control-allow-origin" in reply.headers) == (415, False)


def test_a_name_that_somebody_else_gave_this_machine_is_refused(asked: Service) -> None:
    reply = httpx2.get(f"{asked.url}/v1/models", headers={"Host": "evil.example"}, timeout=SOON)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "unknown_host")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("GET", "/v1/chat/completions", 405)])
def test_what_is_not_there_is_an_error_in_the_same_form(asked: Service, method: str, path: str, status: int) -> None:
    reply = httpx2.request(method, f"{asked.url}{path}", timeout=SOON)
    assert reply.status_code == status
    assert path in reply.json()["error"]["message"]


def test_a_key_is_asked_for_but_not_to_see_whether_the_server_is_well() -> None:
    with service(scripted(), key="sesame") as found:
        for given in (None, "Bearer other", "sesame", "Bearer", "Basic sesame"):
            reply = found.post(chat(), headers={} if given is None else {"Authorization": given})
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        assert found.post(chat(), headers={"Authorization": "Bearer sesame"}).status_code == 200
        assert found.health()["status"] == "ok"
        assert not any("sesame" in line or "other" in line for line in found.log)


def test_models_are_listed_with_the_plain_one_first(asked: Service) -> None:
    told = httpx2.get(f"{asked.url}/v1/models", timeout=SOON).json()
    names = [model["id"] for model in told["data"]]
    suffixes = ["", ":auto", ":majority-16", ":best-of-16", ":beam-16"]
    assert names == [f"scripted{suffix}" for suffix in suffixes]
    one = httpx2.get(f"{asked.url}/v1/models/scripted:auto", timeout=SOON)
    assert one.json()["id"] == "scripted:auto"
    assert httpx2.get(f"{asked.url}/v1/models/gpt-4", timeout=SOON).status_code == 404


@pytest.mark.parametrize(
    ("more", "method", "generations"),
    [
        ({}, "plain", 1),
        ({"model": "scripted:majority-4"}, "majority", 4),
        ({"model": "scripted:best-of-4"}, "best-of-n", 4),
        ({"model": "scripted:beam-8"}, "beam", 8),
        ({"reasoning_effort": "low", "model": "scripted:majority-16"}, "majority", 4),
        ({"reasoning_effort": "minimal"}, "plain", 1),
        ({"ttc": {"method": "majority", "budget": 3}}, "majority", 3),
        ({"ttc": {"budget": "5"}, "model": "scripted:majority-16"}, "majority", 5),
        ({"n": 3}, "plain", 3),
        ({"n": 6, "model": "scripted:majority-4"}, "majority", 6),
    ],
)
def test_name_effort_and_own_words_say_how_a_request_is_answered(
    asked: Service, more: dict[str, Any], method: str, generations: int
) -> None:
    told = asked.post({**chat(), **more}).json()
    assert (told["ttc"]["method"], told["ttc"]["cost"]["generations"]) == (method, generations)
    assert len(told["choices"]) == more.get("n", 1)


def test_effort_on_the_plain_name_searches(asked: Service) -> None:
    told = asked.post(chat(SUM, reasoning_effort="low", seed=4)).json()
    assert (told["ttc"]["method"], told["ttc"]["budget"], told["ttc"]["answer"]) == ("auto", "4", "4")
