"""The whole way on a model: client, server, engine, llama.cpp."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from patience import HANG
from tiny_models import write_tiny

from serve.service import Service, service
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.runtime.runtime import Runtime
from ttcli.runtime.settings import Settings
from ttcli.serve.engine import TurnInterrupt
from ttcli.verifier.confidence import Confidence

openai = pytest.importorskip("openai")
TOKENS = 32
ROUNDING = 4  # texts of 16 that may part: how a processor adds up a row depends on how many rows a decode has


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    model = Model(write_tiny(tmp_path / "llama.gguf", "llama"))

    def make(interrupt: TurnInterrupt) -> Runtime:
        policy = LocalPolicy(
            model,
            name="tiny",
            prompt=Prompt(),
            sampling=SamplingParams(),
            max_tokens=TOKENS,
            width=16,
            threads=1,
            interrupted=interrupt,
            paused=lambda: interrupt.paused,
        )
        settings = Settings("tiny", max_tokens=TOKENS)
        return Runtime(settings, policy, {"confidence": Confidence()}, interrupt, lambda _name: "tiny")

    with service(make) as found:
        yield found
    found.runtime.policy.close()
    model.close()


def test_eight_clients_get_what_each_would_get_alone_from_shared_decodes(served: Service) -> None:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0, timeout=HANG) as client:

        def ask(number: int) -> list[str]:
            model = "tiny" if number % 2 else "tiny:majority-2"
            question = [{"role": "user", "content": f"What is {number} + 2?"}]
            reply: Any = client.chat.completions.create(model=model, messages=question, seed=number, n=2)
            assert reply.usage.completion_tokens > 0
            return [choice.message.content for choice in reply.choices]

        alone = [ask(number) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(ask, range(8)))
    policy = served.runtime.policy
    assert isinstance(policy, LocalPolicy)
    pairs = [pair for before, after in zip(alone, together, strict=True) for pair in zip(before, after, strict=True)]
    assert len(pairs) == 16
    assert sum(before == after for before, after in pairs) >= len(pairs) - ROUNDING
    assert policy.load.rows > 2 * policy.load.decodes
    assert policy.scheduler.session.cells_used == 0
