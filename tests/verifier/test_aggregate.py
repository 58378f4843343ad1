from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.errors import UsageError
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix, Step
from ttcli.verifier.aggregate import AGGREGATIONS, Aggregated, aggregate

PREFIX = Prefix(Problem("?"), 1, steps=(Step("a", 1, -1.0), Step("b", 1, -1.0)))
SCORES = st.lists(st.floats(0, 1), max_size=8)


class Fixed:
    """Says the same of everything."""

    parameters = 7
    name = "fixed"
    partial = True

    def __init__(self, *steps: float) -> None:
        self.steps = steps
        self.released: list[Prefix] = []

    def price(self, prefixes: Sequence[Prefix]) -> int:
        return 3 * len(prefixes)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        return [StepScores(0.5, self.steps, 3) for _ in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        self.released += prefixes

    def close(self) -> None:
        raise AssertionError("it is somebody else's")


def test_each_way_makes_of_the_steps_what_its_name_says() -> None:
    made = {how: aggregate((0.5, 0.2, 0.8), how) for how in AGGREGATIONS}
    assert made == {"last": 0.8, "min": 0.2, "mean": pytest.approx(0.5), "prod": pytest.approx(0.08)}


@given(SCORES)
def test_a_score_of_the_whole_is_one_too_and_none_is_above_the_best_step(steps: list[float]) -> None:
    for how in AGGREGATIONS:
        score = aggregate(steps, how)
        assert 0 <= score <= 1
        assert score <= max(steps, default=1.0) + 1e-12
    assert aggregate([], "min") == 1


def test_an_aggregated_verifier_changes_the_score_alone() -> None:
    inner = Fixed(0.4, 0.6)
    verifier = Aggregated(inner, "min")
    assert verifier.score([PREFIX, PREFIX]) == [StepScores(0.4, (0.4, 0.6), 3)] * 2
    assert (verifier.name, verifier.parameters, verifier.partial) == ("fixed (min)", 7, True)
    assert verifier.price([PREFIX]) == 3
    verifier.release([PREFIX])
    assert inner.released == [PREFIX]
    verifier.close()


def test_a_verifier_without_scores_of_steps_has_nothing_to_aggregate() -> None:
    with pytest.raises(UsageError, match="fixed gives one score for the whole") as caught:
        Aggregated(Fixed(), "mean").score([PREFIX])
    assert caught.value.hint
    assert Aggregated(Fixed(), "mean").score([Prefix(Problem("?"), 1)])[0].score == 1.0
