"""Servers that speak the format in their own way, or against it: a run goes on, or ends with an error that says why."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.server.fake_server import Exchange, FakeServer, Fault, says, sends
from policy.server.test_policy import LONG, PROBLEM, QUICK, TEXT, MakePolicy, Serve, collect, failure_of, requests
from ttcli.engine.params import SamplingParams
from ttcli.errors import BackendError, TtcError
from ttcli.policy.prompt import Prompt
from ttcli.policy.server.address import Address
from ttcli.policy.server.policy import ServerPolicy
from ttcli.seams import Extension
from ttcli.solution import Ended

FIELDS = ("seed", "logprobs", "stream_options", "n", "top_k", "min_p", "top_p")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TTC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(FakeServer(*arguments, **options))


@pytest.fixture
def connect() -> Iterator[MakePolicy]:
    with ExitStack() as stack:
        yield lambda server, **options: stack.enter_context(closing(policy_on(server, **options)))


def policy_on(server: FakeServer, **options: Any) -> ServerPolicy:
    defaults: dict[str, Any] = {"model": "fake", "prompt": Prompt(), "sampling": SamplingParams(min_p=0.05)}
    defaults |= {"max_tokens": 50, "width": 4, "patience": QUICK}
    return ServerPolicy(Address.parse(server.url), **defaults | options)


def one(policy: ServerPolicy, **options: Any) -> Extension:
    [extension], _ = collect(policy.extend(requests(policy.start(PROBLEM), 1, **options)))
    return extension


def refuses(field: str, body: Callable[[str], object], status: int = 422) -> Fault:
    """Refuses a request that has the field, naming it nowhere but where `body` does."""

    def fault(exchange: Exchange) -> None:
        if field in exchange.body:
            exchange.fake.faults.appendleft(fault)
            exchange.say(body(field), status)
        else:
            exchange.complete()

    return fault


def fastapi(field: str) -> object:
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", field], "msg": "Not permitted", "input": 1}]}


def openai(field: str) -> object:
    return {"error": {"message": "Unsupported.", "type": "invalid_request_error", "param": field, "code": None}}


def words(field: str) -> object:
    return {"error": f"Unknown field: {field}"}


@pytest.mark.parametrize("body", [fastapi, openai, words])
@pytest.mark.parametrize("field", FIELDS)
def test_an_optional_field_is_given_up_once_wherever_the_refusal_names_it(
    serve: Serve, connect: MakePolicy, field: str, body: Callable[[str], object]
) -> None:
    server = serve(faults=[refuses(field, body, 422 if body is fastapi else 400)])
    said: list[str] = []
    policy = connect(server, notice=said.append)
    for _ in range(2):
        extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 2)))
        assert [each.prefix.text for each in extensions] == [TEXT] * 2
    assert sum(field in body for body in server.bodies) == 1
    assert {"temperature", "max_tokens", *FIELDS} - {field, "n", "top_logprobs"} <= set(server.bodies[-1])
    policy.close()
    assert [field in line for line in said] == ([] if field == "n" else [True])


def test_several_fields_that_one_refusal_names_are_given_up_together(serve: Serve, connect: MakePolicy) -> None:
    detail = [{"loc": ["body", field], "msg": "Extra inputs are not permitted"} for field in ("seed", "top_k", "n")]
    server = serve(faults=[lambda exchange: exchange.say({"detail": detail}, 422)])
    policy = connect(server)
    assert len(collect(policy.extend(requests(policy.start(PROBLEM), 2)))[0]) == 2
    assert [{"seed", "top_k", "n"} & set(body) for body in server.bodies] == [{"seed", "top_k", "n"}, set(), set()]


@pytest.mark.parametrize(
    "message",
    ["only temperature 1 is supported", "Unsupported value: 'temperature' does not support 0.8, only the default (1)"],
)
def test_a_temperature_that_a_server_does_not_know_is_named_in_the_hint(
    serve: Serve, connect: MakePolicy, message: str
) -> None:
    server = serve(refuses={"temperature": message})
    error = failure_of(connect(server))
    assert (error.hint, len(server.bodies)) == ("--temperature 1", 1)


def chunk(delta: object, **more: object) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, **more}]})


END = chunk({}, finish_reason="stop")


@pytest.mark.parametrize(
    ("events", "text", "tokens"),
    [
        ([chunk({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": " b"}]}), END], "a b", 1),
        ([chunk({"content": [{"type": "thinking", "thinking": "hm"}]}), chunk({"content": "a"}), END], "a", 2),
        ([chunk({"reasoning_content": "hm"}), chunk({"content": "a"}), END], "a", 2),
        ([chunk({"reasoning": "hm"}), chunk({"content": "a"}), END], "a", 2),
        (["", chunk({"content": "a"}), " ", END], "a", 1),
        ([chunk({"content": "a"}, logprobs={"content": [{"token": "a", "logprob": None}]}), END], "a", 1),
        ([chunk({"content": "a"}, logprobs={"content": None}), END], "a", 1),
        ([chunk({"content": "a"}, logprobs=[1]), END], "a", 1),
        ([chunk({"content": "a"}, logprobs={"content": [{"token": 5, "logprob": "x"}]}), END], "a", 1),
        (['{"choices": [{"index": 1e999, "delta": {"content": "a"}}]}', END], "a", 1),
        (['{"choices": [{"index": "0", "delta": {"content": "a"}}], "usage": 5}', END], "a", 1),
        (['{"choices": [{"index": -1, "delta": {"content": "a"}}]}', END], "a", 1),
        ([chunk({"content": "a"}), chunk({}, finish_reason={"type": "stop"})], "a", 1),
        ([chunk({"content": "a"}), chunk({}, finish_reason=["stop"], stop_reason={"a": 1})], "a", 1),
        (['{"choices": [{"index": 0, "delta": {"content": "a\\ud83d"}}]}', END], "a\ufffd", 1),
        (['{"choices": [{"delta": {"content": "\\ud83d\\ude00 \\\\ud83d"}}]}', END], "\U0001f600 \\ud83d", 1),
        ([chunk({"content": "a"}), END, json.dumps({"choices": [], "usage": {"prompt_tokens": 2**63,
          "completion_tokens": -1000}})], "a", 1),
        ([chunk({"content": "a"}), END, json.dumps({"choices": [], "usage": {"prompt_tokens": True,
          "completion_tokens": 2**63, "prompt_tokens_details": [5]}})], "a", 1),
        ([chunk({"content": "a"}), END, '{"usage": {"completion_tokens": 1e999, "prompt_tokens": NaN}}'], "a", 1),
    ],
)  # fmt: skip
def test_what_is_said_in_another_way_is_understood(
    serve: Serve, connect: MakePolicy, events: list[str], text: str, tokens: int
) -> None:
    server = serve(faults=[sends(*events, "[DONE]")])
    extension = one(connect(server))
    assert (extension.prefix.text, extension.tokens, extension.prefix.prompt_tokens) == (text, tokens, 0)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "event", ["[" * 100_000, "9" * 5000, '{"choices": [null]}', '{"choices": {"a": 1}}', "\x00", '{"choices": [[[]]]}']
)
def test_what_is_no_completion_is_asked_for_again(serve: Serve, connect: MakePolicy, event: str) -> None:
    assert one(connect(serve(faults=[sends(event)]))).prefix.text == TEXT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["stop", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["index", "delta", "message", "content", "finish_reason", "logprobs", "token", "logprob",
                         "text", "type", "usage", "prompt_tokens", "completion_tokens", "error",
                         "prompt_tokens_details",
                         "code", "param", "choices", "detail", "loc", "stop_reason"]),
        inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JSON, min_size=1, max_size=4), st.sampled_from([200, 200, 400, 422, 500]), st.booleans())
def test_nothing_that_a_server_says_ends_a_run_otherwise_than_by_an_error(
    many_servers: FakeServer, chunks: list[object], status: int, streams: bool
) -> None:
    def fault(exchange: Exchange) -> None:
        if streams and status == 200:
            sends(*(json.dumps({"choices": [each]}) for each in chunks), *map(json.dumps, chunks))(exchange)
        else:
            exchange.say(chunks if len(chunks) > 1 else {"choices": chunks}, status)

    many_servers.faults.clear()
    many_servers.faults.append(fault)
    with closing(policy_on(many_servers, patience=replace(QUICK, tries=2))) as policy, suppress(TtcError):
        extension = one(policy)
        extension.prefix.text.encode()
        assert 0 <= extension.prefix.tokens <= 50


@pytest.fixture(scope="module")
def many_servers() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def test_a_server_that_never_says_why_a_text_ends_is_believed_from_the_second_time_on(
    serve: Serve, connect: MakePolicy
) -> None:
    silent = sends(chunk({"content": "It is 4."}), "[DONE]")
    server = serve(faults=[silent] * 4)
    said: list[str] = []
    policy = connect(server, notice=said.append)
    assert [one(policy).prefix.text for _ in range(3)] == ["It is 4."] * 3
    assert len(server.bodies) == 4
    policy.close()
    assert [line.partition(" ")[2] for line in said] == [
        "never says why a text ends: where it stops is taken for its end"
    ]


def test_one_that_does_say_why_is_not_believed_when_it_does_not(serve: Serve, connect: MakePolicy) -> None:
    """llama-cpp-python's server breaks a text off like that when another request comes."""
    silent = sends(chunk({"content": "It is"}), "[DONE]")
    server = serve(faults=[None, silent, silent])
    policy = connect(server)
    assert [one(policy).prefix.text for _ in range(2)] == [TEXT] * 2


