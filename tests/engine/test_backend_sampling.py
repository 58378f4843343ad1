"""The largest logits as llama.cpp's CPU backend picks them, which does as a GPU's would: the same tokens are drawn."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import pytest

from ttcli.engine import backend_sampling, machine
from ttcli.engine.backend_sampling import BackendSampler, top_of, version_offering
from ttcli.engine.backend_trial import TOLERANCE, Finding, difference, try_backend_sampling
from ttcli.engine.branch import Branch, Piece, States
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.model import Model
from ttcli.engine.overview import Overlook, TopRows
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import Sampler, generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Session
from ttcli.errors import BackendError, ModelError

TinyModel = Callable[[str], Model]
MakeTiny = Callable[..., Session]

TOP = 48
PROMPT = b"Two and two is"
WARM = SamplingParams()
COLD = SamplingParams(temperature=0)
MIXED = (WARM, COLD, SamplingParams(1.3, 5, 1.0, 0.0), SamplingParams(1.0, 40, 1.0, 0.05))


class Text(NamedTuple):
    tokens: Sequence[int]
    logprob: float
    certainty: Sequence[float]
    states: States


@pytest.fixture
def make_tiny(tiny_model: TinyModel) -> Iterator[MakeTiny]:
    with ExitStack() as stack:

        def make(architecture: str = "llama", **options: Any) -> Session:
            session = Session(tiny_model(architecture), **{"cells": 512, "width": 4, "threads": 1} | options)
            stack.callback(session.close)
            return session

        yield make


def grow(session: Session, tokens: int = 12) -> list[Text]:
    """Texts from one prompt, more than there is room for; on the first of them two more."""
    scheduler, root = Scheduler(session), Branch(None, PROMPT)
    jobs = [
        Job(root, MIXED[n % len(MIXED)], StopCriteria(tokens, steps=1), generator(7, n), keep=not n, traced=True)
        for n in range(6)
    ]
    for each in (0, 1):
        for job in jobs if not each else jobs[6:]:
            scheduler.submit(job)
        while scheduler.busy:
            scheduler.step()
        if not each:
            jobs += [Job(jobs[0].branch, WARM, StopCriteria(5), generator(8, n), traced=True) for n in range(2)]
    steps = [job.steps[0] for job in jobs]
    return [
        Text(job.branch.tokens, step.logprob or 0.0, step.certainty, step.states)
        for job, step in zip(jobs, steps, strict=True)
    ]


@pytest.mark.parametrize(
    ("architecture", "streams"),
    [("llama", False), ("llama", True), ("gemma3", False), ("qwen35", True), ("lfm2", False), ("mamba", False)],
)
def test_texts_forks_and_states_are_those_drawn_from_whole_rows(
    make_tiny: MakeTiny, architecture: str, streams: bool
) -> None:
    whole = make_tiny(architecture, streams=streams, observe=(1,))
    picked = make_tiny(architecture, streams=streams, observe=(1,), top=TOP)
    assert (whole.top, picked.top) == (0, TOP)
    for text, expected in zip(grow(picked), grow(whole), strict=True):
        assert text.tokens == expected.tokens
        assert text.logprob == pytest.approx(expected.logprob, abs=1e-4)
        assert text.certainty == pytest.approx(expected.certainty, abs=1e-4)
        assert (text.states[1] == expected.states[1]).all()


def test_texts_whose_memory_is_computed_one_by_one_are_the_same_too(
    make_tiny: MakeTiny, tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("lfm2")
    monkeypatch.setattr(model, "memory", replace(model.memory, together=False))
    expected = grow(make_tiny("lfm2"))
    assert [text.tokens for text in grow(make_tiny("lfm2", top=TOP))] == [text.tokens for text in expected]


def test_rows_are_the_largest_logits_in_order_with_the_sum_of_all(make_tiny: MakeTiny) -> None:
    texts = [b"one", b"and another", b"x"]
    whole_rows, session = make_tiny(), make_tiny(top=TOP)

    def pieces(session: Session) -> list[Piece]:
        branches = [Branch(None, text) for text in texts]
        for branch in branches:
            session.attach(branch)
        return [Piece(branch, branch.pending, n != 1) for n, branch in enumerate(branches)]

    whole, top = whole_rows.decode(pieces(whole_rows)), session.decode_top(pieces(session))
    assert top.tokens.tolist() == np.argsort(-whole, axis=1, kind="stable")[:, :TOP].tolist()
    assert (top.logits == np.take_along_axis(whole, top.tokens, axis=1)).all()
    assert top.log_totals == pytest.approx(np.log(np.exp(whole.astype(np.float64)).sum(axis=1)), abs=1e-5)


def test_no_row_is_asked_for_and_none_comes(make_tiny: MakeTiny) -> None:
    session, branch = make_tiny(top=TOP), Branch(None, PROMPT)
    session.attach(branch)
    assert len(session.decode_top([Piece(branch, 4, False)])) == 0
    assert len(session.decode_top([Piece(branch, 4, True)])) == 1


@pytest.mark.parametrize("sampling", MIXED)
@pytest.mark.parametrize("ties", [False, True])
def test_the_same_numbers_draw_the_same_tokens_from_the_largest_logits(sampling: SamplingParams, ties: bool) -> None:
    rows = np.random.default_rng(3).normal(0, 3, (64, 3000)).astype(np.float32)
    rows = (np.round(rows * 20) / 20 if ties else rows).astype(np.float32)
    tokens = np.argsort(-rows, axis=1, kind="stable")[:, :TOP]
    logits = np.take_along_axis(rows, tokens, axis=1)
    top = TopRows(tokens, logits, Overlook(3000).look(rows, np.full(64, 1)).log_totals)
    sampler = Sampler(3000)
    drawn, expected = (sampler.draw(each, [sampling] * 64, [generator(n) for n in range(64)]) for each in (top, rows))
    assert [draw.token for draw in drawn] == [draw.token for draw in expected]
    assert [draw.logprob for draw in drawn] == pytest.approx([draw.logprob for draw in expected], abs=1e-6)


@pytest.mark.parametrize("sampling", [SamplingParams(top_k=0), SamplingParams(top_k=TOP + 1)])
def test_what_the_largest_logits_do_not_suffice_for_is_refused(make_tiny: MakeTiny, sampling: SamplingParams) -> None:
    scheduler = Scheduler(make_tiny(top=TOP))
    scheduler.submit(Job(Branch(None, PROMPT), sampling, StopCriteria(3), generator(0)))
    scheduler.step()  # the prompt
    with pytest.raises(BackendError, match="do not suffice"):
        scheduler.step()


def test_a_session_gives_whole_rows_or_the_largest_logits(make_tiny: MakeTiny) -> None:
    for options, wrong in (({}, "decode_top"), ({"top": TOP}, "decode")):
        session, branch = make_tiny(**options), Branch(None, PROMPT)
        session.attach(branch)
        with pytest.raises(BackendError, match="largest logits"):
            getattr(session, wrong)([Piece(branch, 1, True)])
    with pytest.raises(BackendError, match="behind every token"):
        make_tiny(top=TOP, every=True)


def test_where_an_operation_is_missing_whole_rows_are_read(
    make_tiny: MakeTiny, tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = grow(make_tiny())
    monkeypatch.setattr(BackendSampler, "_fits", lambda *_: False)
    session = make_tiny(top=TOP)
    assert session.top == 0
    assert [text.tokens for text in grow(session)] == [text.tokens for text in expected]
    finding = try_backend_sampling(tiny_model("llama"), threads=1)
    assert (finding.agrees, finding.pays) == (False, False)
    assert "does not pick" in finding.reason


def test_operations_are_asked_of_the_device_that_computes_rows(
    tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = BackendSampler(tiny_model("llama"), 1, TOP, lambda: None)
    asked: list[int] = []

    class Device:
        """As ggml, for a GPU that lacks one operation, or none."""

        def __init__(self, lacks: int) -> None:
            self._lacks = lacks

        def __getattr__(self, name: str) -> Any:
            return getattr(ggml, name)

        def ggml_backend_buft_get_device(self, _buffer_type: int) -> int:
            return 1

        def ggml_backend_dev_supports_op(self, device: int, _node: int) -> bool:
            asked.append(device)
            return len(asked) != self._lacks

    ggml = sampler._ggml
    for lacks, fits in ((0, True), (3, False)):
        asked.clear()
        monkeypatch.setattr(sampler, "_ggml", Device(lacks))
        assert sampler._fits(0, 1) == fits
        assert not sampler.on_cpu
    assert not sampler._fits(0, 2)  # outputs per sequence
    sampler.close()


def test_ctrl_c_while_a_graph_is_built_ends_the_decode_and_the_next_one_is_right(
    make_tiny: MakeTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = grow(make_tiny())
    session, branch = make_tiny(top=TOP), Branch(None, PROMPT)
    session.attach(branch)
    build = BackendSampler._nodes
    pressed: list[bool] = []

    def interrupted(sampler: BackendSampler, context: int, logits: int) -> tuple[int, int, int, int]:
        if not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        return build(sampler, context, logits)

    monkeypatch.setattr(BackendSampler, "_nodes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.decode_top([Piece(branch, branch.pending, True)])
    assert pressed
    session.detach(branch)
    assert [text.tokens for text in grow(session)] == [text.tokens for text in expected]


def test_rows_without_numbers_are_an_error(make_tiny: MakeTiny, monkeypatch: pytest.MonkeyPatch) -> None:
    session, branch = make_tiny(top=TOP), Branch(None, PROMPT)
    session.attach(branch)
    monkeypatch.setattr(np, "take_along_axis", lambda array, *_args, **_options: np.full(array.shape, np.nan))
    with pytest.raises(ModelError, match="no numbers"), np.errstate(invalid="ignore"):
        session.decode_top([Piece(branch, 4, True)])


def test_what_llama_cpp_leaves_is_counted(make_tiny: MakeTiny, monkeypatch: pytest.MonkeyPatch) -> None:
    build = BackendSampler._nodes

    def fewer(sampler: BackendSampler, context: int, logits: int) -> tuple[int, int, int, int]:
        monkeypatch.setattr(sampler, "_top", TOP - 1)
        nodes = build(sampler, context, logits)
        monkeypatch.setattr(sampler, "_top", TOP)
        return nodes

    monkeypatch.setattr(BackendSampler, "_nodes", fewer)
    session, branch = make_tiny(top=TOP), Branch(None, PROMPT)
    session.attach(branch)
    with pytest.raises(BackendError, match=f"left \\[{TOP - 1}\\] logits of a row instead of {TOP}"):
        session.decode_top([Piece(branch, 4, True)])


# -- what is tried, and when it is chosen


@pytest.mark.parametrize("architecture", ["llama", "qwen35"])
def test_the_cpu_agrees_and_has_nothing_to_gain(tiny_model: TinyModel, architecture: str) -> None:
    finding = try_backend_sampling(tiny_model(architecture), threads=1)
    assert finding == Finding(agrees=True, on_cpu=True)
    assert not finding.pays


def test_rows_of_other_texts_or_with_another_sum_do_not_agree(make_tiny: MakeTiny) -> None:
    session, texts = make_tiny(), [Branch(None, text) for text in (b"The sum", b"def main(", b"1776", b"Yes")]
    for text in texts:
        session.attach(text)
    rows = session.decode([Piece(text, text.pending, True) for text in texts])
    tokens = np.argsort(-rows, axis=1, kind="stable")[:, :TOP]
    totals = np.log(np.exp(rows.astype(np.float64)).sum(axis=1))
    top = TopRows(tokens, np.take_along_axis(rows, tokens, axis=1), totals)
    assert difference(top, rows) < 1e-6
    for order in permutations(range(4)):
        if order != (0, 1, 2, 3):
            assert difference(top[list(order)], rows) > 4 * TOLERANCE
    assert difference(TopRows(top.tokens, top.logits, totals + 0.5), rows) > TOLERANCE
    assert difference(TopRows(top.tokens, top.logits, totals * np.nan), rows) == np.inf


def test_a_trial_that_does_not_agree_says_by_how_much(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = BackendSampler.rows

    def shifted(sampler: BackendSampler, context: Any, pieces: Sequence[Piece]) -> TopRows:
        rows = honest(sampler, context, pieces)
        return TopRows(rows.tokens, rows.logits, rows.log_totals + 1)

    monkeypatch.setattr(BackendSampler, "rows", shifted)
    finding = try_backend_sampling(tiny_model("llama"), threads=1)
    assert not finding.agrees
    assert "off by 0." in finding.reason


def test_what_suffices_depends_on_top_k(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    assert top_of(model, WARM) == 0
    monkeypatch.setattr(model, "backend_sampling", True)
    assert top_of(model, WARM) == 48
    assert top_of(model, SamplingParams(top_k=1)) == 20
    for whole in (SamplingParams(top_k=0), SamplingParams(top_k=200), SamplingParams(top_k=10_000)):
        assert top_of(model, whole) == 0


@pytest.mark.parametrize("gpu", [False, True])
def test_it_is_offered_by_a_build_for_a_gpu_of_a_version_that_is_known(
    gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: gpu)
    assert version_offering() == ("0.3.36" if gpu else None)
    monkeypatch.setattr(backend_sampling, "READ", ())
    assert version_offering() is None
