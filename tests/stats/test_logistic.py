import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit as scipy_expit
from sklearn.linear_model import LogisticRegression

from ttcli.stats.logistic import Logistic, Term, crossfit, expit, fit, folds, logit


def test_a_model_gives_what_scikit_learn_gives() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (200, 2))
    y = rng.random(200) < scipy_expit(x[:, 0] - 0.5 * x[:, 1])
    ours = fit({"a": x[:, 0], "b": x[:, 1]}, y.astype(float))
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = LogisticRegression(C=1.0, tol=1e-8).fit(scaled, y)
    predicted = ours.predict({"a": x[:, 0], "b": x[:, 1]})
    assert predicted == pytest.approx(theirs.predict_proba(scaled)[:, 1], abs=1e-4)


def test_a_fractional_target_counts_as_its_share_of_right_and_wrong_rows() -> None:
    rows = np.repeat([0.0, 1.0, 2.0, 3.0], 4)
    outcomes = np.array([1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1], dtype=float)
    of_shares, of_rows = fit({"x": rows}, np.repeat([0.25, 0.5, 0.5, 1.0], 4)), fit({"x": rows}, outcomes)
    assert of_shares.intercept == pytest.approx(of_rows.intercept, abs=1e-6)
    assert of_shares.terms["x"].weight == pytest.approx(of_rows.terms["x"].weight, abs=1e-6)


def test_a_problem_of_many_rows_counts_once() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.2, 0.3, 0.9, 0.8])
    once, often = fit({"x": x}, y), fit({"x": np.repeat(x, 5)}, np.repeat(y, 5), rows_each=5)
    assert often.intercept == pytest.approx(once.intercept, abs=1e-6)
    assert often.terms["x"].weight == pytest.approx(once.terms["x"].weight, abs=1e-6)
    certain = fit({"x": np.repeat(x, 5)}, np.ones(20), rows_each=5)
    assert certain.intercept == pytest.approx(fit({"x": x}, np.ones(4)).intercept)


def test_what_is_not_known_says_nothing() -> None:
    model = Logistic(0.3, {"a": Term(5.0, 2.0, 1.5), "b": Term(0.0, 1.0, -1.0)})
    unknown = model.predict({"a": np.array([np.nan]), "b": np.array([2.0])})
    mean = model.predict({"a": np.array([5.0]), "b": np.array([2.0])})
    assert unknown == mean


def test_a_feature_that_never_changes_or_is_never_known_is_left_out() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0])
    features = {"same": np.full(4, 0.1), "unknown": np.full(4, np.nan), "good": np.array([0.0, 1.0, 0.0, 1.0])}
    assert fit(features, y).terms.keys() == {"good"}


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_it_is_never_certain_where_all_are_right_or_all_wrong(target: float) -> None:
    model = fit({"x": np.arange(9.0)}, np.full(9, target))
    assert model.predict({"x": np.array([100.0])}) == pytest.approx([0.05 + 0.9 * target])


def test_a_missing_feature_and_bad_rows_are_refused() -> None:
    model = Logistic(0.0, {"a": Term(0.0, 1.0, 1.0)})
    with pytest.raises(ValueError, match="needs a"):
        model.predict({"b": np.zeros(1)})
    with pytest.raises(ValueError, match="no feature a"):
        model.check({"b"})
    with pytest.raises(ValueError, match="one value per row"):
        fit({"a": np.zeros(2)}, np.zeros(3))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        fit({"a": np.zeros(1)}, np.array([1.5]))
    with pytest.raises(ValueError, match="no term"):
        Term(0.0, 0.0, 1.0)


@given(st.floats(1e-5, 1 - 1e-5))
def test_logit_is_the_inverse_of_expit(p: float) -> None:
    assert expit(logit(np.array([p]))) == pytest.approx([p])


@given(st.integers(2, 60), st.integers(2, 8), st.integers(0, 5))
def test_folds_are_equal_as_far_as_they_go(n: int, count: int, seed: int) -> None:
    sizes = np.bincount(folds(n, count, seed), minlength=count)
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 100))
def test_a_crossfit_never_reads_the_targets_of_its_own_fold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, targets = {"x": rng.normal(size=40)}, rng.random(40)
    fold = folds(40, 5, 0)
    changed = targets.copy()
    changed[fold == 2] = rng.random(int((fold == 2).sum()))
    before, after = crossfit(features, targets), crossfit(features, changed)
    assert np.array_equal(before[fold == 2], after[fold == 2])
    assert not np.array_equal(before[fold != 2], after[fold != 2])