@pytest.mark.parametrize("asks", [1, 2])
def test_an_error_that_comes_as_a_success_is_told_in_the_servers_words(
    serve: Serve, connect: MakePolicy, asks: int
) -> None:
    bodies = [{"error": {"message": "the model is asleep"}}, {"object": "error", "message": "the model is asleep"}]
    server = serve(faults=[lambda exchange: exchange.say(bodies[asks - 1])] * 9)
    assert "(200): the model is asleep" in str(failure_of(connect(server)))


def test_an_invalid_request_that_comes_as_a_success_is_not_asked_again(serve: Serve, connect: MakePolicy) -> None:
    body = {"error": {"message": "no such thing", "type": "invalid_request_error"}}
    server = serve(faults=[lambda exchange: exchange.say(body)] * 9)
    policy = connect(server, sampling=SamplingParams(top_k=0))
    assert "refuses (400): no such thing" in str(failure_of(policy))
    assert len(server.bodies) == 1


def never_ends(word: str, told: bool) -> Fault:
    """A server that does not know max_tokens, and has all the time in the world."""

    def fault(exchange: Exchange) -> None:
        exchange.begin()
        while not exchange.fake.over.is_set():
            told_as = {"logprobs": {"content": [{"token": word, "logprob": -1.0}]}} if told else {}
            exchange.event(chunk({"content": word}, **told_as))

    return fault


