"""A worker without Ray: its `live` in a thread of this process."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import HANG

from ttcli import __version__
from ttcli.bench.execute.worker import Description, Message, Note, Over, Taken, Worker, _Notes
from ttcli.bench.store.task import Finished, Happened, News, Task, Work
from ttcli.cost import Budget
from ttcli.errors import BackendError, DatasetError, ModelError, TtcError
from ttcli.events import (
    CandidateFinished,
    CandidateToken,
    CostUpdated,
    StepFinished,
    StepsSelected,
    StepToken,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.runtime.settings import Settings
from ttcli.verifier.spec import VerifierSpec

MAJORITY = Task("majority", "", Budget(4))
ADAPTIVE = Task("adaptive", "", Budget(4))
BEAM = Task("beam", "confidence", Budget(4))
PROBLEMS = [Problem(f"What is {n} + {4 - n}?", str(n), "4") for n in range(4)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    script = tmp_path / "script.json"
    lines = [{"text": f"Two and two.\n\nIt is \\boxed{{{answer}}}."} for answer in (4, 4, 5)]
    script.write_text(json.dumps({"": lines}), encoding="utf-8")
    return Settings(model=f"scripted:{script}")


@contextmanager
def living(worker: Worker) -> Iterator[None]:
    thread = threading.Thread(target=worker.live)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(timeout=HANG)
        assert not thread.is_alive()


def told(worker: Worker, tasks: int) -> list[Message]:
    """All that it tells until so many tasks are finished."""
    messages: list[Message] = []
    while sum(isinstance(each, Finished) for each in messages) < tasks:
        messages += worker.take().messages
    return messages


def test_a_worker_says_first_what_it_is_and_last_that_it_is_over(settings: Settings) -> None:
    worker = Worker(settings, [VerifierSpec.parse("confidence")])
    with living(worker):
        first = worker.take().messages
        assert [type(each) for each in first] == [Description]
        assert isinstance(first[0], Description)
        assert (first[0].name, first[0].width, first[0].ttc) == ("scripted", 4, __version__)
        assert [*first[0].verifiers] == ["confidence"]
    assert worker.take().messages == [Over()]


def test_a_worker_takes_problems_as_they_come_and_rests_between_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttcli.bench.execute.worker.PATIENCE", 0.3)
    worker = Worker(settings, [])
    with living(worker):
        worker.expect(PROBLEMS)
        for position, problem in enumerate(PROBLEMS):
            worker.submit(Work(position, problem, (MAJORITY,)))
            messages = told(worker, 1)
            assert [each.position for each in messages if isinstance(each, Taken)] == [position]
            assert len([each for each in messages if isinstance(each, News)]) == 4
            before = time.process_time()
            assert worker.take().messages == []
            assert time.process_time() - before < 0.1  # an idle engine does not spin
        assert worker.take().load is not None


def test_events_of_every_token_stay_where_they_are(settings: Settings) -> None:
    worker = Worker(settings, [VerifierSpec.parse("confidence")])
    with living(worker):
        worker.expect(PROBLEMS)
        worker.submit(Work(0, PROBLEMS[0], (MAJORITY, ADAPTIVE, BEAM)))
        events = [each.event for each in told(worker, 3) if isinstance(each, Happened)]
    assert any(isinstance(event, CandidateFinished) for event in events)
    assert any(isinstance(event, StepFinished) for event in events)
    assert any(isinstance(event, StepsSelected) for event in events)
    assert not any(isinstance(event, CandidateToken | StepToken | CostUpdated) for event in events)


def test_events_that_the_store_keeps_come_with_the_end_of_their_task(settings: Settings) -> None:
    worker = Worker(settings, [])
    task = Task("adaptive", "", Budget(4))
    worker._tell(Happened(0, task, VoteUpdated(ballot=None)))  # type: ignore[arg-type]
    worker._tell(Happened(1, task, VoteUpdated(ballot=None)))  # type: ignore[arg-type]
    assert worker.take().messages == []
    done = Finished(0, task, outcome=None)  # type: ignore[arg-type]
    worker._tell(done)
    first, *rest = worker.take().messages
    assert isinstance(first, Happened)
    assert first.position == 0
    assert rest == [done]


def test_a_worker_that_cannot_load_says_that_it_is_over(tmp_path: Path) -> None:
    worker = Worker(Settings(model=f"scripted:{tmp_path / 'none.json'}"), [])
    with pytest.raises(ModelError, match="cannot read the script"):
        worker.live()
    assert worker.take().messages == [Over()]


def test_a_download_is_told_with_its_size_and_source() -> None:
    notes: list[Note] = []
    progress = _Notes(notes.append)
    progress.start("tiny", "somewhere", 2_000_000, 500_000)
    progress.advance(1_000_000)
    progress.finish("done")
    assert notes == [Note("fetching tiny (2.0 MB, 500.0 kB are here) from somewhere"), Note("done")]


@pytest.mark.parametrize("kind", [TtcError, ModelError, BackendError, DatasetError])
def test_an_error_travels_with_its_hint(kind: type[TtcError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what went wrong", hint="what to type")))
    assert type(copy) is kind
    assert (str(copy), copy.hint) == ("what went wrong", "what to type")
