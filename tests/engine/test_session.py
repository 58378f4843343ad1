from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest
from patience import quickest

from engine.conftest import MakeSession
from ttcli.engine import library as library_module
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.overview import Logits
from ttcli.engine.session import Aborted, Session
from ttcli.errors import BackendError, ModelError

PROMPT = "The capital of France is Paris. The capital of Germany is Berlin. The capital of Italy is"


@pytest.fixture
def prompt(small_model: Model) -> list[int]:
    return small_model.tokenize(PROMPT, special=False)


def run(session: Session, *branches: Branch) -> Logits:
    """Decode all that is pending; the last row of each branch."""
    return session.decode([Piece(branch, branch.pending, True) for branch in branches]).copy()


def resident(session: Session, parent: Branch | None, tokens: list[int]) -> Branch:
    branch = Branch(parent, tokens)
    session.attach(branch)
    return branch


def greedy(session: Session, branch: Branch, row: Logits, count: int) -> list[int]:
    tokens = []
    for _ in range(count):
        tokens.append(int(row.argmax()))
        branch.tokens.append(tokens[-1])
        row = run(session, branch)[0]
    return tokens


def test_a_forked_decode_is_the_separate_decode(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    row = run(session, root)[0]
    forks = [resident(session, root, prompt[:n]) for n in (3, 1, 5)]
    forked = run(session, *forks)
    greedily = greedy(session, resident(session, root, []), row, 12)
    for fork, n, got in zip(forks, (3, 1, 5), forked, strict=True):
        session.detach(fork)
        alone = resident(session, None, prompt + prompt[:n])
        expected = run(session, alone)[0]
        session.detach(alone)
        np.testing.assert_allclose(got, expected, atol=0.05)
        assert got.argmax() == expected.argmax()
    other = make_session()
    alone = resident(other, None, prompt)
    assert greedy(other, alone, run(other, alone)[0], 12) == greedily


def test_forking_copies_no_cell(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    run(session, root)
    forks = [resident(session, root, []) for _ in range(10)]
    assert session.cells_used == len(prompt)
    for fork in forks:
        session.detach(fork)
    assert session.cells_used == len(prompt)
    session.detach(root)
    assert session.cells_used == 0


def test_a_detached_parent_leaves_its_children_intact(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    row = run(session, root)[0]
    child, twin = resident(session, root, []), resident(session, root, [])
    first = greedy(session, twin, row, 6)
    session.detach(root)
    assert session.cells_used == len(prompt) + 6
    assert greedy(session, child, row, 6) == first
    session.detach(child)
    assert session.cells_used == len(prompt) + 6
    session.detach(twin)
    assert session.cells_used == 0
    session.detach(twin)  # a second time changes nothing
    assert session.cells_used == 0


def test_a_fork_of_a_detached_branch_uses_its_cells_while_others_stand_on_them(
    make_session: MakeSession, prompt: list[int]
) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    row = run(session, root)[0]
    child = resident(session, root, [])
    first = greedy(session, child, row, 6)
    session.detach(root)
    late = Branch(root)
    assert session.missing(late) == 0
    session.attach(late)
    assert greedy(session, late, row, 6) == first
    session.detach(child)
    assert session.cells_used == len(prompt) + 6
    session.detach(late)
    assert session.cells_used == 0


def test_a_branch_comes_back_after_eviction_with_the_tokens_of_its_parents(
    make_session: MakeSession, prompt: list[int]
) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    run(session, root)
    middle = resident(session, root, prompt[:4])
    run(session, middle)
    leaf = resident(session, middle, prompt[4:7])
    before = run(session, leaf)[0]
    length = leaf.length
    for branch in (leaf, middle, root):
        session.detach(branch)
    assert session.cells_used == 0
    assert session.missing(leaf) == length
    session.attach(leaf)
    assert leaf.parent is None
    assert leaf.length == leaf.pending == length
    assert leaf.tokens == [*prompt, *prompt[:4], *prompt[4:7]]
    np.testing.assert_allclose(run(session, leaf)[0], before, atol=0.05)


def test_a_parent_that_is_half_decoded_is_not_forked(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    session.decode([Piece(root, 5, False)])
    child = resident(session, root, [prompt[0]])
    assert child.pending == len(prompt) + 1
    got = run(session, child)[0]
    session.detach(root)
    alone = resident(session, None, [*prompt, prompt[0]])
    np.testing.assert_allclose(got, run(session, alone)[0], atol=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_cells_are_counted_exactly_on_random_trees(make_session: MakeSession, prompt: list[int], seed: int) -> None:
    """Against a model of the cache: each decoded token is a cell that the sequences above it hold."""
    session = make_session(sequences=12)
    rng = random.Random(seed)
    branches: list[Branch] = []
    holders: dict[int, set[Branch]] = {}  # cell -> resident branches that reach it
    cells_of: dict[Branch, list[int]] = {}
    for _ in range(60):
        act = rng.choice(("fork", "fork", "grow", "detach", "attach", "drop"))
        alive = [branch for branch in branches if branch.resident]
        if act == "fork" and session.sequences_free:
            parent = rng.choice([None, *branches])
            branch = Branch(parent, rng.choices(prompt, k=rng.randint(1, 6)))
            branches.append(branch)
            attach(session, branch, holders, cells_of)
        elif act == "attach" and session.sequences_free:
            asleep = [branch for branch in branches if not branch.standing]
            if asleep:
                attach(session, rng.choice(asleep), holders, cells_of)
        elif act == "grow":
            pending = [branch for branch in alive if branch.pending]
            pieces = [Piece(branch, rng.randint(1, branch.pending), False) for branch in pending]
            if pieces and sum(piece.size for piece in pieces) <= session.cells_free:
                session.decode(pieces)
                for branch, size, *_ in pieces:
                    for _ in range(size):
                        cell = len(holders)
                        holders[cell] = {branch}
                        cells_of[branch].append(cell)
        elif alive and act in ("detach", "drop"):
            gone = rng.choice(alive)
            session.detach(gone)
            for held in holders.values():
                held.discard(gone)
        assert session.cells_used == sum(bool(held) for held in holders.values())
        assert session.sequences_free + sum(branch.resident for branch in branches) == 12
    for branch in branches:
        session.detach(branch)
    assert session.cells_used == 0
    assert session.cells_free == session.cells
    assert session.sequences_free == 12


def attach(
    session: Session, branch: Branch, holders: dict[int, set[Branch]], cells_of: dict[Branch, list[int]]
) -> None:
    session.attach(branch)
    cells_of[branch] = []
    node = branch.parent
    while node is not None:
        for cell in cells_of[node]:
            holders[cell].add(branch)
        node = node.parent


def test_a_context_can_be_filled_to_its_last_cell(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session(cells=256, width=3)
    assert session.cells == 256
    root = resident(session, None, (prompt * 20)[:230])
    run(session, root)
    forks = [resident(session, root, []) for _ in range(3)]
    rng = random.Random(1)
    while session.cells_free:
        growing = forks[: min(3, session.cells_free)]
        for fork in growing:
            fork.tokens.append(rng.choice(prompt))
        run(session, *growing)
    assert session.cells_used == 256
    forks[0].tokens.append(prompt[0])
    with pytest.raises(BackendError, match="free cells"):
        run(session, forks[0])
    session.detach(forks[1])
    assert np.isfinite(run(session, forks[0])).all()


@pytest.mark.parametrize("cells", [1, 100, 257])
def test_a_batch_as_large_as_promised_never_aborts_the_process(
    make_session: MakeSession, prompt: list[int], cells: int
) -> None:
    session = make_session(cells=cells, width=2)
    assert session.cells >= cells
    size = min(session.batch, session.cells)
    assert size >= min(cells, 256)
    run(session, resident(session, None, (prompt * 60)[:size]))
    assert session.cells_used == size


def test_a_batch_beyond_the_limits_never_reaches_llama_cpp(
    make_session: MakeSession, prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(cells=2048, sequences=4)

    def forbidden(*_: object) -> int:
        pytest.fail("llama_decode was called")

    monkeypatch.setattr(session._lib, "llama_decode", forbidden)
    long = resident(session, None, (prompt * 60)[: session.batch + 1])
    with pytest.raises(BackendError, match="exceed a batch"):
        run(session, long)
    with pytest.raises(BackendError, match="exceed a batch"):
        session.decode([])
    with pytest.raises(BackendError, match="exceed a batch"):
        session.decode([Piece(long, 1, True)] * 5)
    session.detach(long)
    assert session.cells_used == 0


def test_without_a_sequence_id_attach_is_an_error_and_changes_nothing(
    make_session: MakeSession, prompt: list[int]
) -> None:
    session = make_session(sequences=3)
    root = resident(session, None, prompt)
    run(session, root)
    others = [resident(session, root, []) for _ in range(2)]
    late = Branch(root)
    with pytest.raises(BackendError, match="sequence ids"):
        session.attach(late)
    assert not late.resident
    assert root.standing == 3
    session.detach(others[0])
    session.attach(late)
    assert late.resident


def test_a_branch_is_not_attached_twice(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session()
    root = resident(session, None, prompt)
    with pytest.raises(BackendError, match="cells already"):
        session.attach(root)


def test_rows_come_in_the_order_of_the_pieces_that_want_one(make_session: MakeSession, prompt: list[int]) -> None:
    session = make_session()
    roots = [resident(session, None, prompt[:n]) for n in (4, 6, 9)]
    rows = session.decode([Piece(root, root.pending, n != 1) for n, root in enumerate(roots)])
    assert rows.shape == (2, session.model.vocabulary)
    rows = rows.copy()
    other = make_session()
    for row, n in zip(rows, (4, 9), strict=True):
        np.testing.assert_allclose(row, run(other, resident(other, None, prompt[:n]))[0], atol=0.05)


@pytest.mark.usefixtures("always_asks")
def test_a_halt_in_the_middle_of_a_decode_leaves_the_cells_as_before(
    make_session: MakeSession, prompt: list[int]
) -> None:
    asked = [0]
    halting = [False]

    def halted() -> bool:
        asked[0] += 1
        return halting[0] and asked[0] > 20  # past the question before the decode

    session = make_session(halted=halted)
    root = resident(session, None, prompt)
    row = run(session, root)[0]
    forks = [resident(session, root, prompt[:n]) for n in (2, 3)]
    used, halting[0], asked[0] = session.cells_used, True, 0
    with pytest.raises(Aborted):
        run(session, *forks)
    assert asked[0] > 20
    assert session.cells_used == used
    assert [fork.pending for fork in forks] == [2, 3]
    halting[0] = False
    again = run(session, *forks)
    twin = make_session()
    ground = resident(twin, None, prompt)
    np.testing.assert_array_equal(run(twin, ground)[0], row)
    np.testing.assert_array_equal(run(twin, *(resident(twin, ground, prompt[:n]) for n in (2, 3))), again)


def test_a_short_decode_is_not_asked_about_in_the_middle(
    make_session: MakeSession, prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [0]

    def halted() -> bool:
        asked[0] += 1
        return False

    monkeypatch.setattr("ttcli.engine.session._SHORT", 1e9)
    session = make_session(halted=halted)
    root = resident(session, None, prompt)
    run(session, root)  # nothing is known of its length
    assert asked[0] > 20
    asked[0] = 0
    run(session, resident(session, root, prompt[:2]))
    assert asked[0] == 1


@pytest.mark.usefixtures("always_asks")
def test_a_ctrl_c_in_the_middle_of_a_decode_is_raised_after_it(make_session: MakeSession, prompt: list[int]) -> None:
    """Raised inside a callback of C code it would be printed and forgotten."""
    asked = [0]

    def halted() -> bool:
        asked[0] += 1
        if asked[0] == 20:
            raise KeyboardInterrupt
        return False

    session = make_session(halted=halted)
    session.attach(root := Branch(None, prompt))
    with pytest.raises(KeyboardInterrupt):
        run(session, root)
    assert session.cells_used == 0
    assert np.isfinite(run(session, root)).all()


def test_a_halt_from_another_thread_is_obeyed_at_once(make_session: MakeSession, prompt: list[int]) -> None:
    flag = threading.Event()

    def decode_for_ever(session: Session) -> None:
        while True:
            root = resident(session, None, (prompt * 60)[:512])
            run(session, root)
            session.detach(root)

    def seconds_to_end() -> float:
        flag.clear()
        session = make_session(cells=2048, halted=flag.is_set)
        set_at = [0.0]

        def set_flag() -> None:
            time.sleep(0.15)
            set_at[0] = time.monotonic()
            flag.set()

        thread = threading.Thread(target=set_flag)
        thread.start()
        with pytest.raises(Aborted):
            decode_for_ever(session)
        late = time.monotonic() - set_at[0]
        thread.join()
        return late

    assert quickest(seconds_to_end, within=0.5) < 0.5  # 0.2 s is the promise; other processes may have the cores


def test_a_halt_before_a_decode_is_obeyed_without_the_decode(
    make_session: MakeSession, prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU does not ask in the middle, so the question comes before each decode too."""
    session = make_session(halted=lambda: True)
    root = resident(session, None, prompt)
    monkeypatch.setattr(session._lib, "llama_decode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(Aborted):
        run(session, root)


def test_a_model_that_cannot_be_branched_is_refused(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_model._lib, "llama_model_is_diffusion", lambda _: True)
    with pytest.raises(ModelError, match="diffusion") as caught:
        Session(small_model, cells=256, width=1)
    assert caught.value.hint


def test_a_context_that_cannot_be_created_is_an_error_with_llama_cpps_reason(
    make_session: MakeSession, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        library_module._remember(3, b"failed to allocate buffer for kv cache\n", None)

    monkeypatch.setattr(small_model._lib, "llama_init_from_model", fail)
    with pytest.raises(BackendError, match="context of 512 cells: failed to allocate buffer") as caught:
        make_session()
    assert caught.value.hint


@pytest.mark.parametrize("seed", range(4))
def test_streams_give_the_rows_that_a_text_alone_gives(make_session: MakeSession, prompt: list[int], seed: int) -> None:
    """Whatever was forked, moved, detached and attached again before: a stream holds its own text and nothing else.

    Another composition of the batch may shift a logit by half a unit; one token more or less shifts some by ten.
    """
    session = make_session(cells=64, sequences=8, streams=True, flash_attention=False)
    alone = make_session(sequences=1, flash_attention=False)
    rng = random.Random(seed)
    branches: list[Branch] = []
    for _ in range(50):
        act = rng.choice(("fork", "fork", "grow", "grow", "detach", "attach", "gather"))
        alive = [branch for branch in branches if branch.resident]
        asleep = [branch for branch in branches if not branch.standing]
        if act == "fork" and session.sequences_free:
            branches.append(Branch(rng.choice([None, *branches]), rng.choices(prompt, k=rng.randint(1, 4))))
            session.attach(branches[-1], aside=rng.random() < 0.3)
        elif act == "attach" and session.sequences_free and asleep:
            session.attach(rng.choice(asleep))
        elif act == "detach" and alive:
            session.detach(rng.choice(alive))
        elif act == "gather" and alive:
            growing = rng.sample(alive, rng.randint(1, len(alive)))
            session.gather(growing)
            others = [branch.seq for branch in alive if branch not in growing]
            assert sorted(branch.seq for branch in growing) == list(range(len(growing)))
            assert all(seq >= len(growing) for seq in others)
        pending = [branch for branch in alive if branch.resident and branch.pending][:4]
        if act == "grow" and pending:
            rows = session.decode([Piece(branch, branch.pending, True) for branch in pending])
            for branch, row in zip(pending, rows.copy(), strict=True):
                text = resident(alone, None, tokens_of(branch))
                np.testing.assert_allclose(row, run(alone, text)[0], atol=1.5)
                alone.detach(text)
    for branch in branches:
        session.detach(branch)
    assert session.cells_used == 0
    assert session.sequences_free == session.sequences


def tokens_of(branch: Branch) -> list[int]:
    return [*(tokens_of(branch.parent) if branch.parent else []), *branch.tokens]


def test_a_text_longer_than_its_stream_is_refused_before_llama_cpp_sees_it(
    make_session: MakeSession, prompt: list[int]
) -> None:
    session = make_session(cells=64, sequences=2, streams=True, flash_attention=False)
    assert session.longest == 256  # llama.cpp's block
    assert session.cells == 512
    text = resident(session, None, (prompt * 40)[:257])
    with pytest.raises(BackendError, match="256 for a text"):
        session.decode([Piece(text, 257, True)])
