"""The whole way on a real model: client, server, engine, llama.cpp."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from patience import HANG

from serve.service import Service, service
from ttcli.catalog.progress import NoProgress
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Settings
from ttcli.serve.engine import TurnInterrupt
from ttcli.verifier.spec import VerifierSpec

openai = pytest.importorskip("openai")


@pytest.fixture(scope="module")
def served(small_model_path: Path) -> Iterator[Service]:
    interrupt = TurnInterrupt()
    settings = Settings(str(small_model_path), max_tokens=8, offline=True)
    confidence = [VerifierSpec.parse("confidence")]
    with (
        load_runtime(settings, interrupt, NoProgress(), bench=confidence) as runtime,
        service(lambda _: runtime, interrupt=interrupt) as found,
    ):
        yield found


def test_eight_clients_get_what_each_would_get_alone(served: Service) -> None:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0, timeout=HANG) as client:
        name = client.models.list().data[0].id

        def ask(number: int) -> Any:
            model = name if number % 2 else f"{name}:majority-2"
            question = [{"role": "user", "content": f"What is {number} + 2?"}]
            return client.chat.completions.create(model=model, messages=question, temperature=0, seed=1)

        alone = ask(1).choices[0].message.content
        before = served.runtime.policy.load
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(ask, range(8)))
    after = served.runtime.policy.load
    assert before is not None
    assert after is not None
    assert after.rows - before.rows > 2 * (after.decodes - before.decodes)  # they shared decodes
    assert replies[1].choices[0].message.content[:8] == alone[:8]
    assert all(reply.usage.completion_tokens > 0 for reply in replies)
    assert served.runtime.policy.scheduler.session.cells_used == 0  # type: ignore[attr-defined]
