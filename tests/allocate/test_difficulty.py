from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocate.worlds import world
from ttcli.allocate.difficulty import (
    FEATURES,
    Bins,
    Difficulty,
    calibration,
    fit_difficulty,
    look,
    oracle,
    probes,
    quantile_bins,
    unseen,
)
from ttcli.solution import Candidate, Ended
from ttcli.stats.logistic import Logistic, Term


def candidate(index: int, answer: str | None, score: float | None = None, logprob: float | None = -5.0) -> Candidate:
    return Candidate(index, "", answer, Ended.STOP, 10, logprob, score)


def test_features_of_four_candidates() -> None:
    drawn = [candidate(0, "1/2", 0.8), candidate(1, "0.5", 0.4), candidate(2, None), candidate(3, "7", 0.6)]
    features = {name: float(values[0]) for name, values in look(probes([drawn])).items()}
    assert tuple(features) == FEATURES
    assert features == pytest.approx(
        {
            "agreement": 1 / 6,
            "unanswered": 0.25,
            "score": 0.6,
            "spread": np.std([0.8, 0.4, 0.6]),
            "logprob": -0.5,
            "length": np.log(10),
        }
    )


def test_what_nobody_scored_or_told_is_not_known() -> None:
    drawn = [candidate(0, "1", None, None), candidate(1, "1", None, None)]
    features = look(probes([drawn]))
    assert features["agreement"] == 1
    assert all(np.isnan(features[name]) for name in ("score", "spread", "logprob"))


def test_the_probability_is_that_of_the_text_behind_a_thought() -> None:
    drawn = [replace(candidate(number, "1"), tokens=40, thought="hm", thought_tokens=30) for number in range(2)]
    features = look(probes([drawn]))
    assert (float(features["logprob"][0]), float(features["length"][0])) == pytest.approx((-0.5, np.log(40)))


def test_samples_without_an_answer_do_not_agree() -> None:
    assert look(probes([[candidate(0, None), candidate(1, None)]]))["agreement"] == 0


@pytest.mark.parametrize("numbers", [[1], [2, 3]])
def test_probes_are_as_many_of_each_problem(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="as many probes"):
        probes([[candidate(index, "1") for index in range(number)] for number in numbers])


def test_difficulty_of_unseen_problems_is_better_than_chance_and_calibrated() -> None:
    drawn, rates = world(0, 100)
    found = calibration(unseen(drawn, rates), rates, 5)
    assert found.brier_known < found.brier < found.brier_constant - 0.05
    assert all(abs(each.predicted - each.observed) < 0.08 for each in found.reliability)
    assert sum(each.problems for each in found.reliability) == 500


def test_a_fitted_difficulty_holds_on_other_problems() -> None:
    difficulty = fit_difficulty(*world(1, 100))
    drawn, rates = world(2, 100)
    found = calibration(difficulty.predict(drawn), rates)
    assert found.brier < found.brier_constant - 0.05


def test_a_difficulty_of_shuffled_targets_is_no_better_than_the_overall_share() -> None:
    drawn, rates = world(3, 100)
    mixed = np.random.default_rng(0).permutation(rates)
    found = calibration(unseen(drawn, mixed), mixed)
    assert found.brier == pytest.approx(found.brier_constant, abs=0.01)


def test_another_number_of_probes_is_refused() -> None:
    difficulty = Difficulty(4, Logistic(0.0, {}))
    with pytest.raises(ValueError, match="4 probes, not 3"):
        difficulty.predict(world(0, 2, k=3)[0])
    with pytest.raises(ValueError, match="2 probes or more"):
        Difficulty(1, Logistic(0.0, {}))
    with pytest.raises(ValueError, match="no feature hair"):
        Difficulty(4, Logistic(0.0, {"hair": Term(0.0, 1.0, 1.0)}))


def test_calibration_is_told_exactly() -> None:
    found = calibration(np.array([0.2, 0.8]), np.array([0.5, 1.0]), 2)
    assert found.brier_known == pytest.approx(0.125)
    assert found.brier == pytest.approx((0.09 + 0.04) / 2 + 0.125)
    assert found.brier_constant == pytest.approx(0.0625 + 0.125)
    assert found.reliability == ((0.2, 0.5, 1), (0.8, 1.0, 1))


def test_calibration_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="predictions"):
        calibration(np.zeros(0), np.zeros(0))


def test_oracle_difficulty_is_pass_at_one() -> None:
    assert oracle(np.array([[True, False], [True, True]])).tolist() == [0.5, 1.0]


def test_bins_put_an_edge_into_the_easier_one() -> None:
    bins = Bins((0.1, 0.5))
    assert bins.count == 3
    assert bins.of(np.array([0.0, 0.1, 0.3, 0.5, 1.0])).tolist() == [2, 1, 1, 0, 0]


@pytest.mark.parametrize("edges", [(0.5, 0.1), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5)])
def test_edges_ascend_between_0_and_1(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        Bins(edges)


@given(st.lists(st.floats(0.01, 0.99), min_size=5, max_size=100, unique=True))
def test_quantile_bins_hold_equally_many_and_harder_ones_come_later(chances: list[float]) -> None:
    values = np.array(chances)
    numbers = quantile_bins(values).of(values)
    sizes = np.bincount(numbers, minlength=5)
    assert sizes.max() - sizes.min() <= 2
    assert np.all(np.diff(numbers[np.argsort(values)]) <= 0)


def test_equal_chances_make_fewer_bins() -> None:
    assert quantile_bins(np.full(20, 0.3)).count == 1
    with pytest.raises(ValueError, match="no problems"):
        quantile_bins(np.zeros(0))
