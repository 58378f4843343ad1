"""What the candidates of a run come to where most of them, or all, have no answer as they stand."""

from __future__ import annotations

from collections.abc import Generator

from ttcli.cost import Meter
from ttcli.events import Event, Outcome
from ttcli.problem import Problem
from ttcli.runtime.settings import Settings
from ttcli.seams import AskingPolicy, Verifier
from ttcli.search.again import ask_again
from ttcli.search.finals import count_of
from ttcli.search.texts import with_texts

_TEXTS = {"auto", "text", "code", "none"}  # forms of which a whole text may be one where there is no other


def answered(
    outcome: Outcome,
    settings: Settings,
    problem: Problem,
    policy: AskingPolicy,
    verifier: Verifier | None,
    meter: Meter,
) -> Generator[Event, None, Outcome]:
    """The outcome with what candidates without an answer come to, where that is wanted."""
    count = count_of(settings.method)
    if settings.ask_again:
        outcome = yield from ask_again(outcome, problem, policy, verifier, meter, count=count, seed=settings.seed)
    if settings.answer in _TEXTS:
        outcome = yield from with_texts(outcome, problem, verifier, meter, count=count)
    return outcome
