from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conftest import WORD, MakeScheduler
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.job import Job, StopCriteria, split_steps
from ttcli.engine.model import Model
from ttcli.engine.overview import Logits
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Aborted
from ttcli.engine.template import ChatTemplate
from ttcli.errors import PromptTooLong
from ttcli.solution import Ended, Step

GREEDY = SamplingParams(temperature=0)
WARM = SamplingParams(temperature=0.8)
STEPS_MOST = 3000  # of the scheduler, before a test calls it a live-lock


@pytest.fixture(scope="module")
def prompt(small_model: Model) -> list[int]:
    return ChatTemplate(small_model).encode([{"role": "user", "content": "Count from one to twenty, in words."}])


@pytest.fixture(scope="module")
def essay(small_model: Model) -> list[int]:
    words = "Give me a numbered list of five tips on how to sleep well, a paragraph each."
    return ChatTemplate(small_model).encode([{"role": "user", "content": words}])


def job(root: Branch, key: int, most: int, *, sampling: SamplingParams = WARM, **until: Any) -> Job:
    return Job(root, sampling, StopCriteria(most, **until), generator(key))


def drain(scheduler: Scheduler, jobs: Sequence[Job]) -> list[str]:
    """Run all jobs to their ends; their texts as reported token by token."""
    texts = dict.fromkeys(jobs, "")
    for submitted in jobs:
        scheduler.submit(submitted)
    run_out(scheduler, jobs, texts)
    return list(texts.values())


def run_out(scheduler: Scheduler, jobs: Iterable[Job], texts: dict[Job, str]) -> None:
    for _ in range(STEPS_MOST):
        for grown, text, _ in scheduler.step():
            texts[grown] += text
        if all(each.finished for each in jobs):
            return
    pytest.fail("the jobs do not end")


def watch_widths(scheduler: Scheduler) -> list[int]:
    """Filled with the rows of each decode as it is done."""
    seen: list[int] = []
    decode = scheduler.session.decode

    def watched(pieces: Sequence[Piece]) -> Logits:
        rows = decode(pieces)
        seen.append(len(rows))
        return rows

    scheduler.session.decode = watched  # type: ignore[method-assign]
    return seen


def whole(job: Job) -> str:
    return "".join(step.text for step in job.steps)


def test_places_are_refilled_the_moment_a_text_ends(make_dry_scheduler: MakeScheduler, prompt: list[int]) -> None:
    scheduler = make_dry_scheduler(cells=1024, width=4)
    seen = watch_widths(scheduler)
    root = Branch(None, prompt)
    lengths = [3, 9, 5, 2, 7, 4, 8, 3, 6, 5]
    jobs = [job(root, n, length) for n, length in enumerate(lengths)]
    drain(scheduler, jobs)
    assert [each.grown for each in jobs] == lengths
    prefill, *widths = seen
    assert prefill == 1
    assert sum(widths) == sum(length - 1 for length in lengths)
    while widths[-1] < 4:  # only the last texts may leave places free
        widths.pop()
    assert set(widths) == {4}
    assert len(seen) - 1 - len(widths) <= max(lengths)
    assert scheduler.rows == sum(seen)


