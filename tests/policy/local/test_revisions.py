"""Revisions on the small real model: what they share of the cells, what they are shown, and who draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.adapters import write_adapter
from leaving import leave
from numpy.typing import NDArray

from ttcli.cost import Budget, Meter
from ttcli.engine import machine
from ttcli.engine.adapter import Adapter
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import Draw, Sampler
from ttcli.errors import PromptTooLong
from ttcli.events import RunFinished
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension
from ttcli.search.methods import parse_method
from ttcli.solution import Attempt, Ended, Prefix

SUM = Problem("What is 7 + 5?")

MakePolicy = Callable[..., LocalPolicy]


@pytest.fixture
def make_policy(small_model: Model) -> Iterator[MakePolicy]:
    with ExitStack() as stack:

        def make(**options: Any) -> LocalPolicy:
            defaults: dict[str, Any] = {
                "name": "small",
                "prompt": Prompt(revise="Try again."),
                "sampling": SamplingParams(),
                "max_tokens": 24,
                "width": 2,
                "beams": 3,
                "attempts": 4,
            }
            policy = LocalPolicy(small_model, **defaults | options)
            stack.callback(policy.close)
            return policy

        yield make


def draw(
    policy: LocalPolicy,
    roots: Sequence[Prefix],
    *,
    keep: bool = True,
    seed: int = 0,
    temperature: float | None = None,
) -> list[Extension]:
    requests = [Extend(root, (seed, number), keep=keep, temperature=temperature) for number, root in enumerate(roots)]
    found = [each for batch in policy.extend(requests) for each in batch if isinstance(each, Extension)]
    return sorted(found, key=lambda each: each.request)


@pytest.mark.parametrize("cells", [None, 2048], ids=["streams", "one buffer"])
def test_a_chain_decodes_only_what_is_new_until_the_window_slides(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch, cells: int | None
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    policy = make_policy(cells=cells)
    root = policy.start(SUM)
    session = policy.scheduler.session
    assert session.streams is (cells is None)
    texts: list[str] = []
    held: list[Prefix] = []
    length = 0  # of the prompt and the attempt before
    for attempt in range(6):
        shown = tuple(map(Attempt, texts[-4:]))
        start = policy.start(SUM, attempts=shown) if texts else root
        assert start.attempts == shown
        if 0 < attempt < 5:  # the attempt's last token had not been decoded, and what follows it is new
            assert length - 1 - len(texts[-1].split()) // 2 <= start.known_tokens < length
        elif attempt:
            assert start.known_tokens == root.prompt_tokens
        before = session.decoded
        [drawn] = draw(policy, [start], seed=attempt)
        new = start.prompt_tokens - start.known_tokens
        assert session.decoded - before == new + drawn.tokens - 1
        assert drawn.shared == start.known_tokens
        assert drawn.prefix.ended is not Ended.OPEN
        assert drawn.prefix.id
        policy.release(held)
        held = [drawn.prefix, start] if attempt else [drawn.prefix]
        length = start.prompt_tokens + drawn.tokens
        texts.append(drawn.prefix.text)
    assert policy.scheduler.again == 0
    policy.release([*held, root])
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)
    assert not policy.scheduler._idle


@pytest.mark.parametrize("cells", [None, 2048], ids=["streams", "one buffer"])
def test_what_stands_on_shared_cells_reads_as_if_it_had_been_decoded_alone(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch, cells: int | None
) -> None:
    seen: list[NDArray[np.float32]] = []  # the rows that tokens were drawn from
    drawn = Sampler.draw

    def recorded(sampler: Sampler, rows: NDArray[np.float32], *more: Any) -> list[Draw]:
        seen.append(rows[0].copy())
        return drawn(sampler, rows, *more)

    monkeypatch.setattr(machine, "has_gpu", lambda: False)  # whole rows
    monkeypatch.setattr(Sampler, "draw", recorded)
    sharing, alone = make_policy(cells=cells), make_policy(cells=cells)
    root = sharing.start(SUM)
    rows = []
    for first in draw(sharing, [root, root]):
        starts = [policy.start(SUM, attempts=[Attempt(first.prefix.text)]) for policy in (sharing, alone)]
        assert starts[0].known_tokens > 0 == starts[1].known_tokens
        assert starts[0].prompt_tokens == starts[1].prompt_tokens
        for policy, start in zip((sharing, alone), starts, strict=True):
            seen.clear()
            draw(policy, [start], temperature=0)
            rows.append(seen[0])
    # texts may part at a near tie: what is decoded together is rounded in another way
    one, one_alone, two, two_alone = rows
    far = np.std(one_alone - two_alone)
    assert 4 * np.std(one - one_alone) < far
    assert 4 * np.std(two - two_alone) < far


def test_a_finished_text_is_cut_back_to_what_a_revision_has_in_common_with_it(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(SUM)
    [first] = draw(policy, [root])
    text = first.prefix.text
    half = text[: len(text) // 2] + " and quite another end"
    used = policy.scheduler.session.cells_used
    start = policy.start(SUM, attempts=[Attempt(half)])
    assert root.prompt_tokens < start.known_tokens < root.prompt_tokens + first.tokens - 1
    assert policy.scheduler.session.cells_used == start.known_tokens < used
    again = policy.start(SUM, attempts=[Attempt(text)])  # nobody may cut it back any more
    assert root.prompt_tokens <= again.known_tokens <= start.known_tokens
    assert len(draw(policy, [start, again])) == 2
    policy.release([root, first.prefix, start, again])
    policy.release([Prefix(SUM, number) for number in list(policy._plain.finished)])
    assert policy.scheduler.session.cells_used == 0


def test_two_revisions_of_one_text_both_stand_on_it(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(SUM)
    [first] = draw(policy, [root])
    twins = [policy.start(SUM, attempts=[Attempt(first.prefix.text)]) for _ in range(2)]
    assert twins[0].known_tokens == twins[1].known_tokens > root.prompt_tokens
    before = policy.scheduler.session.decoded
    drawn = draw(policy, twins, keep=False)
    new = sum(twin.prompt_tokens - twin.known_tokens for twin in twins)
    assert policy.scheduler.session.decoded - before == new + sum(each.tokens - 1 for each in drawn)
    policy.release([root, first.prefix, *twins])
    assert policy.scheduler.session.cells_used == 0


def test_a_text_that_is_not_to_be_kept_leaves_nothing(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(SUM)
    [first] = draw(policy, [root], keep=False)
    assert not first.prefix.id
    assert not policy._plain.finished
    assert policy.scheduler.session.cells_used == root.prompt_tokens


def test_a_kept_text_whose_cells_were_needed_elsewhere_is_decoded_again(make_policy: MakePolicy) -> None:
    policy = make_policy(cells=256, max_tokens=40, attempts=1)
    root = policy.start(SUM)
    [first] = draw(policy, [root])
    others = [policy.start(Problem(f"What is {number} + 5?")) for number in range(20, 28)]
    draw(policy, others, keep=False)
    start = policy.start(SUM, attempts=[Attempt(first.prefix.text)])
    assert start.known_tokens == 0
    [second] = draw(policy, [start])
    assert second.tokens
    policy.release([root, first.prefix, start, second.prefix, *others])
    assert policy.scheduler.session.cells_used == 0


def test_the_oldest_attempts_are_left_out_where_all_do_not_fit(make_policy: MakePolicy, small_model: Model) -> None:
    policy = make_policy(max_tokens=24)
    attempts = [Attempt(f"{number} " + "so " * 2500) for number in range(4)]
    start = policy.start(SUM, attempts=attempts)
    assert start.attempts == tuple(attempts[1:])
    assert start.prompt_tokens + 24 <= small_model.context
    policy.release([start])
    bare = policy.start(SUM, attempts=[Attempt("so " * 9000)])
    assert bare.attempts == ()
    assert bare.prompt_tokens == len(policy.encode(SUM))
    policy.release([bare])
    with pytest.raises(PromptTooLong, match="context of 8192"):
        policy.start(Problem("so " * 9000), attempts=[Attempt("so")])


def test_the_attempts_are_in_the_prompt_with_the_request_behind_each(
    make_policy: MakePolicy, small_model: Model
) -> None:
    policy = make_policy()
    ids = policy.encode(SUM, [Attempt("It is 11."), Attempt("It is 12.")])
    text = b"".join(small_model.piece(token) for token in ids).decode()
    parts = [text.index(part) for part in ("What is 7 + 5?", "It is 11.", "Try again.", "It is 12.")]
    assert parts == sorted(parts)
    assert text.count("Try again.") == 2
    assert text.endswith("assistant\n")


def test_the_words_of_revisions_are_no_part_of_the_recipe_of_samples(make_policy: MakePolicy) -> None:
    one, other = make_policy(), make_policy(prompt=Prompt(revise="Anything else."), attempts=0)
    assert one.recipe == other.recipe
    assert "revise" not in str(one.recipe)
    assert one.revisions != other.revisions


def test_a_reviser_draws_revisions_in_a_context_of_its_own_and_nothing_else(
    make_policy: MakePolicy, small_model: Model, tmp_path: Path
) -> None:
    adapter = Adapter(small_model, write_adapter(tmp_path / "lora.gguf", scale=20.0))
    zero = Adapter(small_model, write_adapter(tmp_path / "zero.gguf", scale=0.0))
    texts: dict[str, list[str]] = {}
    for name, reviser in {"none": None, "zero": zero, "lora": adapter}.items():
        policy = make_policy(reviser=reviser, sampling=SamplingParams(temperature=0))
        root = policy.start(SUM)
        [first] = draw(policy, [root])
        start = policy.start(SUM, attempts=[Attempt(first.prefix.text)])
        assert bool(start.known_tokens) == (reviser is None)  # no cells are shared across adapters
        [second] = draw(policy, [start])
        [third] = draw(policy, [policy.start(SUM, attempts=[Attempt(first.prefix.text), Attempt(second.prefix.text)])])
        assert third.shared > second.shared  # but under one
        texts[name] = [each.prefix.text for each in (first, second, third)]
        policy.release(
            [Prefix(SUM, at) for context in policy._contexts for at in (*context.branches, *context.finished)]
        )
        revisions = [at for context in policy._contexts for at in (*context.branches, *context.finished)]
        policy.release([Prefix(SUM, at, attempts=(Attempt("x"),)) for at in revisions])
        for context in policy._contexts:
            assert context.scheduler.session.cells_used == 0
        assert policy.load.decodes > policy._plain.load.decodes or reviser is None
    assert texts["lora"][0] == texts["zero"][0] == texts["none"][0]
    assert texts["lora"][1] != texts["zero"][1]


def test_texts_of_both_contexts_grow_in_one_call(make_policy: MakePolicy, small_model: Model, tmp_path: Path) -> None:
    policy = make_policy(reviser=Adapter(small_model, write_adapter(tmp_path / "lora.gguf")), max_tokens=8)
    plain, revision = policy.start(SUM), policy.start(SUM, attempts=[Attempt("It is 11.")])
    drawn = draw(policy, [plain, revision, plain, revision], keep=False)
    assert [each.prefix.attempts for each in drawn] == [(), (Attempt("It is 11."),), (), (Attempt("It is 11."),)]
    assert all(0 < each.tokens <= 8 for each in drawn)
    running = policy.extend([Extend(plain, (0,)), Extend(revision, (1,))])
    next(running)
    leave(running)
    assert not any(context.scheduler.busy for context in policy._contexts)


@pytest.mark.parametrize("method", ["revise:ratio=4", "revise:ratio=1", "search-revise", "search-revise:by=beam"])
def test_a_method_that_revises_leaves_the_context_as_it_found_it(make_policy: MakePolicy, method: str) -> None:
    from ttcli.verifier.confidence import Confidence

    policy = make_policy(max_tokens=12, width=4, beams=8)
    budget = Budget(4)
    session = None
    for event in parse_method(method).run(SUM, policy, Confidence(), Meter(budget, max_tokens=12), seed=0):
        session = session or policy.scheduler.session
        if isinstance(event, RunFinished):
            outcome = event.outcome
    assert session is not None
    assert outcome.cost.generations <= 4
    # a token is decoded when another follows it
    assert session.decoded <= outcome.cost.prompt_tokens + outcome.cost.policy_tokens
    assert policy.scheduler.again == 0
    assert not policy.scheduler.busy
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)