@pytest.mark.parametrize("told", [True, False])
def test_a_server_that_ignores_max_tokens_is_cut_here(serve: Serve, connect: MakePolicy, told: bool) -> None:
    server = serve(faults=[never_ends(" again", told)])
    extension = one(connect(server))
    assert (extension.prefix.ended, extension.prefix.tokens, extension.tokens) == (Ended.LENGTH, 50, 50)
    assert extension.prefix.text == " again" * 50
    assert server.until(lambda: server.left == 1)


@pytest.mark.parametrize("delta", [{"reasoning_content": "hm, "}, {"content": "x" * 100}, {"content": "x"}])
def test_thoughts_and_large_and_small_pieces_that_never_end_are_cut_too(
    serve: Serve, connect: MakePolicy, delta: object
) -> None:
    def fault(exchange: Exchange) -> None:
        exchange.begin()
        while not exchange.fake.over.is_set():
            exchange.event(chunk(delta))

    extension = one(connect(serve(faults=[fault])))
    assert extension.prefix.ended is Ended.LENGTH
    assert len(extension.prefix.text) < 1200


def test_a_text_of_the_full_length_that_ends_by_itself_is_not_cut(serve: Serve, connect: MakePolicy) -> None:
    text = " ".join(["again"] * 50)
    extension = one(connect(serve([text], logprobs=False)))
    assert (extension.prefix.text, extension.prefix.ended, extension.tokens) == (text, Ended.STOP, 50)


