from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conftest import MakeScheduler, MakeSession
from ttcli.engine.branch import Branch, Piece, States
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.model import Model
from ttcli.engine.observer import BatchPart, Observer, parts
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.session import Aborted, Session
from ttcli.errors import BackendError, ModelError

LAYERS = (9, 20)  # of 30
TEXT = "Tom has 2 apples and buys 3 more, then eats one of them. How many apples does he have at the end?"


@pytest.fixture
def words(small_model: Model) -> list[int]:
    return small_model.tokenize(TEXT, special=False)


def piece(seq: int, size: int, *, wants_row: bool = True) -> Piece:
    branch = Branch(None, [1] * size)
    branch.seq = seq
    return Piece(branch, size, wants_row)


def alike(one: States, other: States) -> float:
    """The smallest cosine over the layers."""
    assert set(one) == set(other) == set(LAYERS)
    return min(
        float(one[layer] @ other[layer] / np.linalg.norm(one[layer]) / np.linalg.norm(other[layer])) for layer in LAYERS
    )


@pytest.fixture
def prefilled(make_session: MakeSession) -> Callable[[Sequence[int]], list[States]]:
    """The states of every token of a text that is decoded alone, one token after the other."""
    session = make_session(sequences=1, width=1, observe=LAYERS, flash_attention=False)

    def states(tokens: Sequence[int]) -> list[States]:
        branch = Branch(None, tokens)
        session.attach(branch)
        found: list[States] = []
        while branch.pending:
            session.decode([Piece(branch, 1, True)])
            found += session.states
        session.detach(branch)
        return found

    return states


def whose(state: States, tokens: Sequence[States]) -> int:
    """The token whose state this is; none comes near but its own."""
    likeness = [alike(state, other) for other in tokens]
    best = int(np.argmax(likeness))
    assert likeness[best] > 0.999
    return best


# -- how llama.cpp cuts a batch


def test_a_batch_in_one_buffer_is_one_part() -> None:
    assert list(parts([piece(3, 2), piece(0, 4, wants_row=False), piece(9, 1)], streams=False)) == [
        BatchPart(7, [(1, 0), (6, 1)])
    ]


def test_streams_go_together_as_far_as_their_ids_follow_one_another() -> None:
    batch = [piece(0, 1), piece(1, 3), piece(2, 1), piece(5, 4)]
    assert list(parts(batch, streams=True)) == [
        BatchPart(3, [(0, 0), (2, 2)]),
        BatchPart(2, [(1, 1)]),
        BatchPart(4, [(3, 3)]),
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=8), st.booleans(), st.randoms())
def test_the_parts_hold_every_token_and_every_row_once(
    sizes: list[tuple[int, bool]], streams: bool, rng: random.Random
) -> None:
    ids = rng.sample(range(12), len(sizes))
    batch = [piece(seq, size, wants_row=wants) for seq, (size, wants) in zip(ids, sizes, strict=True)]
    cut = list(parts(batch, streams=streams))
    assert sum(part.tokens for part in cut) == sum(size for size, _ in sizes)
    assert sorted(row for part in cut for _, row in part.wanted) == list(range(sum(wants for _, wants in sizes)))
    assert all(0 <= position < part.tokens for part in cut for position, _ in part.wanted)


# -- whose states they are


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_states_are_those_of_the_last_token_of_each_piece(
    make_session: MakeSession,
    prefilled: Callable[[Sequence[int]], list[States]],
    words: list[int],
    streams: bool,
    seed: int,
) -> None:
    """Pieces of any length, in any order, with and without gaps between their ids, some without a row."""
    session = make_session(
        cells=64 if streams else 512, sequences=8, streams=streams, observe=LAYERS, flash_attention=False
    )
    rng = random.Random(seed)
    texts = [rng.sample(words, 8) for _ in range(6)]
    expected = [prefilled(text) for text in texts]
    branches = [Branch(None, text) for text in texts]
    for branch in rng.sample(branches, len(branches)):
        session.attach(branch, aside=rng.random() < 0.4)
    while any(branch.pending for branch in branches):
        growing = [n for n, branch in enumerate(branches) if branch.pending and rng.random() < 0.8]
        pieces = [
            Piece(branches[n], rng.choice((1, 1, rng.randint(1, branches[n].pending))), rng.random() < 0.8)
            for n in growing
        ]
        if not pieces:
            continue
        session.decode(pieces)
        flagged = [n for n, each in zip(growing, pieces, strict=True) if each.wants_row]
        assert len(session.states) == len(flagged)
        for n, states in zip(flagged, session.states, strict=True):
            assert whose(states, expected[n]) == branches[n].cached - 1
            assert states[LAYERS[0]].shape == (session.model.width,)
            assert states[LAYERS[0]].dtype == np.float32


@pytest.mark.parametrize("streams", [False, True])
def test_a_step_carries_the_states_that_its_last_token_was_drawn_from(
    make_scheduler: MakeScheduler,
    prefilled: Callable[[Sequence[int]], list[States]],
    words: list[int],
    streams: bool,
) -> None:
    """Several texts on several prompts, which are filled beside them."""
    scheduler = make_scheduler(
        cells=96 if streams else 1024, width=4, sequences=10, streams=streams, observe=LAYERS, flash_attention=False
    )
    roots = [Branch(None, words), Branch(None, words[3:15]), Branch(None, words[8:])]
    jobs = [Job(roots[n % 3], SamplingParams(), StopCriteria(4 + n, separator=" "), generator(n)) for n in range(6)]
    for job in jobs:
        scheduler.submit(job)
    while scheduler.busy:
        scheduler.step()
    steps = 0
    for job in jobs:
        root = job.parent.tokens
        expected = prefilled([*root, *job.branch.tokens])
        end = len(root)
        for step in job.steps:
            end += step.tokens
            assert whose(step.states, expected) == end - 2
            steps += 1
    assert steps > len(jobs)


