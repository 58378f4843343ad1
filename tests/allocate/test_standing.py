import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.allocate.standing import FEATURES, Tallies, stays, tallies, view
from ttcli.answers import vote
from ttcli.solution import Candidate, Ended
from ttcli.tally import leader_stays


def candidates(*drawn: tuple[str | None, float | None]) -> list[Candidate]:
    return [Candidate(at, "", answer, Ended.STOP, 5, -1.0, score) for at, (answer, score) in enumerate(drawn)]


def of_votes(drawn: list[Candidate]) -> Tallies:
    return tallies([vote.weighted(drawn)], [drawn])


def test_features_of_a_vote_by_score() -> None:
    drawn = candidates(("1", 0.2), ("1", 0.4), ("2", 0.9), (None, None), ("3", 0.1))
    features = {name: float(values[0]) for name, values in view(of_votes(drawn), np.array([0.5])).items()}
    assert tuple(features) == FEATURES
    assert features == pytest.approx(
        {
            "chance": 0.0,
            "stays": np.log(leader_stays(1, 2) / (1 - leader_stays(1, 2))),
            "share": 0.9 / 1.6,
            "second": 0.6 / 1.6,
            "score": 0.9,
            "rest": 0.7 / 3,
            "lift": 0.5,
            "standout": 0.5,
            "excess": 0.25,
        }
    )


def test_an_answer_that_does_not_lead_may_stand_out() -> None:
    drawn = candidates(*[("1", 0.3)] * 4, ("2", 0.9))
    features = view(of_votes(drawn), np.array([0.5]))
    mean = 2.1 / 5
    assert features["lift"] == pytest.approx([(1.2 - 4 * mean) / 2])
    assert features["standout"] == pytest.approx([0.9 - mean])


def test_without_scores_their_features_are_not_known_and_without_votes_nothing_leads() -> None:
    drawn = candidates(("1", None), ("1", None), ("2", None))
    features = view(tallies([vote.majority(drawn)], [drawn]), np.array([0.3]))
    assert {name for name, values in features.items() if np.isnan(values[0])} == {*FEATURES[4:]}
    nothing = candidates((None, None))
    empty = view(tallies([vote.majority(nothing)], [nothing]), np.array([0.3]))
    assert (empty["share"][0], empty["stays"][0]) == (0, 0)


@given(st.lists(st.lists(st.sampled_from("1234"), min_size=1, max_size=20), min_size=1, max_size=5))
def test_each_problem_stays_as_it_would_alone(answers: list[list[str]]) -> None:
    drawn = [candidates(*((answer, 0.5) for answer in each)) for each in answers]
    together = stays(tallies([vote.majority(each) for each in drawn], drawn))
    for each, chance in zip(answers, together, strict=True):
        first, second = (*sorted((each.count(answer) for answer in "1234"), reverse=True),)[:2]
        assert chance == leader_stays(first, second)
