"""Models whose texts can be forked at their tips only: whatever is done to a session, a text reads as if alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from tiny_models import ARCHITECTURES, ATTENTION, HYBRID, RECURRENT

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.model import Model
from ttcli.engine.overview import Logits
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Aborted, Session
from ttcli.errors import BackendError
from ttcli.solution import Ended

TIPS = (*HYBRID, *RECURRENT)
LETTERS = range(ord("a"), ord("z"))
PROMPT = list(b"Natalia sold clips to 48 of her friends.")
CLOSE = 0.05  # of the spread of the logits: what a batch of another shape may shift; a wrong state shifts by 1 or so

MakeSession = Callable[..., Session]


@pytest.fixture
def make_session(tiny_model: Callable[[str], Model]) -> Iterator[MakeSession]:
    with ExitStack() as stack:

        def make(architecture: str, **options: Any) -> Session:
            session = Session(tiny_model(architecture), **{"cells": 512, "width": 8, "threads": 1} | options)
            stack.callback(session.close)
            return session

        yield make


def resident(session: Session, parent: Branch | None, tokens: Sequence[int]) -> Branch:
    branch = Branch(parent, tokens)
    session.attach(branch)
    return branch


def run(session: Session, *branches: Branch) -> Logits:
    return session.decode([Piece(branch, branch.pending, True) for branch in branches]).copy()


def tokens_of(branch: Branch) -> list[int]:
    return [*(tokens_of(branch.parent) if branch.parent else []), *branch.tokens]


def check_row(alone: Session, branch: Branch, row: Logits) -> None:
    text = resident(alone, None, tokens_of(branch))
    expected = run(alone, text)[0]
    alone.detach(text)
    assert np.sqrt(np.mean((row - expected) ** 2)) < CLOSE * expected.std()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_says_what_its_memory_allows(tiny_model: Callable[[str], Model], architecture: str) -> None:
    memory = tiny_model(architecture).memory
    kind = {**dict.fromkeys(HYBRID, "hybrid"), **dict.fromkeys(RECURRENT, "recurrent")}.get(architecture, "attention")
    assert memory.kind == kind
    assert (memory.fork_at, memory.trim) == (("anywhere", True) if architecture in ATTENTION else ("tip", False))
    assert memory.together


@pytest.mark.parametrize(
    ("architecture", "layers", "state"),
    [
        ("lfm2", 2, 2 * 64),  # the two tokens before, in each layer that is no attention
        ("qwen35", 2, 3 * 128 + 4 * 16 * 16),  # three tokens of 128 channels, and a matrix per value head
        ("granitehybrid", 2, 3 * (128 + 2 * 16) + 16 * 128),
        ("mamba", 4, 3 * 128 + 16 * 128),
    ],
)
def test_a_state_is_measured_to_its_size(
    tiny_model: Callable[[str], Model], architecture: str, layers: int, state: int
) -> None:
    memory = tiny_model(architecture).memory
    assert 0 <= memory.state_bytes - layers * state * 4 < 200  # what llama.cpp writes about it comes on top
    cell = 2 * 2 * 2 * 2 * 16 if architecture in HYBRID else 0  # keys and values, 16 bits, 2 layers, 2 heads of 16
    assert 0 <= memory.cell_bytes - cell < 100


@pytest.mark.parametrize("streams", [False, True], ids=["one buffer", "streams"])
@pytest.mark.parametrize("architecture", TIPS)
@pytest.mark.parametrize("seed", range(3))
def test_texts_of_random_trees_read_as_if_each_were_alone(
    make_session: MakeSession, architecture: str, streams: bool, seed: int
) -> None:
    session = make_session(architecture, sequences=7, streams=streams)
    alone = make_session(architecture, sequences=1)
    rng = random.Random(seed)
    branches: list[Branch] = []
    for _ in range(120):
        act = rng.choice(("fork", "fork", "grow", "grow", "detach", "attach", "gather"))
        alive = [branch for branch in branches if branch.resident]
        asleep = [branch for branch in branches if not branch.standing]
        if act == "fork" and session.sequences_free:
            parent = rng.choice([None, *branches])
            branches.append(Branch(parent, rng.choices(LETTERS, k=rng.randint(1, 4))))
            session.attach(branches[-1], aside=rng.random() < 0.3)
        elif act == "attach" and session.sequences_free and asleep:
            session.attach(rng.choice(asleep))
        elif act == "detach" and alive:
            session.detach(rng.choice(alive))
        elif act == "gather" and alive:
            session.gather(rng.sample(alive, rng.randint(1, len(alive))))
        pending = [branch for branch in alive if branch.resident and branch.pending][:4]
        if act == "grow" and pending:
            rng.shuffle(pending)
            for branch, row in zip(pending, run(session, *pending), strict=True):
                check_row(alone, branch, row)
    for branch in branches:
        session.detach(branch)
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)


@pytest.mark.parametrize("architecture", TIPS)
def test_a_branch_that_lost_its_sequence_is_decoded_again_and_forked_again(
    make_session: MakeSession, architecture: str
) -> None:
    """Those that stood on it keep its cells; what goes on from it later stands on cells of its own."""
    session, alone = make_session(architecture), make_session(architecture, sequences=1)
    root = resident(session, None, PROMPT)
    run(session, root)
    first = resident(session, root, [97])
    run(session, first)
    session.detach(root)
    assert (root.standing, root.pending) == (0, len(PROMPT))
    assert session.cells_used == len(PROMPT) + 1
    assert session.missing(Branch(root, [98])) == len(PROMPT) + 1
    session.attach(root)
    run(session, root)
    assert session.cells_used == 2 * len(PROMPT) + 1
    second = resident(session, root, [98])
    assert second.pending == 1
    for branch in (first, second):
        branch.tokens.append(99)
    for branch, row in zip((first, second), run(session, first, second), strict=True):
        check_row(alone, branch, row)
    session.detach(first)
    assert session.cells_used == len(PROMPT) + 2
    assert session.missing(first) == 2  # it may stand on what it came from again
    session.attach(first)
    check_row(alone, first, run(session, first)[0])
    for branch in (root, first, second):
        session.detach(branch)
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)


@pytest.mark.parametrize("architecture", TIPS)
def test_nothing_is_cut_back(make_session: MakeSession, architecture: str) -> None:
    session = make_session(architecture)
    text = resident(session, None, PROMPT)
    run(session, text)
    with pytest.raises(BackendError, match="cannot be taken from a"):
        session.shorten(text, len(PROMPT) - 1)
    text.tokens.append(97)
    session.shorten(text, len(PROMPT))
    assert (text.tokens, text.pending) == (PROMPT, 0)


@pytest.mark.usefixtures("always_asks")
@pytest.mark.parametrize("architecture", TIPS)
@pytest.mark.parametrize("seed", range(6))
def test_after_a_decode_was_called_off_nothing_is_taken_for_what_it_was(
    make_session: MakeSession, architecture: str, seed: int
) -> None:
    """llama.cpp moves the states of texts outside of a batch about in the same pass, which did not come to its end."""
    rng = random.Random(seed)
    asked, most = [0], [10**9]

    def halted() -> bool:
        asked[0] += 1
        return asked[0] > most[0]

    session, alone = make_session(architecture, halted=halted), make_session(architecture, sequences=1)
    texts = [resident(session, None, rng.choices(LETTERS, k=rng.randint(3, 12))) for _ in range(6)]
    run(session, *texts)
    growing = rng.sample(texts, 3)
    for text in growing:
        text.tokens.append(rng.choice(LETTERS))
    asked[0], most[0] = 0, rng.randint(2, 30)
    with pytest.raises(Aborted):
        run(session, *growing)
    most[0] = 10**9
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)
    for text in texts:
        assert text.pending == text.length
        session.attach(text)
    for text, row in zip(texts, run(session, *texts), strict=True):
        check_row(alone, text, row)


# -- jobs


def job(parent: Branch, key: int, most: int, **until: Any) -> Job:
    return Job(parent, SamplingParams(), StopCriteria(most, **until), generator(key))


def drain(scheduler: Scheduler, jobs: Sequence[Job], *, submit: bool = True) -> None:
    """Run jobs to their ends."""
    for each in jobs if submit else ():
        scheduler.submit(each)
    for _ in range(2000):
        scheduler.step()
        if all(each.finished for each in jobs):
            return
    pytest.fail("the jobs do not end")


def text_of(job: Job) -> str:
    return "".join(step.text for step in job.steps)


def usual_character(make_session: MakeSession, architecture: str) -> str:
    """One that texts of a model are full of, to end steps with."""
    scheduler = Scheduler(make_session(architecture))
    jobs = [job(Branch(None, PROMPT), key, 40) for key in range(8)]
    drain(scheduler, jobs)
    [(character, _)] = Counter("".join(text_of(each)[2:] for each in jobs)).most_common(1)
    return character


@pytest.mark.parametrize("streams", [False, True], ids=["one buffer", "streams"])
@pytest.mark.parametrize("architecture", TIPS)
def test_steps_on_steps_give_the_same_texts_at_any_pressure(
    make_session: MakeSession, architecture: str, streams: bool
) -> None:
    """Fewer sequences than prompts, steps and texts take cost decodes, and nothing else."""
    separator = usual_character(make_session, architecture)
    texts: list[list[str]] = []
    again = []
    for sequences in (60, 12, 6, 3):
        session = make_session(architecture, cells=1024, width=4, sequences=sequences, streams=streams)
        scheduler = Scheduler(session)
        kept = [Branch(None, PROMPT), Branch(None, PROMPT[::-1])]
        texts.append([])
        for turn in range(4):
            jobs = [job(kept[n % len(kept)], 10 * turn + n, 30, steps=1, separator=separator) for n in range(8)]
            drain(scheduler, jobs)
            texts[-1] += map(text_of, jobs)
            steps = [each.branch for each in jobs if each.ended is Ended.OPEN]
            kept += steps[:3]
            for branch in steps[3:]:
                scheduler.release(branch)
        assert len(kept) > 5
        again.append(scheduler.again)
        for branch in kept:
            scheduler.release(branch)
        assert (session.cells_used, session.sequences_free) == (0, session.sequences)
        assert not scheduler._idle
    assert all(each == texts[0] for each in texts)
    assert again[0] == 0 < again[-1]


@pytest.mark.usefixtures("always_asks")
@pytest.mark.parametrize("architecture", TIPS)
def test_jobs_go_on_after_decodes_that_were_called_off(make_session: MakeSession, architecture: str) -> None:
    rng = random.Random(1)
    asked, most = [0], [10**9]

    def halted() -> bool:
        asked[0] += 1
        return asked[0] > most[0]

    texts = []
    for troubled in (False, True):
        scheduler = Scheduler(make_session(architecture, width=3, halted=halted if troubled else None))
        jobs = [job(Branch(None, PROMPT), key, 12) for key in range(5)]
        for each in jobs:
            scheduler.submit(each)
        for _ in range(6 if troubled else 0):
            for _ in range(rng.randint(1, 3)):
                scheduler.step()
            asked[0], most[0] = 0, rng.randint(2, 30)
            with pytest.raises(Aborted):
                scheduler.step()
            most[0] = 10**9
        drain(scheduler, jobs, submit=False)
        texts.append([text_of(each) for each in jobs])
        assert not scheduler.busy
        for each in jobs:
            scheduler.release(each.parent)
        assert scheduler.session.cells_used == 0
    assert texts[0] == texts[1]


@pytest.mark.parametrize("architecture", TIPS)
@pytest.mark.parametrize("seed", range(4))
def test_random_trees_of_jobs_end_and_leave_nothing(make_session: MakeSession, architecture: str, seed: int) -> None:
    """Prompts, steps on steps, cancellations and releases in a context far too small for all."""
    rng = random.Random(seed)
    session = make_session(architecture, cells=256, width=rng.choice([1, 2, 4]), sequences=rng.choice([3, 5, 8]))
    scheduler = Scheduler(session)
    parents = [Branch(None, rng.choices(LETTERS, k=rng.randint(5, 90))) for _ in range(3)]
    jobs: list[Job] = []
    for _ in range(50):
        act = rng.random()
        if act < 0.5:
            jobs.append(job(rng.choice(parents), rng.randint(0, 99), rng.randint(1, 20)))
            scheduler.submit(jobs[-1])
        elif act < 0.6 and jobs:
            scheduler.cancel([jobs.pop(rng.randrange(len(jobs)))])
        elif act < 0.7:
            parents.append(Branch(rng.choice(parents), rng.choices(LETTERS, k=rng.randint(1, 5))))
        for _ in range(rng.randint(0, 4)):
            scheduler.step()
    drain(scheduler, jobs, submit=False)
    for parent in rng.sample(parents, len(parents)):
        scheduler.release(parent)
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)
    assert not scheduler._idle
