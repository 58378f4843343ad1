"""Sessions and schedulers on the small model, closed at the end of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from ttcli.engine import session as session_module
from ttcli.engine.model import Model
from ttcli.engine.overview import Logits, TopRows
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import Draw, Sampler
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Session

WORD = 4093  # a token of the small model that a dry run always draws: "user"


class _DryLibrary:
    """llama.cpp, except that a decode computes nothing."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def llama_decode(self, context: object, batch: object) -> int:
        return 0


class _DrySampler(Sampler):
    """Never ends the turn, so that lengths are what a test says."""

    def draw(
        self, rows: Logits | TopRows, samplings: Sequence[SamplingParams], rngs: Sequence[np.random.Generator]
    ) -> list[Draw]:
        for rng in rngs:
            rng.random()
        return [Draw(WORD, -1.0) for _ in rngs]


MakeSession = Callable[..., Session]
MakeScheduler = Callable[..., Scheduler]


@pytest.fixture
def make_session(small_model: Model) -> Iterator[MakeSession]:
    with ExitStack() as stack:

        def make(**options: Any) -> Session:
            session = Session(small_model, **{"cells": 512, "width": 4} | options)
            stack.callback(session.close)
            return session

        yield make


@pytest.fixture
def make_scheduler(make_session: MakeSession) -> MakeScheduler:
    return lambda **options: Scheduler(make_session(**options))


@pytest.fixture
def make_dry_scheduler(make_session: MakeSession) -> MakeScheduler:
    """Schedulers whose decodes cost nothing and whose texts only end at their limits."""

    def make(*, expected: float = 256.0, **options: Any) -> Scheduler:
        session = make_session(**options)
        session._lib = _DryLibrary(session._lib)
        scheduler = Scheduler(session)
        scheduler._sampler = _DrySampler(1)
        scheduler._expected = expected
        return scheduler

    return make


@pytest.fixture
def always_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short a decode, it can be halted in the middle."""
    monkeypatch.setattr(session_module, "_SHORT", 0.0)
