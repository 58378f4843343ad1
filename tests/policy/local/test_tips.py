"""Models whose memory cannot be cut back: revisions stand on a text's end or on its prompt, sequences take memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tiny_models import HYBRID, RECURRENT

from ttcli.engine import machine
from ttcli.engine.model import Model
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension
from ttcli.solution import Attempt, Prefix

TIPS = (*HYBRID, *RECURRENT)
SUM = Problem("What is 7 + 5?")

MakePolicy = Callable[..., LocalPolicy]


@pytest.fixture(autouse=True)
def streams_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the model."""
    monkeypatch.setattr(machine, "_STREAMS_FROM", 0)


@pytest.fixture
def make_policy(tiny_model: Callable[[str], Model], policy_on: MakePolicy) -> MakePolicy:
    def make(architecture: str, **options: Any) -> LocalPolicy:
        defaults = {"prompt": Prompt(system="", instruction="", revise="Again."), "max_tokens": 16, "attempts": 4}
        return policy_on(tiny_model(architecture), **defaults | options)

    return make


def draw(policy: LocalPolicy, start: Prefix, seed: int) -> Extension:
    requests = [Extend(start, (seed,), keep=True)]
    [drawn] = [each for batch in policy.extend(requests) for each in batch if isinstance(each, Extension)]
    return drawn


@pytest.mark.parametrize("cells", [None, 2048], ids=["streams", "one buffer"])
@pytest.mark.parametrize("architecture", TIPS)
def test_a_chain_of_revisions_stands_on_what_it_can_and_reads_as_if_alone(
    make_policy: MakePolicy, architecture: str, cells: int | None
) -> None:
    policy, alone = make_policy(architecture, cells=cells), make_policy(architecture, cells=cells)
    root = policy.start(SUM)
    session = policy.scheduler.session
    held, texts, known = [root], list[str](), set[str]()
    tip = 0  # of the text before, where its cells end
    for attempt in range(8):
        start = policy.start(SUM, attempts=[*map(Attempt, texts[-1:])]) if texts else root
        if attempt:
            known.add({tip: "tip", root.prompt_tokens: "prompt"}[start.known_tokens])
        before = session.decoded
        drawn = draw(policy, start, attempt)
        assert session.decoded - before == start.prompt_tokens - start.known_tokens + drawn.tokens - 1
        fresh = alone.start(SUM, attempts=[*map(Attempt, texts[-1:])])
        assert not fresh.known_tokens
        assert draw(alone, fresh, attempt).prefix.text == drawn.prefix.text
        alone.release([fresh, *(Prefix(SUM, number) for number in list(alone._plain.finished))])
        held += [drawn.prefix, start] if attempt else [drawn.prefix]
        tip = start.prompt_tokens + drawn.tokens - 1
        texts.append(drawn.prefix.text)
    assert "tip" in known or "\ufffd" in "".join(texts)  # half a character is not what was drawn
    policy.release(held)
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)


@pytest.mark.parametrize("architecture", ["qwen35", "mamba"])
def test_sequences_are_budgeted_by_the_states_that_they_take(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: True)  # one buffer for all
    policy = make_policy(architecture, width=32, beams=8)
    policy.start(SUM)
    assert policy.scheduler.session.sequences == 32 + 2 * 32 + 16
    memory = policy.model.memory
    sizes = []
    for fitting in (40, 10, 1):
        room = 2 * (512 * memory.cell_bytes + fitting * memory.state_bytes)
        monkeypatch.setattr(machine, "available_memory", lambda room=room: room)
        tight = make_policy(architecture, width=32, beams=8, attempts=0, max_tokens=400)
        tight.start(SUM)
        session = tight.scheduler.session
        sizes.append(session.sequences)
        assert tight.width == session.width <= max(session.sequences // 2, 1)
        assert draw(tight, tight.start(SUM), 0).tokens
    assert sizes[0] > sizes[1] > sizes[2] == 4


def test_a_search_of_many_problems_counts_the_sequences_that_grow(make_policy: MakePolicy) -> None:
    """What grows stands on steps that must keep theirs."""
    plain, hybrid = (make_policy(architecture, cells=2048, width=4, beams=8) for architecture in ("llama", "qwen35"))
    for policy in (plain, hybrid):
        policy.start(SUM)
        assert policy.scheduler.session.sequences == 4 + 2 * 8 + 16
    assert plain.holds(4)
    assert not plain.holds(5)
    assert hybrid.holds(3)
    assert not hybrid.holds(4)
