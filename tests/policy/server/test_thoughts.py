"""Servers whose models think: what is read of it, and what is passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from patience import SOON

from policy.server.fake_server import Exchange, FakeServer, Fault
from ttcli.engine.params import THINK_BUDGET, SamplingParams, ThinkParams
from ttcli.errors import UsageError
from ttcli.policy.prompt import Prompt
from ttcli.policy.server.address import Address
from ttcli.policy.server.patience import Patience
from ttcli.policy.server.policy import ServerPolicy
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Growth
from ttcli.solution import Ended

PROBLEM = Problem("What is 2 + 2?")
QUICK = Patience(connect=SOON, silence=SOON, tries=3, backoff=0.01, longest=0.5)
Connect = Callable[..., ServerPolicy]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def serve(stack: ExitStack) -> Callable[..., FakeServer]:
    return lambda *arguments, **options: stack.enter_context(FakeServer(*arguments, **options))


@pytest.fixture
def connect(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Connect:
    for name in ("TTC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def make(server: FakeServer, **options: Any) -> ServerPolicy:
        defaults: dict[str, Any] = {
            "model": "fake",
            "prompt": Prompt(),
            "sampling": SamplingParams(),
            "max_tokens": 20,
            "width": 4,
            "patience": QUICK,
        }
        return stack.enter_context(closing(ServerPolicy(Address.parse(server.url), **defaults | options)))

    return make


def thinks(field: str, thought: list[str], text: list[str], finish: str = "stop") -> Fault:
    """A reply with a thought in a field of its own, a token an event."""

    def fault(exchange: Exchange) -> None:
        exchange.begin()
        for name, words in ((field, thought), ("content", text)):
            for word in words:
                told = {"content": [{"token": word, "logprob": -0.5}]}
                exchange.event({"choices": [{"index": 0, "delta": {name: word}, "logprobs": told}]})
        exchange.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        exchange.event("[DONE]")
        exchange.end()

    return fault


def draw(policy: ServerPolicy) -> tuple[Extension, list[Growth]]:
    happenings = [each for step in policy.extend([Extend(policy.start(PROBLEM), (0,))]) for each in step]
    (extension,) = [each for each in happenings if isinstance(each, Extension)]
    return extension, [each for each in happenings if isinstance(each, Growth)]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_thought_in_a_field_of_its_own_is_no_text(
    serve: Callable[..., FakeServer], connect: Connect, field: str
) -> None:
    server = serve(faults=[thinks(field, ["I ", "add.\n\n", "So"], ["It ", "is 4."])])
    extension, grown = draw(connect(server))
    prefix = extension.prefix
    assert [step.text for step in prefix.steps] == ["It is 4."]
    assert prefix.logprob == -1.0
    assert prefix.thought is not None
    assert (prefix.thought.text, prefix.thought.tokens, prefix.thought.closed) == ("I add.\n\nSo", 3, True)
    assert prefix.tokens == extension.tokens == 5
    assert sum(each.thought for each in grown) >= 2


def test_tags_in_the_text_are_read_too(serve: Callable[..., FakeServer], connect: Connect) -> None:
    extension, _ = draw(connect(serve(["<think> I add.\n\n So </think> It is 4."])))
    assert extension.prefix.text == "It is 4."
    assert extension.prefix.thought is not None
    assert extension.prefix.thought.text.split() == ["I", "add.", "So"]


def test_a_thought_that_takes_all_of_a_request_gets_room_in_the_next(
    serve: Callable[..., FakeServer], connect: Connect
) -> None:
    long = ["hm "] * 20
    server = serve(
        faults=[thinks("reasoning", long, [], "length"), thinks("reasoning", long, ["It is 4."])], logprobs=False
    )
    extension, _ = draw(connect(server))
    assert [body["max_tokens"] for body in server.bodies] == [20, 20 + THINK_BUDGET]
    assert (extension.prefix.text, extension.prefix.ended) == ("It is 4.", Ended.STOP)
    assert extension.tokens == 41  # what was thrown away was paid for


def test_a_thought_that_never_ends_is_cut_and_says_so(serve: Callable[..., FakeServer], connect: Connect) -> None:
    cut = thinks("reasoning", ["hm "] * 20, [], "length")
    extension, _ = draw(connect(serve(faults=[cut] * 3), thinking=ThinkParams(think_budget=30)))
    assert (extension.prefix.text, extension.prefix.ended) == ("", Ended.LENGTH)
    assert extension.prefix.thought is not None
    assert not extension.prefix.thought.closed


def test_switches_and_budgets_are_passed_on(serve: Callable[..., FakeServer], connect: Connect) -> None:
    server = serve()
    params = ThinkParams(think="on", reasoning_effort="low", think_budget=700, template_arg=["x=1"])
    draw(connect(server, thinking=params))
    (body,) = server.bodies
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "thinking": True, "x": 1}
    assert (body["reasoning_effort"], body["reasoning_budget_tokens"], body["max_tokens"]) == ("low", 700, 720)
    silent = serve()
    draw(connect(silent, thinking=ThinkParams(think="off")))
    assert silent.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}
    assert silent.bodies[0]["max_tokens"] == 20
    plain = serve()
    draw(connect(plain))
    assert not {"chat_template_kwargs", "reasoning_effort", "reasoning_budget_tokens"} & set(plain.bodies[0])


def test_what_a_server_does_not_know_is_told_and_left_out(serve: Callable[..., FakeServer], connect: Connect) -> None:
    notices: list[str] = []
    server = serve(refuses={"chat_template_kwargs": "unknown field: chat_template_kwargs"})
    policy = connect(server, thinking=ThinkParams(think="off"), notice=notices.append)
    draw(policy)
    policy.close()
    assert len(server.bodies) == 2
    assert any("--think" in notice for notice in notices)


def test_a_trial_in_a_thought_is_an_error(serve: Callable[..., FakeServer], connect: Connect) -> None:
    policy = connect(serve())
    with pytest.raises(UsageError, match="middle of a thought"):
        policy.speak(policy.start(PROBLEM), "x")
