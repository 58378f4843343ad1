from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ttcli.stats.auc import Ranking

SOLUTIONS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1)


def ranking(solutions: list[tuple[int, bool, float]]) -> Ranking:
    problem, correct, scores = zip(*solutions, strict=True)
    return Ranking.of(np.array(scores), np.array(correct), np.array(problem))


@given(SOLUTIONS)
def test_the_auc_over_all_is_that_of_scikit_learn(solutions: list[tuple[int, bool, float]]) -> None:
    _, correct, scores = zip(*solutions, strict=True)
    found = ranking(solutions).across
    if len(set(correct)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(correct, scores))


@given(SOLUTIONS)
def test_the_auc_within_is_the_mean_over_problems_that_have_both_kinds(
    solutions: list[tuple[int, bool, float]],
) -> None:
    each = []
    for name in sorted({problem for problem, _, _ in solutions}):
        own = [(correct, score) for problem, correct, score in solutions if problem == name]
        if len({correct for correct, _ in own}) == 2:
            each.append(roc_auc_score(*zip(*own, strict=True)))
    found = ranking(solutions)
    assert found.each.tolist() == pytest.approx(each)
    assert np.isnan(found.within) if not each else found.within == pytest.approx(np.mean(each))


@given(SOLUTIONS, st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_problems_that_are_there_so_many_times_count_so_many_times(
    solutions: list[tuple[int, bool, float]], times: list[int]
) -> None:
    names = sorted({problem for problem, _, _ in solutions})
    counts = np.array([times[: len(names)]], dtype=np.float64)
    copies = [
        (100 * copy + problem, correct, score)
        for problem, correct, score in solutions
        for copy in range(times[names.index(problem)])
    ]
    found = ranking(solutions)
    if copies:
        repeated = ranking(copies)
        assert found.across_in(counts)[0] == pytest.approx(repeated.across, nan_ok=True)
        assert found.within_in(counts)[0] == pytest.approx(repeated.within, nan_ok=True)
    else:
        assert np.isnan(found.across_in(counts)[0])
        assert np.isnan(found.within_in(counts)[0])
