"""The clients that people have: `openai` and `llm`, streaming and not, many at once, one that leaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from patience import HANG, SOON

from serve.service import SUM, Service, chat, endless, scripted, service
from ttcli.serve.exchange import Limits

openai = pytest.importorskip("openai")


@pytest.fixture
def client(asked: Service) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{asked.url}/v1", api_key="none", max_retries=0, timeout=SOON) as found:
        yield found


def _held(event: threading.Event) -> None:
    event.wait(SOON)


def messages(text: str = SUM) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_openai_gets_a_reply_with_the_answer_last_and_what_it_took(client: Any) -> None:
    reply = client.chat.completions.create(
        model="scripted:best-of-8", messages=messages(), seed=7, extra_body={"ttc": {"verifier": "scripted"}}
    )
    told, usage = reply.ttc, reply.usage
    assert reply.choices[0].message.content.endswith("It is \\boxed{4}.")
    assert (told["answer"], told["verifier"], told["seed"], told["cost"]["generations"]) == ("4", "scripted", 7, 8)
    assert sum(len(vote["members"]) for vote in told["votes"]) == 8
    assert usage.completion_tokens == told["cost"]["policy_tokens"]
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    reasoning = usage.completion_tokens_details.reasoning_tokens
    assert 0 < reasoning < usage.completion_tokens


def test_openai_streams_progress_as_reasoning_and_then_the_answer(client: Any) -> None:
    chunks = list(
        client.chat.completions.create(
            model="scripted:majority-8",
            messages=messages(),
            seed=7,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    reasoning = [delta.reasoning_content for delta in deltas if getattr(delta, "reasoning_content", None)]
    assert reasoning == [delta.reasoning for delta in deltas if getattr(delta, "reasoning", None)]
    assert any("of 8 candidates: " in line for line in reasoning)
    first_text = next(at for at, delta in enumerate(deltas) if delta.content)
    last_thought = max(at for at, delta in enumerate(deltas) if getattr(delta, "reasoning_content", None))
    assert last_thought < first_text
    last = [chunk for chunk in chunks if chunk.choices][-1]
    assert (last.choices[0].finish_reason, last.ttc["answer"]) == ("stop", "4")
    assert chunks[-1].usage.completion_tokens == last.ttc["cost"]["policy_tokens"]


def test_a_plain_stream_is_the_text_token_by_token(client: Any) -> None:
    chunks = list(client.chat.completions.create(model="scripted", messages=messages("count"), stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert pieces == ["one", " two", " three", " four", " five", " six", " seven", " eight", " nine", " ten"]
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_ends_before_a_stop_and_at_the_limit(client: Any, stream: bool) -> None:
    def text(**more: Any) -> tuple[str, str]:
        reply = client.chat.completions.create(model="scripted", messages=messages("count"), stream=stream, **more)
        if not stream:
            return reply.choices[0].message.content, reply.choices[0].finish_reason
        chunks = list(reply)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks[-1].choices[0].finish_reason

    assert text(stop=["six se", "nine"]) == ("one two three four five ", "stop")
    assert text(stop="ten thousand") == ("one two three four five six seven eight nine ten", "stop")
    assert text(max_tokens=3) == ("one two three", "length")


def test_n_are_so_many_different_candidates(client: Any) -> None:
    reply = client.chat.completions.create(model="scripted:best-of-12", messages=messages(), n=3, seed=1)
    texts = [choice.message.content for choice in reply.choices]
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert "\\boxed{4}" in texts[0]
    assert "\\boxed{5}" in texts[1]


@pytest.mark.parametrize("model", ["scripted", "scripted:auto", "scripted:majority-8", "scripted:best-of-8"])
def test_a_friendly_hello_gets_a_friendly_reply(client: Any, model: str) -> None:
    text = client.chat.completions.create(model=model, messages=messages("hello")).choices[0].message.content
    assert text.startswith(("Hello! What", "Hi there"))
    assert "answer" not in text


def test_an_error_is_the_clients_own(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-4'"):
        client.chat.completions.create(model="gpt-4", messages=messages())
    with pytest.raises(openai.BadRequestError, match="n must be"):
        client.chat.completions.create(model="scripted", messages=messages(), n=10_000)


def test_the_same_seed_gives_the_same_texts_and_none_gives_others(client: Any) -> None:
    def told(**more: Any) -> Any:
        return client.chat.completions.create(model="scripted:majority-8", messages=messages(), **more).ttc

    assert told(seed=3)["votes"] == told(seed=3)["votes"]
    assert len({told()["seed"] for _ in range(4)}) == 4


def test_llm_asks_the_same_server(asked: Service, tmp_path: Path) -> None:
    pytest.importorskip("llm")
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: ttc\n  model_name: scripted:majority-8\n  api_base: {asked.url}/v1\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"openai": "none"}))
    for options in (["--no-stream"], ["-o", "seed", "7"]):
        done = subprocess.run(
            [sys.executable, "-m", "llm", "-m", "ttc", "--no-log", *options, SUM],
            env={"LLM_USER_PATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        assert (done.returncode, "\\boxed{" in done.stdout) == (0, True), done.stderr


def test_eight_clients_share_one_batch() -> None:
    everybody = threading.Barrier(8)
    waiting = threading.Event()

    with service(scripted(endless(), width=32, between=lambda: _held(waiting))) as found:

        def ask(number: int) -> Any:
            everybody.wait(SOON)
            return found.post(chat(model=f"scripted:majority-{number + 1}")).json()["ttc"]

        with ThreadPoolExecutor(8) as pool:
            replies = [pool.submit(ask, number) for number in range(8)]
            found.until(lambda: found.health()["waiting"] + found.health()["working"] == 8)
            waiting.set()
            told = [reply.result(SOON) for reply in replies]
        assert [each["cost"]["generations"] for each in told] == list(range(1, 9))
        assert found.live == set()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["scripted", "scripted:majority-16", "scripted:beam-8"])
def test_one_that_leaves_takes_its_work_along_and_nobody_elses(model: str, stream: bool) -> None:
    with service(scripted(endless(), width=32)) as found:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(found.post, chat(model="scripted:majority-8", seed=7))
            _leave_in_the_middle(found, chat("for ever", model=model, stream=stream))
            found.until(lambda: not found.live and not found.health()["working"])
            assert other.result(SOON).json()["ttc"]["cost"]["generations"] == 8
        found.until(lambda: any("client left" in line for line in found.log))
        assert found.post(chat()).status_code == 200


def _leave_in_the_middle(found: Service, body: dict[str, Any]) -> None:
    """Send a request, wait until it is worked on, and hang up."""
    place = urlsplit(found.url)
    content = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((place.hostname or "", place.port or 0), SOON) as line:
        line.sendall(head.encode() + content)
        found.until(lambda: bool(found.live) and found.health()["working"] > 0)


def test_a_full_queue_says_when_to_come_again() -> None:
    hold = threading.Event()
    slow = scripted(endless(), width=1, between=lambda: _held(hold))
    with service(slow, queue=1) as found, ThreadPoolExecutor(2) as pool:
        first = pool.submit(found.post, chat())
        found.until(lambda: found.health()["working"] == 1)
        second = pool.submit(found.post, chat())
        found.until(lambda: found.health()["waiting"] == 1)
        refused = found.post(chat())
        hold.set()
        assert (first.result(SOON).status_code, second.result(SOON).status_code) == (200, 200)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")
    assert int(refused.headers["Retry-After"]) > 0


def test_at_its_time_a_request_gets_what_there_is() -> None:
    with service(scripted(endless()), limits=Limits(reply=0.2)) as found:
        reply = found.post(chat("for ever")).json()
    assert (reply["choices"][0]["finish_reason"], reply["ttc"]["stopped"]) == ("length", "time")
    assert reply["choices"][0]["message"]["content"].startswith("word")


def test_a_silent_stream_shows_that_it_is_alive() -> None:
    hold = threading.Event()
    limits = Limits(silence=0.01, grace=0.01)
    with (
        service(scripted(between=lambda: _held(hold)), limits=limits) as found,
        httpx2.stream("POST", f"{found.url}/v1/chat/completions", json=chat(stream=True), timeout=SOON) as reply,
    ):
        lines = reply.iter_lines()
        assert any(line == ": keep-alive" for line in lines)
        hold.set()
        assert "data: [DONE]" in lines


def test_rubbish_is_refused_and_the_server_lives_on(asked: Service) -> None:
    place = urlsplit(asked.url)
    for rubbish in (b"\x00\xff" * 100, b"GET\r\n\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n" + b"a" * 70_000):
        with socket.create_connection((place.hostname or "", place.port or 0), SOON) as line:
            line.sendall(rubbish)
            line.shutdown(socket.SHUT_WR)
            while line.recv(4096):
                pass
    assert asked.post(chat()).status_code == 200


def test_when_the_server_ends_whoever_waits_is_told() -> None:
    with ThreadPoolExecutor(1) as pool:
        with service(scripted(endless())) as found:
            reply = pool.submit(found.post, chat("for ever"))
            found.until(lambda: found.health()["working"] == 1)
        refused = reply.result(SOON)
    assert (refused.status_code, refused.json()["error"]["message"]) == (503, "the server is shutting down")