def test_a_text_that_is_cut_keeps_the_states_its_last_token_was_drawn_from(
    make_scheduler: MakeScheduler, prefilled: Callable[[Sequence[int]], list[States]], words: list[int]
) -> None:
    scheduler = make_scheduler(width=2, observe=LAYERS, flash_attention=False)
    root = Branch(None, words)
    job = Job(root, SamplingParams(), StopCriteria(20), generator(1))
    scheduler.submit(job)
    for _ in range(5):
        scheduler.step()
    job.cut()
    expected = prefilled([*words, *job.branch.tokens])
    assert whose(job.steps[-1].states, expected) == len(words) + job.grown - 2


def test_nothing_is_observed_unless_asked_for(make_session: MakeSession, words: list[int]) -> None:
    session = make_session()
    branch = Branch(None, words)
    session.attach(branch)
    session.decode([Piece(branch, branch.pending, True)])
    assert session.states == [{}]


def test_observing_changes_no_logit(make_session: MakeSession, words: list[int]) -> None:
    rows = []
    for observe in ((), LAYERS):
        session = make_session(observe=observe)
        branch = Branch(None, words)
        session.attach(branch)
        rows.append(session.decode([Piece(branch, branch.pending, True)]).copy())
    np.testing.assert_array_equal(rows[0], rows[1])


# -- what can go wrong


@pytest.mark.parametrize("layer", [-1, 29, 30])
def test_a_layer_that_cannot_be_read_is_refused(make_session: MakeSession, layer: int) -> None:
    with pytest.raises(ModelError, match=f"no layer {layer} ") as caught:
        make_session(observe=(3, layer))
    assert caught.value.hint == "layers 0 to 28"


def decode(session: Session, words: list[int]) -> Branch:
    branch = Branch(None, words)
    session.attach(branch)
    session.decode([Piece(branch, branch.pending, True)])
    return branch


def test_an_architecture_that_shows_no_states_is_named(
    make_session: MakeSession, words: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(observe=LAYERS)
    assert session._observer
    session._observer._layers = {b"another-9": 9, b"another-20": 20}
    with pytest.raises(ModelError, match="architecture llama") as caught:
        decode(session, words)
    assert caught.value.hint
    assert session.cells_used == 0


@pytest.mark.parametrize(
    ("batch", "complaint"),
    [
        ([BatchPart(3, [(2, 0)])], "3 tokens"),  # fewer than there are
        ([BatchPart(1, []), BatchPart(1, [(0, 0)])], "1 tokens"),
        ([], "0 tokens"),
    ],
)
def test_a_batch_that_is_cut_otherwise_than_expected_is_an_error(
    make_session: MakeSession,
    words: list[int],
    monkeypatch: pytest.MonkeyPatch,
    batch: list[BatchPart],
    complaint: str,
) -> None:
    monkeypatch.setattr("ttcli.engine.observer.parts", lambda *_, **__: batch)
    session = make_session(observe=LAYERS)
    with pytest.raises(BackendError, match=f"cannot be told apart.*{complaint}"):
        decode(session, words)
    assert session.cells_used == 0
    monkeypatch.undo()
    assert decode(session, words).pending == 0  # llama.cpp holds nothing of the decode that failed


def test_more_passes_than_expected_are_an_error(make_session: MakeSession, words: list[int]) -> None:
    session = make_session(observe=LAYERS)
    observer = session._observer
    assert observer
    expect = observer.expect

    def late(*arguments: Any, **options: Any) -> None:
        expect(*arguments, **options)
        observer._parts.append(BatchPart(1, []))

    observer.expect = late  # type: ignore[method-assign]
    with pytest.raises(BackendError, match=r"\[1\] passes instead of 2"):
        decode(session, words)


def test_a_ctrl_c_in_the_callback_is_raised_after_the_decode(
    make_session: MakeSession, words: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(observe=LAYERS)
    take = Observer._take

    def struck(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Observer, "_take", struck)
    branch = Branch(None, words)
    session.attach(branch)
    with pytest.raises(KeyboardInterrupt):
        session.decode([Piece(branch, branch.pending, True)])
    assert session.cells_used == 0
    monkeypatch.setattr(Observer, "_take", take)
    session.decode([Piece(branch, branch.pending, True)])
    assert set(session.states[0]) == set(LAYERS)


@pytest.mark.usefixtures("always_asks")
@pytest.mark.parametrize("streams", [False, True])
def test_a_halt_in_a_later_part_of_a_batch_leaves_the_cells_as_before(
    make_session: MakeSession, words: list[int], streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp itself takes back the part that was halted only."""
    passed = [0]
    halting = [False]

    def halted() -> bool:
        return halting[0] and passed[0] > 0

    session = make_session(cells=64, sequences=8, streams=streams, observe=(9,), flash_attention=False, halted=halted)
    assert session._observer
    take = session._observer._take

    def counted(*arguments: Any) -> None:
        take(*arguments)
        passed[0] += 1

    monkeypatch.setattr(session._observer, "_take", counted)
    branches = [Branch(None, words[:1]), Branch(None, words[:9])]
    for branch in branches:
        session.attach(branch)
    pieces = [Piece(branch, branch.pending, True) for branch in branches]
    halting[0] = True
    with pytest.raises(Aborted):
        session.decode(pieces)
    assert session.cells_used == 0
    halting[0] = False
    session.decode(pieces)
    assert session.cells_used == 10
    assert len(session.states) == 2
