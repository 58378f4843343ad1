from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.errors import BackendError, UsageError
from ttcli.problem import Problem
from ttcli.solution import Ended, Prefix, Step
from ttcli.thought import Thought
from ttcli.verifier.certainty import UNIT, WindowCertainty, windows
from ttcli.verifier.spec import VerifierSpec

VALUES = st.lists(st.floats(0, 30), min_size=1, max_size=60)


def trace(thought: list[float], text: list[float]) -> Prefix:
    steps = (Step("x", len(text), -1.0, certainty=tuple(text)),)
    told = Thought("t", len(thought), 0.0, certainty=tuple(thought))
    return Prefix(Problem("?"), 1, steps=steps, ended=Ended.STOP, thought=told)


@given(VALUES, st.integers(1, 60))
def test_windows_are_the_means_of_all_runs(values: list[float], width: int) -> None:
    width = min(width, len(values))
    plainly = [sum(values[at : at + width]) / width for at in range(len(values) - width + 1)]
    assert windows(values, width) == pytest.approx(plainly, abs=1e-9)


def test_the_tail_and_the_lowest_window_go_over_thought_and_text() -> None:
    prefix = trace([8.0] * 10 + [2.0] * 4 + [8.0] * 10, [16.0] * 4)
    (tail,) = WindowCertainty("tail", 4).score([prefix])
    (lowest,) = WindowCertainty("lowest", 4).score([prefix])
    assert (tail.score, lowest.score) == (16 / UNIT, 2 / UNIT)
    assert tail.steps == ()
    (all_of_it,) = WindowCertainty("lowest", 99).score([prefix])
    assert all_of_it.score == pytest.approx(sum(prefix.certainty) / 28 / UNIT)


def test_without_a_window_it_is_an_eighth_of_the_trace() -> None:
    prefix = trace([1.0] * 384, [9.0] * 128)
    (opinion,) = WindowCertainty("tail").score([prefix])
    assert opinion.score == pytest.approx(9 / UNIT)
    short = trace([1.0] * 8, [9.0] * 8)
    assert WindowCertainty("tail").score([short])[0].score == pytest.approx(5 / UNIT)  # sixteen tokens at least


@given(VALUES)
def test_scores_are_scores(values: list[float]) -> None:
    for kind in ("tail", "lowest"):
        (opinion,) = WindowCertainty(kind).score([trace(values, values)])
        assert 0 <= opinion.score <= 1


def test_what_carries_nothing_cannot_be_scored() -> None:
    with pytest.raises(BackendError, match="how sure the model was"):
        WindowCertainty("tail").score([Prefix(Problem("?"), 1, steps=(Step("x", 1, -1.0),))])
    assert WindowCertainty("tail").score([Prefix(Problem("?"), 1)])[0].score == 1.0


@pytest.mark.parametrize("text", ["confidence:tail", "confidence:lowest", "confidence:lowest:256", "confidence:tail:1"])
def test_they_are_named_as_they_are_read(text: str) -> None:
    spec = VerifierSpec.parse(text)
    assert str(spec) == text
    assert spec.traces
    assert not spec.scores_steps
    assert not VerifierSpec.parse("confidence").traces


@pytest.mark.parametrize("text", ["confidence:tail:", "confidence:tail:0", "confidence:lowest:x", "confidence:middle"])
def test_other_windows_are_errors(text: str) -> None:
    with pytest.raises(UsageError):
        VerifierSpec.parse(text)