def test_a_narrow_context_sized_for_short_texts_runs_them_all_at_once(
    make_dry_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    """What a text is expected to take is never more than its limit."""
    scheduler = make_dry_scheduler(cells=256, width=8)
    most = (scheduler.session.cells - len(prompt)) // 8
    drain(scheduler, [job(Branch(None, prompt), 0, most)])  # a root of its own: the first must not teach the rest
    scheduler = make_dry_scheduler(cells=256, width=8)
    seen = watch_widths(scheduler)
    root = Branch(None, prompt)
    drain(scheduler, [job(root, n, most) for n in range(8)])
    assert max(seen) == 8
    assert scheduler.again == 0
    assert len(seen) == most


def test_a_prompt_is_decoded_once_for_all_its_texts(make_scheduler: MakeScheduler, prompt: list[int]) -> None:
    scheduler = make_scheduler(cells=1024, width=4)
    root = Branch(None, prompt)
    jobs = [job(root, n, 8) for n in range(7)]
    drain(scheduler, jobs)
    assert scheduler.session.decoded == len(prompt) + sum(each.grown - 1 for each in jobs)
    assert scheduler.again == 0
    scheduler.release(root)
    assert scheduler.session.cells_used == 0
    assert not scheduler.busy


def test_texts_tokens_and_log_probabilities_add_up(
    make_scheduler: MakeScheduler, small_model: Model, essay: list[int]
) -> None:
    scheduler = make_scheduler(cells=1024, width=4)
    jobs = [job(Branch(None, essay), 3, 60, separator="\n"), job(Branch(None, essay), 4, 60)]
    texts = drain(scheduler, jobs)
    for each, text in zip(jobs, texts, strict=True):
        assert whole(each) == text
        assert sum(step.tokens for step in each.steps) == each.grown == len(each.branch.tokens)
        assert all(step.logprob is not None and step.logprob <= 0 for step in each.steps)
        written = [token for token in each.branch.tokens if not small_model.ends_generation(token)]
        assert text == b"".join(map(small_model.piece, written)).decode("utf-8", "replace")
    assert len(jobs[0].steps) > 1
    assert all("\n" in step.text for step in jobs[0].steps[:-1])
    assert len(jobs[1].steps) == 1


def test_the_log_probability_of_a_text_is_that_of_its_tokens_decoded_at_once(
    make_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    scheduler = make_scheduler(width=2)
    one = job(Branch(None, prompt), 1, 6)
    drain(scheduler, [one])
    session = make_scheduler(width=2).session
    branch = Branch(None, prompt)
    session.attach(branch)
    total = 0.0
    for token in one.branch.tokens:
        row = session.decode([Piece(branch, branch.pending, True)])[0].astype(np.float64)
        total += row[token] - row.max() - np.log(np.exp(row - row.max()).sum())
        branch.tokens.append(token)
    assert one.steps[0].logprob == pytest.approx(total, abs=0.1)


def test_the_token_limit_ends_a_text(make_scheduler: MakeScheduler, prompt: list[int]) -> None:
    scheduler = make_scheduler()
    root = Branch(None, prompt)
    jobs = [job(root, 1, most) for most in (1, 2, 3)]
    drain(scheduler, jobs)
    assert [each.ended for each in jobs] == [Ended.LENGTH] * 3
    assert [each.grown for each in jobs] == [1, 2, 3]


def test_the_end_of_the_turn_ends_a_text_and_is_counted_but_not_shown(
    make_scheduler: MakeScheduler, small_model: Model
) -> None:
    ids = ChatTemplate(small_model).encode([{"role": "user", "content": "Say hi."}])
    scheduler = make_scheduler(width=8)
    root = Branch(None, ids)
    jobs = [job(root, key, 32) for key in range(8)]
    texts = drain(scheduler, jobs)
    stopped = [(each, text) for each, text in zip(jobs, texts, strict=True) if each.ended is Ended.STOP]
    assert stopped
    for each, text in stopped:
        assert small_model.ends_generation(each.branch.tokens[-1])
        assert "<|" not in text
        assert "<|" not in whole(each)
        assert each.steps[-1].text
        assert sum(step.tokens for step in each.steps) == len(each.branch.tokens)
        assert not each.branch.resident


def test_a_whole_solution_equals_the_same_step_by_step(make_scheduler: MakeScheduler, essay: list[int]) -> None:
    """The steps go on from their own token ids, never from their text tokenized anew."""
    scheduler = make_scheduler(cells=1024, width=2)
    root = Branch(None, essay)
    at_once = job(root, 1, 50, sampling=GREEDY, separator="\n")
    drain(scheduler, [at_once])
    steps: list[Step] = []
    tokens: list[int] = []
    parent, left = root, 50
    while True:
        one = job(parent, 1, left, sampling=GREEDY, separator="\n", steps=1)
        drain(scheduler, [one])
        tokens += one.branch.tokens[-one.grown :]
        steps += one.steps
        left -= one.grown
        if one.ended is not Ended.OPEN:
            break
        assert len(one.steps) == 1
        parent = one.branch
    assert tokens == at_once.branch.tokens
    assert [step.text for step in steps] == [step.text for step in at_once.steps]
    assert [step.tokens for step in steps] == [step.tokens for step in at_once.steps]
    assert len(steps) > 1
    assert scheduler.session.decoded <= len(essay) + 2 * 50


def test_several_steps_can_be_asked_for(make_scheduler: MakeScheduler, essay: list[int]) -> None:
    scheduler = make_scheduler(cells=1024, width=2)
    two = job(Branch(None, essay), 1, 200, sampling=GREEDY, separator="\n", steps=2)
    drain(scheduler, [two])
    assert two.ended is Ended.OPEN
    assert len(two.steps) == 2


def test_the_same_seed_and_width_give_the_same_texts(make_scheduler: MakeScheduler, prompt: list[int]) -> None:
    def draw() -> list[str]:
        root = Branch(None, prompt)
        return drain(make_scheduler(cells=1024, width=4), [job(root, key, 12) for key in range(6)])

    first = draw()
    assert draw() == first
    assert len(set(first)) > 1


# -- cells and sequence ids run out


def test_preempted_texts_end_as_they_would_have_in_a_roomy_context(
    make_scheduler: MakeScheduler, small_model: Model
) -> None:
    """Clear-cut continuations, so that the rounding of another batch does not tip a token."""
    lists = ("one two three four five six seven eight nine ten " * 7, "a b c d e f g h i j k l m " * 5)
    roots = [small_model.tokenize(words.strip(), special=False) for words in lists]
    jobs_of = {}
    for cells in (256, 2048):
        scheduler = make_scheduler(cells=cells, width=4)
        branches = [Branch(None, ids) for ids in roots]
        jobs = [job(branch, key, 48, sampling=GREEDY) for key in range(2) for branch in branches]
        scheduler._expected = 1.0  # optimism leads to preemption
        drain(scheduler, jobs)
        jobs_of[cells] = [whole(each) for each in jobs]
        assert (scheduler.again > 0) == (cells == 256)
        for branch in branches:
            scheduler.release(branch)
        assert scheduler.session.cells_used == 0
        assert scheduler.session.sequences_free == scheduler.session.sequences
    assert jobs_of[256] == jobs_of[2048]


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize(("first", "second"), [(100, 120), (120, 100), (60, 170), (190, 190), (30, 30)])
def test_roots_that_do_not_fit_together_take_turns(
    make_dry_scheduler: MakeScheduler,
    prompt: list[int],
    width: int,
    first: int,
    second: int,
) -> None:
    scheduler = make_dry_scheduler(expected=4.0, cells=256, width=width)
    roots = [Branch(None, (prompt * 9)[:length]) for length in (first, second)]
    jobs = [job(root, key, 60) for key in range(3) for root in roots]
    drain(scheduler, jobs)
    assert [each.grown for each in jobs] == [60] * 6
    assert scheduler.session.decoded < 6 * (60 + first + second) * 3
    for root in roots:
        scheduler.release(root)
    assert scheduler.session.cells_used == 0


def test_a_long_prompt_in_several_decodes_does_not_stop_the_texts_beside_it(
    make_dry_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    scheduler = make_dry_scheduler(cells=2048, width=3)
    short, long = Branch(None, prompt), Branch(None, (prompt * 40)[:1200])
    jobs = [job(short, 1, 30), job(long, 2, 5)]
    drain(scheduler, jobs)
    assert scheduler.session.decoded == len(prompt) + 1200 + 29 + 4
    assert scheduler.session.decodes <= 31


def test_deep_chains_of_kept_steps_do_not_run_out_of_sequence_ids(
    make_dry_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    scheduler = make_dry_scheduler(cells=512, width=2, sequences=5)
    kept = [Branch(None, prompt)]
    separator = scheduler.session.model.piece(WORD).decode() * 3  # a step is three tokens
    for key in range(12):
        one = job(kept[-1], key, 100, separator=separator, steps=1)
        drain(scheduler, [one])
        assert (one.grown, one.ended) == (3, Ended.OPEN)
        kept.append(one.branch)
    assert scheduler.session.decoded == len(prompt) + 12 * 3 - 1  # nobody's cells were given up
    assert scheduler.again == 0
    forks = [job(branch, 7, 4) for branch in kept]  # also on those that lost their ids
    drain(scheduler, forks)
    assert scheduler.session.decoded == len(prompt) + 12 * 3 + len(forks) * 3
    for branch in kept:
        scheduler.release(branch)
    assert scheduler.session.cells_used == 0
    assert scheduler.session.sequences_free == 5


def test_a_text_that_can_never_fit_is_refused_when_it_is_submitted(
    make_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    scheduler = make_scheduler(cells=256)
    with pytest.raises(PromptTooLong) as caught:
        scheduler.submit(job(Branch(None, prompt), 1, 257 - len(prompt)))
    assert caught.value.hint
    drain(scheduler, [job(Branch(None, prompt), 1, 256 - len(prompt))])


def test_a_root_released_while_texts_grow_on_it_harms_none_of_them(
    make_dry_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    scheduler = make_dry_scheduler(expected=1.0, cells=256, width=3)
    root = Branch(None, prompt)
    jobs = [job(root, key, 100) for key in range(6)]
    for each in jobs:
        scheduler.submit(each)
    for _ in range(5):
        scheduler.step()
    scheduler.release(root)
    run_out(scheduler, jobs, dict.fromkeys(jobs, ""))
    assert [each.grown for each in jobs] == [100] * 6
    assert scheduler.session.cells_used == 0
    assert not scheduler.busy


def test_cancelled_jobs_free_their_cells_wherever_they_are(make_scheduler: MakeScheduler, prompt: list[int]) -> None:
    scheduler = make_scheduler(cells=512, width=2)
    root = Branch(None, prompt)
    jobs = [job(root, key, 30) for key in range(4)]
    for each in jobs:
        scheduler.submit(each)
    for _ in range(4):
        scheduler.step()
    scheduler.cancel(jobs)
    assert scheduler.session.cells_used == len(prompt)
    assert not scheduler.busy
    assert scheduler.step() == []
    scheduler.release(root)
    assert scheduler.session.cells_used == 0


def test_an_aborted_step_can_be_taken_again_with_the_same_result(
    make_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    halting = [False]
    plain, halted = make_scheduler(width=3), make_scheduler(width=3, halted=lambda: halting[0])
    texts = []
    for scheduler in (plain, halted):
        root = Branch(None, prompt)
        jobs = [job(root, key, 10) for key in range(5)]
        seen = dict.fromkeys(jobs, "")
        for each in jobs:
            scheduler.submit(each)
        for number in itertools.count():
            if scheduler is halted and number % 2:
                halting[0] = True
                with pytest.raises(Aborted):
                    scheduler.step()
                halting[0] = False
            for grown, text, _ in scheduler.step():
                seen[grown] += text
            if all(each.finished for each in jobs):
                break
        assert list(seen.values()) == [whole(each) for each in jobs]  # no token went unreported
        texts.append(list(seen.values()))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("seed", range(6))
def test_random_trees_of_texts_end_and_leave_nothing(
    make_dry_scheduler: MakeScheduler, prompt: list[int], seed: int
) -> None:
    """Roots, steps on steps, cancellations and releases in a context far too small for all."""
    rng = random.Random(seed)
    scheduler = make_dry_scheduler(
        expected=rng.choice([1.0, 256.0]), cells=256, width=rng.choice([1, 2, 4]), sequences=rng.choice([5, 8, 20])
    )
    parents = [Branch(None, rng.choices(prompt, k=rng.randint(5, 120))) for _ in range(3)]
    jobs: list[Job] = []
    for _ in range(60):
        act = rng.random()
        if act < 0.5:
            parent = rng.choice(parents)
            most = rng.randint(1, 30)
            if parent.length + most <= 256:
                jobs.append(job(parent, rng.randint(0, 99), most))
                scheduler.submit(jobs[-1])
        elif act < 0.6 and jobs:
            scheduler.cancel([jobs.pop(rng.randrange(len(jobs)))])
        elif act < 0.7:
            parents.append(Branch(rng.choice(parents), rng.choices(prompt, k=rng.randint(1, 9))))
        for _ in range(rng.randint(0, 6)):
            scheduler.step()
    run_out(scheduler, jobs, dict.fromkeys(jobs, ""))
    for parent in rng.sample(parents, len(parents)):
        scheduler.release(parent)
    assert scheduler.session.cells_used == 0
    assert scheduler.session.sequences_free == scheduler.session.sequences
    assert not scheduler._idle


@pytest.mark.parametrize("seed", range(40))
def test_whatever_fits_alone_ends_together_in_at_most_a_step_per_token(
    make_dry_scheduler: MakeScheduler, seed: int
) -> None:
    """No live-lock: a prompt is not decoded, evicted and decoded again for a text that waits for its cells."""
    rng = random.Random(seed)
    scheduler = make_dry_scheduler(
        expected=rng.choice([1.0, 30.0, 256.0]),
        cells=256,
        width=rng.choice([1, 2, 3, 6]),
        sequences=rng.choice([4, 8, 20]),
    )
    parents = [Branch(None, [WORD] * rng.randint(5, 200)) for _ in range(rng.randint(2, 4))]
    for _ in range(3):
        parents.append(Branch(rng.choice(parents), [WORD] * rng.randint(1, 15)))
    jobs = []
    for key in range(rng.randint(2, 16)):
        parent = rng.choice(parents)
        jobs.append(job(parent, key, rng.randint(1, 256 - parent.length)))
        scheduler.submit(jobs[-1])
    asked = sum(each.until.max_tokens for each in jobs)
    for _ in range(asked + len(parents)):
        scheduler.step()
    assert [each.grown for each in jobs] == [each.until.max_tokens for each in jobs]
    for parent in parents:
        scheduler.release(parent)
    assert scheduler.session.cells_used == 0
    assert not scheduler._idle


# -- the text of one job, without a model


def taken(pieces: Sequence[bytes | None], **until: Any) -> tuple[Job, list[str]]:
    one = Job(Branch(None, [1]), GREEDY, StopCriteria(**({"max_tokens": 100} | until)), generator(0))
    return one, [one.take(n, piece, -0.5, {}) for n, piece in enumerate(pieces)]


def test_characters_split_over_tokens_come_out_whole() -> None:
    euro, smile = "€".encode(), "😀".encode()
    one, shown = taken([b"a", euro[:1], euro[1:2], euro[2:] + b"b", smile[:2], smile[2:], None])
    assert shown == ["a", "", "", "€b", "", "😀", ""]
    assert whole(one) == "a€b😀"


def test_half_a_character_at_the_end_is_shown_as_one_that_failed() -> None:
    one, _ = taken(["€".encode()[:2], None])
    assert whole(one) == "\ufffd"
    one, _ = taken([b"a", "€".encode()[:2]], max_tokens=2)
    assert whole(one) == "a\ufffd"
    assert one.ended is Ended.LENGTH


def test_a_separator_split_over_tokens_closes_the_step() -> None:
    one, _ = taken([b"one\n", b"\n", b"two", b"\n\n", b"three", None], separator="\n\n")
    assert [step.text for step in one.steps] == ["one\n\n", "two\n\n", "three"]
    assert [step.tokens for step in one.steps] == [2, 2, 2]
    assert one.ended is Ended.STOP


def test_a_separator_before_any_text_closes_nothing() -> None:
    one, _ = taken([b"\n\n", b"one", b"\n\n"], separator="\n\n", steps=1)
    assert [step.text for step in one.steps] == ["\n\none\n\n"]
    assert one.ended is Ended.OPEN
    assert one.finished


def test_an_end_of_turn_after_a_separator_belongs_to_the_step_before() -> None:
    one, _ = taken([b"one", b"\n\n", None], separator="\n\n")
    assert one.steps == [Step("one\n\n", 3, -1.5)]
    assert one.ended is Ended.STOP


def test_a_step_that_closes_at_the_limit_is_the_last() -> None:
    one, _ = taken([b"one", b"\n\n"], separator="\n\n", max_tokens=2)
    assert one.ended is Ended.LENGTH
    assert [step.text for step in one.steps] == ["one\n\n"]
    one, _ = taken([b"one", b"\n\n"], separator="\n\n", max_tokens=2, steps=1)
    assert one.ended is Ended.LENGTH


def test_a_cut_keeps_what_there_is() -> None:
    one, _ = taken([b"one", b"\n\n", b"tw"], separator="\n\n")
    one.cut()
    assert [step.text for step in one.steps] == ["one\n\n", "tw"]
    assert one.ended is Ended.CUT


@given(st.text(" \na.", max_size=30))
def test_a_text_is_split_into_the_steps_that_its_characters_would_make_as_tokens(text: str) -> None:
    one, _ = taken([*(character.encode() for character in text), None], separator="\n\n")
    assert split_steps(text, "\n\n") == [step.text for step in one.steps]


def test_texts_in_streams_lie_side_by_side_in_every_decode(
    make_dry_scheduler: MakeScheduler, prompt: list[int], essay: list[int]
) -> None:
    """llama.cpp computes streams in one go only where their ids follow one another."""
    scheduler = make_dry_scheduler(cells=256, width=4, sequences=6, streams=True)
    decode = scheduler.session.decode

    def watched(pieces: Sequence[Piece]) -> Logits:
        seqs = [piece.branch.seq for piece in pieces]
        assert seqs == sorted(seqs)
        growing = [piece.branch.seq for piece in pieces if piece.branch in {each.branch for each in scheduler._running}]
        assert growing == list(range(len(growing)))
        return decode(pieces)

    scheduler.session.decode = watched  # type: ignore[method-assign]
    roots = [Branch(None, prompt), Branch(None, essay)]
    lengths = [3, 9, 5, 2, 7, 4, 8, 3, 6, 5, 11]
    jobs = [job(roots[n % 2], n, length) for n, length in enumerate(lengths)]
    drain(scheduler, jobs)
    assert [each.grown for each in jobs] == lengths
    assert scheduler.again == 0
    for root in roots:
        scheduler.release(root)
    assert scheduler.session.cells_used == 0
    assert scheduler.session.sequences_free == scheduler.session.sequences


def test_what_was_filled_upon_is_not_the_first_to_be_evicted(
    make_dry_scheduler: MakeScheduler, prompt: list[int]
) -> None:
    scheduler = make_dry_scheduler(cells=512, width=2, sequences=3)

    def filled(parent: Branch | None) -> Branch:
        branch = Branch(parent, prompt)
        scheduler.prefill(branch)
        while branch.row is None:
            scheduler.step()
        return branch

    oldest, newer = filled(None), filled(None)
    scheduler.release(filled(oldest))
    filled(None)
    assert oldest.standing
    assert newer.standing
    filled(None)
    assert oldest.standing
    assert not newer.standing
