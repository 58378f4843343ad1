"""The engine under the server, on a tiny model: cells are freed, long chats wait, no text hangs on others."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from patience import SOON
from tiny_models import write_tiny

from ttcli.cost import Budget
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.events import CandidateToken, RunFinished, RunStarted
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem, Turn
from ttcli.runtime.runtime import Runtime
from ttcli.runtime.settings import Settings
from ttcli.serve.engine import ServingEngine, TurnInterrupt
from ttcli.serve.job import Drawing, Job, Told
from ttcli.serve.refusal import Refusal
from ttcli.verifier.confidence import Confidence

TOKENS = 48


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    found = Model(write_tiny(tmp_path_factory.mktemp("models") / "llama.gguf", "llama"))
    yield found
    found.close()


class Bench:
    """An engine in a thread of its own, and what it tells."""

    def __init__(self, model: Model, *, queue: int = 8, width: int = 8) -> None:
        self.interrupt = TurnInterrupt()
        self.policy = LocalPolicy(
            model,
            name="tiny",
            prompt=Prompt(),
            sampling=SamplingParams(),
            max_tokens=TOKENS,
            width=width,
            beams=8,
            threads=1,
            interrupted=self.interrupt,
            paused=lambda: self.interrupt.paused,
        )
        settings = Settings("tiny", max_tokens=TOKENS, answer="text")
        self.settings = settings
        runtime = Runtime(settings, self.policy, {"confidence": Confidence()}, self.interrupt, lambda _name: "tiny")
        self.engine = ServingEngine(runtime, self.interrupt, queue=queue)
        self.thread = threading.Thread(target=self.engine.live)

    def __enter__(self) -> Bench:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.stop()
        self.thread.join(SOON)
        assert not self.thread.is_alive()
        self.policy.close()

    def job(
        self,
        text: str = "hi",
        *,
        n: int = 2,
        method: str = "majority",
        tokens: bool = False,
        drawing: Drawing | None = None,
    ) -> tuple[Job, queue.SimpleQueue[Told]]:
        from dataclasses import replace

        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        settings = replace(self.settings, method_name=method, budget=Budget(n))
        deadline = time.monotonic() + SOON
        job = Job(
            Problem(text, bare=True), settings, drawing or Drawing(), deadline=deadline, tell=told.put, tokens=tokens
        )
        self.engine.submit(job)
        return job, told

    @property
    def cells(self) -> int:
        return self.policy.scheduler.session.cells_used

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + SOON
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.002)


def outcome(told: queue.SimpleQueue[Told]) -> RunFinished:
    while not isinstance(last := told.get(timeout=SOON), RunFinished):
        assert not isinstance(last, Refusal), last.message
    return last


def texts(told: queue.SimpleQueue[Told]) -> list[str]:
    return [each.text for each in outcome(told).outcome.candidates]


def test_what_others_ask_changes_no_text(model: Model) -> None:
    with Bench(model) as bench:
        alone = texts(bench.job("hi", n=3)[1])
        several = [bench.job(text, n=3)[1] for text in ("hi", "and you?", "what?")]
        assert texts(several[0]) == alone
        assert all(len(texts(told)) == 3 for told in several[1:])
        bench.until(lambda: bench.cells == 0)


@pytest.mark.parametrize("method", ["majority", "beam"])
def test_the_cells_of_one_that_leaves_are_free_at_once_and_others_go_on(model: Model, method: str) -> None:
    with Bench(model) as bench:
        leaving, told = bench.job("leaves " * 200, n=8, method=method)
        stays = bench.job("stays", n=2)[1]
        assert isinstance(told.get(timeout=SOON), RunStarted)
        told.get(timeout=SOON)
        bench.engine.leave(leaving)
        assert len(texts(stays)) == 2
        bench.until(lambda: bench.engine.working == 0)
        assert bench.cells == 0


def test_a_decode_that_is_called_off_for_somebody_else_changes_no_text(model: Model) -> None:
    with Bench(model) as bench:
        alone = texts(bench.job("stays", n=2)[1])
        stays = bench.job("stays", n=2, tokens=True)[1]
        seen = 0
        while seen < 5:
            seen += isinstance(stays.get(timeout=SOON), CandidateToken)
            passing = bench.job("passes " * 300, n=1)[0]
            bench.engine.leave(passing)
        assert texts(stays) == alone


def test_a_chat_too_long_for_the_context_in_use_waits_until_it_can_have_a_larger_one(model: Model) -> None:
    with Bench(model) as bench:
        short = [bench.job("short", n=4)[1] for _ in range(2)]
        long = bench.job("long " * 400, n=1)[1]
        after = bench.job("after", n=2)[1]
        assert [len(texts(told)) for told in (*short, long, after)] == [4, 4, 1, 2]


def test_a_chat_too_long_for_the_model_is_refused(model: Model) -> None:
    with Bench(model) as bench:
        _, told = bench.job("long " * 2000, n=1)
        assert isinstance(told.get(timeout=SOON), RunStarted)
        refusal = told.get(timeout=SOON)
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.code) == (400, "context_length_exceeded")
        assert texts(bench.job()[1])


def test_each_has_its_own_temperature_and_limit(model: Model) -> None:
    with Bench(model) as bench:
        cold = bench.job(n=3, drawing=Drawing(temperature=0.0, max_tokens=7))[1]
        hot = bench.job(n=3, drawing=Drawing(temperature=5.0, top_p=1.0))[1]
        candidates = outcome(cold).outcome.candidates
        assert len({each.text for each in candidates}) == 1
        assert all(each.tokens <= 7 for each in candidates)
        assert len(set(texts(hot))) == 3


def test_the_chat_before_a_question_is_in_its_prompt(model: Model) -> None:
    policy = Bench(model).policy
    bare = Problem("and you?", bare=True)
    after = Problem(
        "and you?", bare=True, before=(Turn("system", "Be kind."), Turn("user", "hi"), Turn("assistant", "ho"))
    )
    ids = policy.encode(after)
    told = b"".join(model.piece(token) for token in ids).decode()
    assert told.index("Be kind.") < told.index("hi") < told.index("ho") < told.index("and you?")
    assert (len(ids) > len(policy.encode(bare)), after.key != bare.key) == (True, True)
