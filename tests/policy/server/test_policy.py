"""The policy behind an HTTP API, on a server that does what a test wants of it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
from leaving import leave
from patience import SOON, quickest

from policy.server.fake_server import (
    Exchange,
    FakeServer,
    Fault,
    dies_after,
    does_not_stream,
    echoes_the_key,
    hangs,
    hangs_after_a_word,
    hangs_up,
    says,
    sends,
    shows_a_page,
)
from ttcli.engine.params import SamplingParams
from ttcli.errors import BackendError, PromptTooLong, TtcError, UsageError
from ttcli.policy.prompt import Prompt
from ttcli.policy.server.address import Address
from ttcli.policy.server.completions import seed_of
from ttcli.policy.server.key import Key
from ttcli.policy.server.patience import Patience
from ttcli.policy.server.policy import ServerPolicy
from ttcli.problem import Problem
from ttcli.seams import ASK, BOX_TOKENS, Extend, Extension, Growth
from ttcli.solution import Attempt, Ended, Prefix
from ttcli.verifier.confidence import Confidence

PROBLEM = Problem("What is 2 + 2?")
TEXT = "First add.\n\nIt is \\boxed{4}."
LONG = " ".join(["again"] * 40)
ROLE = '{"choices": [{"index": 0, "delta": {"role": "assistant"}}]}'
QUICK = Patience(connect=SOON, silence=SOON, tries=3, backoff=0.01, longest=0.5)  # a slow host is no silent server
IMPATIENT = replace(QUICK, silence=0.3)

MakePolicy = Callable[..., ServerPolicy]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TTC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeServer]]:
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(FakeServer(*arguments, **options))


@pytest.fixture
def connect() -> Iterator[MakePolicy]:
    with ExitStack() as stack:

        def make(server: FakeServer, **options: Any) -> ServerPolicy:
            defaults: dict[str, Any] = {
                "model": "fake",
                "prompt": Prompt(),
                "sampling": SamplingParams(),
                "max_tokens": 50,
                "width": 4,
                "patience": QUICK,
            }
            return stack.enter_context(closing(ServerPolicy(Address.parse(server.url), **defaults | options)))

        yield make


Serve = Callable[..., FakeServer]


def requests(prefix: Prefix, count: int, **options: Any) -> list[Extend]:
    return [Extend(prefix, (0, index), **options) for index in range(count)]


def collect(happenings: Iterable[list[Growth | Extension]]) -> tuple[list[Extension], dict[int, list[str]]]:
    """The extensions by request, and the tokens that each was seen to take."""
    extensions: list[Extension] = []
    seen: dict[int, list[str]] = {}
    for happening in itertools.chain.from_iterable(happenings):
        if isinstance(happening, Extension):
            extensions.append(happening)
        else:
            seen.setdefault(happening.request, []).append(happening.text)
    return sorted(extensions, key=lambda each: each.request), seen


def failure_of(policy: ServerPolicy, **options: Any) -> TtcError:
    with pytest.raises(TtcError) as caught:
        collect(policy.extend(requests(policy.start(PROBLEM), 1, **options)))
    return caught.value


def test_every_request_comes_back_once_with_what_was_seen_to_grow(serve: Serve, connect: MakePolicy) -> None:
    policy = connect(serve([TEXT, "\\boxed{5}", LONG]), max_tokens=20)
    extensions, seen = collect(policy.extend(requests(policy.start(PROBLEM), 9)))
    assert [each.request for each in extensions] == list(range(9))
    assert {each.prefix.ended for each in extensions} == {Ended.STOP, Ended.LENGTH}
    for each in extensions:
        assert each.prefix.text == "".join(seen[each.request])
        assert each.prefix.tokens == each.tokens == len(seen[each.request]) <= 20
        assert each.prefix.logprob == pytest.approx(-0.5 * each.tokens)
        assert (each.prefix.ended is Ended.LENGTH) == (each.tokens == 20)
        assert each.seconds > 0
        if each.prefix.text == TEXT:
            assert [step.text for step in each.prefix.steps] == ["First add.\n\n", "It is \\boxed{4}."]


def test_a_connection_serves_one_request_after_the_other(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    policy = connect(server)
    for _ in range(3):
        collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert (len(server.bodies), server.connections) == (3, 1)


def test_what_is_sent_is_a_chat_with_the_sampler_and_a_seed(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    policy = connect(server, sampling=SamplingParams(0.7, top_k=0, top_p=0.9, min_p=0.05))
    collect(policy.extend([Extend(policy.start(PROBLEM), (3, 4))]))
    assert server.bodies == [
        {
            "model": "fake",
            "messages": Prompt().messages(PROBLEM),
            "max_tokens": 50,
            "temperature": 0.7,
            "top_p": 0.9,
            "min_p": 0.05,
            "seed": seed_of(3, 4, 0),
            "logprobs": True,
            "top_logprobs": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


def test_attempts_are_sent_as_turns_and_not_mixed_with_plain_requests(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    policy = connect(server, prompt=Prompt(revise="Again."), width=8)
    attempts = (Attempt("It is 3."), Attempt("It is 5."))
    roots = [policy.start(PROBLEM), policy.start(PROBLEM, attempts=attempts)]
    extensions, _ = collect(
        policy.extend([Extend(root, (at, index)) for at, root in enumerate(roots) for index in (0, 1)])
    )
    assert [each.prefix.attempts for each in extensions] == [(), (), *[attempts] * 2]
    plain, revision = sorted((body["messages"] for body in server.bodies), key=len)
    assert revision[: len(plain)] == plain
    assert [(each["role"], each["content"]) for each in revision[len(plain) :]] == [
        ("assistant", "It is 3."),
        ("user", "Again."),
        ("assistant", "It is 5."),
        ("user", "Again."),
    ]


def test_the_words_of_revisions_are_no_part_of_the_recipe(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    one, other = connect(server), connect(server, prompt=Prompt(revise="Again."))
    assert one.recipe == other.recipe
    assert one.revisions == Prompt().revisions == {**other.revisions, "revise": Prompt().revise}
    assert other.revisions["revise"] == "Again."


def test_temperature_0_is_sent_without_what_has_no_meaning_then(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    policy = connect(server)
    collect(policy.extend(requests(policy.start(PROBLEM), 1, temperature=0)))
    assert server.bodies[0]["temperature"] == 0
    assert not {"top_k", "min_p"} & set(server.bodies[0])


def test_seeds_are_31_bits_of_the_key() -> None:
    seeds = [seed_of(0, 2**63, index) for index in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(1, 2) == 693400894
    assert seed_of(1, 2) != seed_of(12)


def test_texts_that_begin_alike_share_a_request(serve: Serve, connect: MakePolicy) -> None:
    server = serve([TEXT, "\\boxed{5}"])
    policy = connect(server)
    root = policy.start(PROBLEM)
    extensions, _ = collect(policy.extend(requests(root, 4)))
    assert [body.get("n") for body in server.bodies] == [4]
    assert [each.prefix.text for each in extensions] in ([TEXT, "\\boxed{5}"] * 2, ["\\boxed{5}", TEXT] * 2)
    assert policy._dialect.many
    mixed = [*requests(root, 2), *requests(root, 2, temperature=0)]
    collect(policy.extend(mixed))
    assert [body.get("n") for body in server.bodies] == [4, 2, 2]


def test_a_server_that_ignores_n_is_asked_for_the_others_one_by_one(serve: Serve, connect: MakePolicy) -> None:
    server = serve(many=False)
    policy = connect(server)
    root = policy.start(PROBLEM)
    for _ in range(2):
        extensions, _ = collect(policy.extend(requests(root, 4)))
        assert len(extensions) == 4
    assert [body.get("n") for body in server.bodies] == [4] + [None] * 7
    assert len({body["seed"] for body in server.bodies}) == 4


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_a_server_that_refuses_n_is_asked_one_by_one(serve: Serve, connect: MakePolicy, status: int) -> None:
    server = serve(faults=[says(status, "Only one completion choice is allowed")])
    said: list[str] = []
    policy = connect(server, notice=said.append)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 3)))
    assert len(extensions) == 3
    assert [body.get("n") for body in server.bodies] == [3, None, None, None]
    assert all("top_k" in body for body in server.bodies)
    policy.close()
    assert said == []


def test_what_was_left_out_on_a_guess_comes_back_where_it_was_n(serve: Serve, connect: MakePolicy) -> None:
    server = serve(refuses={"n": "bad request"})
    policy = connect(server)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 2)))
    assert len(extensions) == 2
    asked = [("n" in body, "top_k" in body) for body in server.bodies]
    assert asked == [(True, True), (True, False), (False, True), (False, True)]


@pytest.mark.parametrize(
    "message", ["Unrecognized request argument supplied: top_k", "Extra inputs are not permitted", "bad request"]
)
def test_a_sampler_that_a_server_does_not_know_is_left_out_and_told_once(
    serve: Serve, connect: MakePolicy, message: str
) -> None:
    server = serve(refuses={"top_k": message})
    said: list[str] = []
    policy = connect(server, notice=said.append)
    root = policy.start(PROBLEM)
    for _ in range(2):
        extensions, _ = collect(policy.extend(requests(root, 1)))
        assert len(extensions) == 1
    assert ["top_k" in body for body in server.bodies] == [True, False, False]
    assert said == []
    policy.close()
    policy.close()
    host = server.url.removeprefix("http://")
    assert said == [f"{host} does not know top_k: texts are drawn without it"]


def test_only_what_is_named_is_left_out(serve: Serve, connect: MakePolicy) -> None:
    server = serve(refuses={"min_p": "min_p?", "stream_options": "stream_options: unknown"})
    said: list[str] = []
    policy = connect(server, notice=said.append, sampling=SamplingParams(min_p=0.1))
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert len(extensions) == 1
    assert {"top_k", "seed", "logprobs"} < set(server.bodies[-1])
    assert not {"min_p", "stream_options"} & set(server.bodies[-1])
    policy.close()
    assert [each.partition(" does not know ")[2] for each in said] == [
        "min_p: texts are drawn without it",
        "stream_options: tokens are counted here",
    ]


def test_the_newer_name_of_the_token_limit_is_learned(serve: Serve, connect: MakePolicy) -> None:
    server = serve(refuses={"max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."})
    policy = connect(server)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert len(extensions) == 1
    assert server.bodies[-1]["max_completion_tokens"] == 50


@pytest.mark.parametrize(
    "fault",
    [
        says(500),
        says(503),
        says(429, retry_after="0.05"),
        hangs_up,
        hangs_after_a_word,
        sends("{nonsense"),
        sends("[1, 2]"),
        sends('{"choices": [{"delta": {"content": 7}}]}'),
        sends('{"choices": 5}'),
        sends('{"error": {"message": "out of memory", "code": 500}}'),
        sends("[DONE]"),
        sends(ROLE, "[DONE]"),
        sends(),
        sends('{"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "abort"}]}'),
        shows_a_page,
        dies_after(0),
        dies_after(2),
    ],
)
def test_what_fails_once_is_asked_again(serve: Serve, connect: MakePolicy, fault: Fault) -> None:
    server = serve(faults=[fault])
    policy = connect(server, patience=IMPATIENT if fault is hangs_after_a_word else QUICK)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert [(each.prefix.text, each.prefix.ended) for each in extensions] == [(TEXT, Ended.STOP)]
    # the first request, for a stream that was empty one that asks why, and the one that went well
    assert len(server.bodies) in (2, 3)
    assert server.bodies[0] == server.bodies[-1]


def test_a_stream_that_dies_is_written_again_without_showing_it_twice(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[dies_after(3), dies_after(2)])
    policy = connect(server)
    [extension], seen = collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert "".join(seen[0]) == extension.prefix.text == TEXT
    assert extension.prefix.tokens == len(seen[0])
    assert extension.tokens == len(seen[0]) + 3 + 2


def test_of_a_shared_request_that_dies_only_the_unfinished_are_written_again(serve: Serve, connect: MakePolicy) -> None:
    def dies_with_one_done(exchange: Exchange) -> None:
        exchange.begin()
        for index, word in itertools.product(range(3), ("It", " is")):
            exchange.event({"choices": [{"index": index, "delta": {"content": word}}]})
        exchange.event({"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})
        exchange.die()

    server = serve(faults=[dies_with_one_done], logprobs=False)
    policy = connect(server)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 3)))
    assert [each.prefix.text for each in extensions] == [TEXT, "It is", TEXT]
    assert [body.get("n") for body in server.bodies] == [3, 2]


def test_a_server_that_always_fails_is_an_error_with_its_words(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[says(500, "CUDA out of memory\nTraceback: secrets")] * 9)
    error = failure_of(connect(server))
    assert isinstance(error, BackendError)
    host = server.url.removeprefix("http://")
    assert str(error) == f"{host} failed 3 times in a row (500): CUDA out of memory"
    assert error.hint == "its own log may say more"
    assert len(server.bodies) == 3


def test_a_long_message_is_cut_and_cleaned(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[says(400, "\n\x1b[2Jno " + "x" * 1000)] * 3)
    error = failure_of(connect(server))
    assert "[2Jno xxx" in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 360


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        (hangs, "it sent nothing for 0.3 s", "does it run, and is --policy its URL?"),
        (hangs_up, "disconnected", "does it run, and is --policy its URL?"),
        (says(429, "slow down"), "(429): slow down", "a smaller --width, or another time"),
        (sends(ROLE, "[DONE]"), "it ended a text in the middle", "--interrupt_requests false"),
        (dies_after(2), "it ended a text in the middle", "--interrupt_requests false"),
        (shows_a_page, "text/html", "does it run"),
        (says(500, "<html><h1>Bad</h1></html>"), "(500): ", "its own log"),
    ],
)
def test_each_way_to_fail_has_its_words(
    serve: Serve, connect: MakePolicy, fault: Fault, message: str, hint: str
) -> None:
    patience = replace(IMPATIENT if fault is hangs else QUICK, tries=2)
    error = failure_of(connect(serve(faults=[fault] * 9), patience=patience))
    assert isinstance(error, BackendError)
    assert message in str(error)
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (400, "no such thing", "its own log"),
        (401, "who are you?", "export TTC_API_KEY"),
        (403, "not you", "export TTC_API_KEY"),
        (404, "no such model", "does the URL end in /v1?"),
        (422, "unprocessable", "its own log"),
        (307, "over there", "the address that it points to"),
    ],
)
def test_a_refusal_is_not_asked_again(serve: Serve, connect: MakePolicy, status: int, message: str, hint: str) -> None:
    server = serve(faults=[says(status, message)] * 9)
    error = failure_of(connect(server, sampling=SamplingParams(top_k=0)))
    assert f"refuses ({status}): {message}" in str(error)
    assert hint in (error.hint or "")
    assert len(server.bodies) == 1


def test_nobody_there_is_an_error(serve: Serve, connect: MakePolicy) -> None:
    server = FakeServer()  # on a port where nobody listens any more
    server._http.server_close()
    assert "failed 3 times in a row: " in str(failure_of(connect(server)))


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://x"])
def test_a_proxy_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(BackendError, match="proxy") as caught:
        ServerPolicy(
            Address.parse("http://192.0.2.1/v1"), model=None, prompt=Prompt(), sampling=SamplingParams(), max_tokens=9
        )
    assert "ALL_PROXY" in (caught.value.hint or "")


def test_a_host_that_cannot_be_one_is_an_error() -> None:
    with pytest.raises(BackendError, match="is no address"):
        ServerPolicy(
            Address.parse("http://a\u2260b/v1"), model=None, prompt=Prompt(), sampling=SamplingParams(), max_tokens=9
        )


@pytest.mark.parametrize("stream_says_it", [True, False])
def test_a_prompt_that_is_too_long_is_said(serve: Serve, connect: MakePolicy, stream_says_it: bool) -> None:
    """Where the stream just ends, the same request without one tells why."""
    too_long = says(400, "This model's maximum context length is 9 tokens.")
    server = serve(faults=[too_long] if stream_says_it else [sends(), too_long])
    error = failure_of(connect(server, sampling=SamplingParams(top_k=0)))
    assert isinstance(error, PromptTooLong)
    assert "maximum context length is 9" in str(error)
    assert "--max-tokens" in (error.hint or "")


def test_a_wait_that_the_server_asks_for_is_kept(serve: Serve, connect: MakePolicy) -> None:
    def seconds() -> float:
        policy = connect(serve(faults=[says(429, "later", retry_after="0.2")]))
        begin = time.monotonic()
        collect(policy.extend(requests(policy.start(PROBLEM), 1)))
        return time.monotonic() - begin

    assert 0.2 <= quickest(seconds, within=1) < 1


def test_a_wait_that_is_too_long_is_not_waited_for(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[says(429, "quota", retry_after="3600")])
    assert "asking for 3600 s of rest (429): quota" in str(failure_of(connect(server)))
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("tries", "asked", "pause"), [(1, 0, 0.25), (3, 0, 1.0), (3, 5, 5), (9, 0, None), (1, 99, None)]
)
def test_pauses_double_and_end(tries: int, asked: float, pause: float | None) -> None:
    assert Patience(tries=5).pause(tries, asked, 0.0) == pause
    spread = Patience(tries=5).pause(tries, asked, 1.0)
    assert spread == (None if pause is None else max(asked, pause * 2 if not asked else 0))


def test_a_server_that_does_not_stream_is_understood(serve: Serve, connect: MakePolicy) -> None:
    policy = connect(serve(faults=[does_not_stream]))
    [extension], seen = collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert extension.prefix.text == "".join(seen[0]) == TEXT
    assert extension.prefix.prompt_tokens > 0


def test_the_prompts_tokens_are_known_with_the_first_reply(serve: Serve, connect: MakePolicy) -> None:
    policy = connect(serve())
    root = policy.start(PROBLEM)
    [extension], _ = collect(policy.extend(requests(root, 1)))
    assert root.prompt_tokens == 0
    assert extension.prefix.prompt_tokens == sum(len(m["content"].split()) for m in Prompt().messages(PROBLEM)) + 6


@pytest.mark.parametrize(("usage", "per_chunk", "tokens"), [(True, 2, 5), (False, 2, 3), (True, 1, 5)])
def test_without_log_probabilities_tokens_are_counted_and_no_certainty_is_made_up(
    serve: Serve, connect: MakePolicy, usage: bool, per_chunk: int, tokens: int
) -> None:
    policy = connect(serve(["one two three four five"], logprobs=False, usage=usage, per_chunk=per_chunk))
    [extension], _ = collect(policy.extend(requests(policy.start(PROBLEM), 1)))
    assert extension.tokens == extension.prefix.tokens == tokens
    assert (extension.prefix.logprob, extension.prefix.steps[0].confidence) == (None, None)
    with pytest.raises(BackendError, match="gives no log-probabilities") as caught:
        Confidence().score([extension.prefix])
    assert "judge:MODEL" in (caught.value.hint or "")


@pytest.mark.parametrize("per_chunk", [1, 3])
@pytest.mark.parametrize("logprobs", [True, False])
@pytest.mark.parametrize("names_stops", [True, False])
def test_a_solution_is_written_step_by_step(
    serve: Serve, connect: MakePolicy, names_stops: bool, logprobs: bool, per_chunk: int
) -> None:
    text = "One two three.\n\nFour five.\n\nSix \\boxed{6}."
    server = serve([text], continues=True, names_stops=names_stops, logprobs=logprobs, per_chunk=per_chunk)
    policy = connect(server)
    prefix = policy.start(PROBLEM)
    steps = []
    while prefix.ended is Ended.OPEN:
        [extension], _ = collect(policy.extend(requests(prefix, 1, until="step")))
        prefix = extension.prefix
        steps.append(prefix.steps[-1].text)
    assert steps == ["One two three.\n\n", "Four five.\n\n", "Six \\boxed{6}."]
    assert (prefix.text, prefix.ended) == (text, Ended.STOP)
    written = [body for body in server.bodies if body.get("stream")]
    assert [body.get("stop") for body in written] == [["\n\n"] if names_stops else None] * 3
    assert [body["messages"][-1]["content"] for body in written[1:]] == [steps[0], steps[0] + steps[1]]
    assert all(body["continue_final_message"] and not body["add_generation_prompt"] for body in written[1:])
    assert len(server.bodies) - len(written) == 2  # the probes


@pytest.mark.parametrize("names_stops", [True, False])
def test_several_steps_may_be_asked_for_and_the_rest_at_once(
    serve: Serve, connect: MakePolicy, names_stops: bool
) -> None:
    server = serve(["a\n\nb b\n\nc\n\nd"], continues=True, names_stops=names_stops)
    policy = connect(server)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 3, until="step", steps=2)))
    assert {each.prefix.text for each in extensions} == {"a\n\nb b\n\n"}
    assert {len(each.prefix.steps) for each in extensions} == {2}
    [rest], _ = collect(policy.extend(requests(extensions[0].prefix, 1)))
    assert (rest.prefix.text, len(rest.prefix.steps), rest.prefix.ended) == ("a\n\nb b\n\nc\n\nd", 4, Ended.STOP)


def test_steps_of_one_prefix_share_a_request_where_the_server_says_what_stopped_them(
    serve: Serve, connect: MakePolicy
) -> None:
    server = serve(["a\n\nb", "c\n\nd"], continues=True, names_stops=True)
    policy = connect(server)
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 4, until="step")))
    assert sorted(each.prefix.text for each in extensions) == ["a\n\n"] * 2 + ["c\n\n"] * 2
    assert [body.get("n") for body in server.bodies if body.get("stream")] == [4]


@pytest.mark.parametrize("names_stops", [True, False])
def test_a_separator_before_the_first_word_ends_no_step(serve: Serve, connect: MakePolicy, names_stops: bool) -> None:
    server = serve(["\n\na\n\nb"], continues=True, names_stops=names_stops)
    policy = connect(server)
    [extension], _ = collect(policy.extend(requests(policy.start(PROBLEM), 1, until="step")))
    assert extension.prefix.text == "\n\na\n\n"


@pytest.mark.parametrize("names_stops", [True, False])
def test_the_token_limit_is_that_of_the_whole_solution(serve: Serve, connect: MakePolicy, names_stops: bool) -> None:
    text = "one two three\n\nfour five six\n\nseven"
    server = serve([text], continues=True, names_stops=names_stops)
    policy = connect(server, max_tokens=5)
    prefix = policy.start(PROBLEM)
    while prefix.ended is Ended.OPEN:
        [extension], _ = collect(policy.extend(requests(prefix, 1, until="step")))
        prefix = extension.prefix
    assert prefix.ended is Ended.LENGTH
    assert prefix.tokens == 5


@pytest.mark.parametrize("usage", [True, False])
def test_a_server_that_does_not_continue_cannot_search_in_steps(serve: Serve, connect: MakePolicy, usage: bool) -> None:
    server = serve(continues=False)
    policy = connect(server)
    root = policy.start(PROBLEM)
    for _ in range(2):
        error = failure_of(policy, until="step")
        assert "cannot continue a partial answer, so step searches cannot run on it" in str(error)
        assert error.hint == "--method best-of-n"
    assert len(server.bodies) == 2
    extensions, _ = collect(policy.extend(requests(root, 1)))
    assert len(extensions) == 1


def test_a_server_that_refuses_the_flags_may_continue_by_itself(serve: Serve, connect: MakePolicy) -> None:
    fields = ("continue_final_message", "add_generation_prompt")
    server = serve(continues=True, refuses={field: f"what is {field}?" for field in fields})
    policy = connect(server)
    [extension], _ = collect(policy.extend(requests(policy.start(PROBLEM), 1, until="step")))
    assert extension.prefix.text == "First add.\n\n"


def test_a_stop_cuts_what_has_begun_and_the_rest_does_not_come_back(serve: Serve, connect: MakePolicy) -> None:
    server = serve(faults=[hangs_after_a_word, hangs_after_a_word, hangs, hangs])
    policy = connect(server, patience=Patience())
    policy._dialect.many = False
    stop = False
    running = policy.extend(requests(policy.start(PROBLEM), 6), stop=lambda tokens: stop)
    begun: set[int] = set()
    while len(begun) < 2:
        begun |= {each.request for each in next(running)}
    stop = True
    extensions, _ = collect(running)
    assert {each.request for each in extensions} == begun
    for each in extensions:
        assert (each.prefix.text, each.prefix.ended, each.tokens) == ("First", Ended.CUT, 1)
    assert len(server.bodies) <= 4


def test_a_stop_is_told_what_waits_unread_and_may_come(serve: Serve, connect: MakePolicy) -> None:
    told: list[int] = []

    def stop(tokens: int) -> bool:
        told.append(tokens)
        return False

    policy = connect(serve([LONG]))
    collect(policy.extend(requests(policy.start(PROBLEM), 3), stop=stop))
    assert told[0] == 3
    assert all(tokens >= 1 for tokens in told)


def test_nothing_is_sent_for_who_is_stopped_before_the_start(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    policy = connect(server)
    assert collect(policy.extend(requests(policy.start(PROBLEM), 2), stop=lambda tokens: True)) == ([], {})
    assert server.bodies == []


@pytest.mark.parametrize("fault", [hangs, says(429, "later", retry_after="0.4"), hangs_after_a_word])
def test_an_interrupt_is_noticed_at_once(serve: Serve, connect: MakePolicy, fault: Fault) -> None:
    def seconds_to_end() -> float:
        server = serve(faults=[fault] * 9)
        interrupt = threading.Event()
        policy = connect(server, interrupted=interrupt.is_set)
        running = policy.extend(requests(policy.start(PROBLEM), 1))
        next(running)
        assert server.until(lambda: bool(server.bodies))
        interrupt.set()
        begin = time.monotonic()
        extensions, _ = collect(running)
        policy.close()
        assert all(each.prefix.ended is Ended.CUT for each in extensions)
        return time.monotonic() - begin

    assert quickest(seconds_to_end, within=0.4) < 0.4  # 0.2 s, and as much for a busy machine


def test_none_means_ask_again_later_and_ends_a_call_with_nothing_under_way(serve: Serve, connect: MakePolicy) -> None:
    server = serve(gated=True)
    policy = connect(server)
    root = policy.start(PROBLEM)
    first, second = requests(root, 2)
    running = policy.extend(iter([first, None, None, second]))
    for count in (1, 1, 2):
        assert next(running) == []
        assert policy._mailbox.growing == count
    server.gate.set()
    extensions, _ = collect(running)
    assert [each.request for each in extensions] == [0, 1]
    assert list(policy.extend([None, first])) == []


def test_calls_driven_in_turn_share_the_width(serve: Serve, connect: MakePolicy) -> None:
    server = serve([LONG, TEXT], many=False)
    policy = connect(server, width=3)
    root = policy.start(PROBLEM)
    calls = {number: policy.extend(requests(root, 5)) for number in range(3)}
    ended = dict.fromkeys(calls, 0)
    while calls:
        for number, call in list(calls.items()):
            happenings = next(call, None)
            if happenings is None:
                del calls[number]
            else:
                ended[number] += sum(isinstance(each, Extension) for each in happenings)
    assert ended == {0: 5, 1: 5, 2: 5}
    assert server.most_at_once <= 3
    assert policy._mailbox.growing == 0


def test_closing_a_call_hangs_up(serve: Serve, connect: MakePolicy) -> None:
    server = serve([LONG], gated=True, many=False)
    policy = connect(server)
    policy._dialect.many = False
    running = policy.extend(requests(policy.start(PROBLEM), 4))
    next(running)
    assert server.until(lambda: server.at_once == 4)
    leave(running)
    assert server.until(lambda: server.left == 4)
    assert policy._mailbox.growing == 0
    assert policy._calls == []
    server.gate.set()
    extensions, _ = collect(policy.extend(requests(policy.start(PROBLEM), 2)))
    assert len(extensions) == 2


def test_closing_the_policy_ends_its_thread_and_hangs_up(serve: Serve, connect: MakePolicy) -> None:
    server = serve([LONG], gated=True)
    before = threading.active_count()
    policy = connect(server)
    running = policy.extend(requests(policy.start(PROBLEM), 2))
    next(running)
    assert server.until(lambda: server.at_once == 2)
    policy.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ttc-server"]
    assert server.until(lambda: server.left == 1)
    leave(running)
    policy.close()
    assert server.until(lambda: threading.active_count() <= before)


def test_an_error_in_the_requests_leaves_nothing_under_way(serve: Serve, connect: MakePolicy) -> None:
    server = serve([LONG], gated=True)
    policy = connect(server)
    root = policy.start(PROBLEM)

    def broken() -> Iterator[Extend | None]:
        yield Extend(root, (0,))
        yield None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        collect(policy.extend(broken()))
    assert server.until(lambda: policy._mailbox.growing == 0)


def test_the_key_is_sent_and_never_shown(serve: Serve, connect: MakePolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    monkeypatch.setenv("TTC_API_KEY", " sk-SECRET\n")
    server = serve(faults=[echoes_the_key])
    policy = connect(server)
    error = failure_of(policy)
    assert server.headers[0]["Authorization"] == "Bearer sk-SECRET"
    assert str(error).endswith("no such key: Bearer ***")
    assert error.hint == "is the key in TTC_API_KEY the right one?"
    assert "SECRET" not in repr((policy.recipe, policy.name, policy._api.key, error, error.__cause__, vars(policy)))


def test_openais_variable_serves_too_and_no_key_is_fine(
    serve: Serve, connect: MakePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    connect(server, model=None)
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    connect(server, model=None)
    assert [headers.get("Authorization") for headers in server.headers] == [None, "Bearer other"]


@pytest.mark.parametrize("key", ["zwei Worte", "schlüssel", "a\x07b"])
def test_what_is_no_key_is_refused_and_not_repeated(
    serve: Serve, connect: MakePolicy, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TTC_API_KEY", key)
    with pytest.raises(UsageError, match="TTC_API_KEY holds no key") as caught:
        connect(serve())
    assert key not in str(caught.value)


def test_the_only_model_is_taken_and_several_are_named(serve: Serve, connect: MakePolicy) -> None:
    assert connect(serve(), model=None).name == "fake"
    with pytest.raises(UsageError, match="has several models: a, b") as caught:
        connect(serve(models=["a", "b"]), model=None)
    assert caught.value.hint == "--model a"
    with pytest.raises(UsageError, match="names no model"):
        connect(serve(models=[]), model=None)
    assert not [thread for thread in threading.enumerate() if thread.name == "ttc-server"][1:]


def test_the_recipe_has_all_that_decides_the_texts(serve: Serve, connect: MakePolicy) -> None:
    server = serve()
    policy = connect(server)
    assert policy.recipe == {
        "server": server.url,
        "model": "fake",
        "prompt": {"system": None, "instruction": Prompt().instruction, "step_separator": "\n\n"},
        "sampler": {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.0},
        "max_tokens": 50,
    }
    assert (policy.parameters, policy.load, policy.width) == (0, None, 4)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://localhost:8000/v1", "OPENAI_API_KEY"),
        ("https://example.org/v1", "OPENAI_API_KEY"),
        ("http://example.org/v1", None),
    ],
)
def test_a_key_that_was_not_set_for_ttc_goes_nowhere_unencrypted(
    monkeypatch: pytest.MonkeyPatch, url: str, found: str | None
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-SECRET")
    key = Key.from_environment(Address.parse(url))
    assert (key and key.variable) == found
    monkeypatch.setenv("TTC_API_KEY", "mine")
    own = Key.from_environment(Address.parse(url), insecure=True)
    assert own is not None
    assert own.variable == "TTC_API_KEY"
    if found is None:
        with pytest.raises(UsageError, match="would go unencrypted to example") as caught:
            Key.from_environment(Address.parse(url))
        assert "--insecure" in (caught.value.hint or "")


def test_a_solution_goes_on_to_its_answer_where_the_server_can(serve: Serve, connect: MakePolicy) -> None:
    server = serve([f"It is four.{ASK}4}}. Or so."], continues=True)
    policy = connect(server)
    asked = policy.ask(policy.start(PROBLEM), "It is four.")
    ((extension,), _) = collect(policy.extend([Extend(asked, (0, 0), until="box", temperature=0.0)]))
    assert extension.prefix.text.startswith(f"It is four.{ASK}4}}")
    body = server.bodies[-1]
    assert body["messages"][-1] == {"role": "assistant", "content": f"It is four.{ASK}"}
    assert body["max_tokens"] == BOX_TOKENS


def test_a_solution_is_asked_in_a_turn_of_its_own_where_the_server_cannot_go_on(
    serve: Serve, connect: MakePolicy
) -> None:
    server = serve(["\\boxed{4}"], continues=False)
    policy = connect(server)
    asked = policy.ask(policy.start(PROBLEM), "It is four.")
    ((extension,), _) = collect(policy.extend([Extend(asked, (0, 0), until="box", temperature=0.0)]))
    assert extension.prefix.text == "\\boxed{4}"
    assert [each["role"] for each in server.bodies[-1]["messages"]] == ["user", "assistant", "user"]
    assert server.bodies[-1]["messages"][1]["content"] == "It is four."
