"""What a model thinks before it answers is told apart from its answer."""

import json
from typing import Any

import httpx2
import pytest
from patience import SOON

from serve.service import chat, scripted, service

THINKING = {"": [{"text": "<think>Two and two.\n\nStop: it is four.</think>Well, 4."}]}


def pieces(url: str, body: dict[str, Any]) -> list[dict[str, str]]:
    """The deltas of a streamed reply."""
    told = httpx2.post(f"{url}/v1/chat/completions", json={**body, "stream": True}, timeout=SOON).text
    lines = [line.removeprefix("data: ") for line in told.splitlines() if line.startswith("data: {")]
    return [json.loads(line)["choices"][0]["delta"] for line in lines]


@pytest.mark.parametrize("model", ["scripted", "scripted:majority-4"])
def test_a_thought_comes_beside_the_answer(model: str) -> None:
    with service(scripted(THINKING)) as found:
        told = found.post(chat("2 + 2?", model)).json()
    message = told["choices"][0]["message"]
    assert message["content"].startswith("Well, 4.")
    assert message["reasoning_content"] == message["reasoning"] == "Two and two.\n\nStop: it is four."
    details = told["usage"]["completion_tokens_details"]
    assert 0 < details["reasoning_tokens"] < told["usage"]["completion_tokens"]


def test_a_streamed_thought_is_no_content_and_what_ends_texts_does_not_end_it() -> None:
    with service(scripted(THINKING)) as found:
        deltas = pieces(found.url, chat("2 + 2?", stop=["Stop"]))
    assert "".join(delta.get("content", "") for delta in deltas) == "Well, 4."
    assert "".join(delta.get("reasoning", "") for delta in deltas) == "Two and two.\n\nStop: it is four."