@pytest.mark.parametrize("data", [": still here\n\n", "data:\n\n", f"data: {chunk({})}\n\n", "x"])
def test_a_request_that_drips_for_ever_ends_by_the_limit_of_all_requests(
    serve: Serve, connect: MakePolicy, data: str
) -> None:
    def drips(exchange: Exchange) -> None:
        exchange.begin()
        while not exchange.fake.over.wait(0.01):
            exchange.send(data)

    server = serve(faults=[drips] * 9)
    error = failure_of(connect(server, patience=replace(QUICK, request=0.3, token=0.0)))
    assert "had not done with a request" in str(error)
    assert "--max-tokens" in (error.hint or "")
    assert len(server.bodies) == 1


def pours(size: int, head: bytes, status: int, kind: str, encoding: str | None = None) -> Fault:
    """A body of so many MiB."""

    def fault(exchange: Exchange) -> None:
        exchange.send_response(status)
        exchange.send_header("Content-Type", kind)
        if encoding:
            exchange.send_header("Content-Encoding", encoding)
        exchange.send_header("Content-Length", str(size * 2**20 + len(head)))
        exchange.end_headers()
        exchange.wfile.write(head)
        for _ in range(size):
            exchange.wfile.write(b"x" * 2**20)

    return fault


def test_of_an_error_as_long_as_a_disk_only_the_beginning_is_read(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[pours(1024, b"no such model: ", 404, "text/plain")])
    assert "refuses (404): no such model: xxx" in str(failure_of(connect(server)))
    assert server.until(lambda: server.left == 1)


@pytest.mark.parametrize(("kind", "head"), [("application/json", b'{"a": "'), ("text/event-stream", b"data: ")])
def test_a_reply_that_is_too_long_is_an_error(serve: Serve, connect: MakePolicy, kind: str, head: bytes) -> None:
    server = serve(faults=[pours(1024, head, 200, kind)] * 9)
    assert "sent more than any answer needs" in str(failure_of(connect(server)))
    assert len(server.bodies) == 1


def packed(data: bytes, encoding: str, kind: str = "application/json", status: int = 200) -> Fault:
    def fault(exchange: Exchange) -> None:
        exchange.send_response(status)
        exchange.send_header("Content-Type", kind)
        exchange.send_header("Content-Encoding", encoding)
        exchange.send_header("Content-Length", str(len(data)))
        exchange.end_headers()
        exchange.wfile.write(data)

    return fault


def test_replies_are_asked_for_unpacked_and_read_packed_all_the_same(serve: Serve, connect: MakePolicy) -> None:
    reply = json.dumps({"choices": [{"message": {"content": "It is 4."}}]}).encode()
    for data, encoding in ((gzip.compress(reply), "gzip"), (zlib.compress(reply), "deflate")):
        server = serve(faults=[packed(data, encoding)])
        assert one(connect(server)).prefix.text == "It is 4."
        assert server.headers[-1]["Accept-Encoding"] == "identity"


def test_a_small_body_that_unpacks_to_a_large_one_is_an_error(serve: Serve, connect: MakePolicy) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 2**19
    for kind in ("application/json", "text/event-stream"):
        server = serve(faults=[packed(bomb, "gzip", kind)] * 9)
        if kind == "application/json":
            assert "sent more than any answer needs" in str(failure_of(connect(server)))
        else:
            assert isinstance(failure_of(connect(server)), BackendError)
    server = serve(faults=[packed(bomb, "gzip", status=400)])
    assert isinstance(failure_of(connect(server, sampling=SamplingParams(top_k=0))), BackendError)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip"])
def test_what_cannot_be_unpacked_is_an_error(serve: Serve, connect: MakePolicy, encoding: str) -> None:
    server = serve(faults=[packed(b"nonsense", encoding)] * 9)
    assert "packed its answer" in str(failure_of(connect(server)))


def test_names_of_models_that_are_none_are_left_out(serve: Serve, connect: MakePolicy) -> None:
    server = serve(models=["fake", 5, None])
    assert connect(server, model=None).name == "fake"


def test_a_status_that_means_nothing_is_an_error(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[says(451, "\x1b[2J")] * 9)
    assert str(failure_of(connect(server))).isprintable()


def test_long_answers_are_not_mistaken_for_endless_ones(serve: Serve, connect: MakePolicy) -> None:
    server = serve([LONG], logprobs=False, per_chunk=7)
    extension = one(connect(server))
    assert (extension.prefix.text, extension.prefix.ended) == (LONG, Ended.STOP)
