import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.answers import vote
from ttcli.search.best_of_n import scored_by
from ttcli.solution import Candidate, Ended
from ttcli.stats import subsets as subset_votes
from ttcli.stats.subsets import GradedSamples, Rule, coverage, random_pick, subset_vote
from ttcli.tally import Tally

RULES: tuple[Rule, ...] = get_args(Rule)
VOTES: dict[Rule, Callable[[Sequence[Candidate]], Tally]] = {
    "majority": vote.majority,
    "weighted": scored_by(vote.weighted),
    "best": scored_by(vote.best),
}
NAN = math.nan

SCORES = st.one_of(st.sampled_from([NAN, 0.0, 0.1, 0.2, 0.3, 0.6, 1.0]), st.floats(0, 1))
SURE = st.sampled_from([NAN, 0.1, 0.25, 0.5, 1.0])
DRAWS = st.lists(st.tuples(st.integers(-1, 3), st.booleans(), SCORES), min_size=1, max_size=8)


def accuracy(samples: GradedSamples, n: int, rule: Rule, *, seed: int = 0) -> float:
    return subset_vote(samples, n, rule, seed=seed).accuracy


def outcome(samples: GradedSamples, n: int, rule: Rule) -> bool:
    return subset_vote(samples, n, rule).right


def samples_of(draws: Sequence[tuple[int, bool, float]], *, scored: bool = True) -> GradedSamples:
    """Of (class, correct, score); a class that is too large for so few samples is another one."""
    return GradedSamples(
        np.array([min(each, len(draws) - 1) for each, _, _ in draws], dtype=np.int64),
        np.array([correct and each >= 0 for each, correct, _ in draws], dtype=np.bool_),
        np.array([score for _, _, score in draws]) if scored else None,
    )


def many(total: int, seed: int, *, classes: int = 6) -> GradedSamples:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-1, classes, total)
    scores = np.where(rng.random(total) < 0.1, NAN, rng.random(total))
    return GradedSamples(drawn, drawn == 0, scores)


def by_vote(samples: GradedSamples, subset: Sequence[int], rule: Rule) -> bool:
    """Whether the leader of the vote that a run would hold is right."""
    scores = np.full(len(samples), NAN) if samples.scores is None else samples.scores
    sure = np.full(len(samples), NAN) if samples.confidence is None else samples.confidence
    candidates = [
        Candidate(
            index,
            text="",
            answer=None if samples.classes[index] < 0 else str(samples.classes[index]),
            ended=Ended.STOP,
            tokens=1,
            logprob=None if math.isnan(sure[index]) else math.log(sure[index]),
            score=None if math.isnan(scores[index]) else float(scores[index]),
        )
        for index in subset
    ]
    leader = VOTES[rule](candidates).leader
    return leader is not None and bool(samples.correct[leader.members[0]])


def share_by_vote(samples: GradedSamples, n: int, rule: Rule) -> float:
    subsets = list(combinations(range(len(samples)), n))
    return sum(by_vote(samples, subset, rule) for subset in subsets) / len(subsets)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(draws=DRAWS, scored=st.booleans(), data=st.data())
def test_few_samples_come_to_the_share_of_subsets_whose_vote_is_right(
    rule: Rule, draws: list[tuple[int, bool, float]], scored: bool, data: st.DataObject
) -> None:
    samples = samples_of(draws, scored=scored)
    if data.draw(st.booleans()):
        sure = data.draw(st.lists(SURE, min_size=len(draws), max_size=len(draws)))
        samples = replace(samples, confidence=np.array(sure))
    n = data.draw(st.integers(1, len(draws)))
    assert accuracy(samples, n, rule) == share_by_vote(samples, n, rule)
    assert outcome(samples, n, rule) == by_vote(samples, range(n), rule)


@pytest.mark.parametrize("rule", RULES)
def test_every_random_subset_is_voted_upon_as_in_a_run(rule: Rule) -> None:
    for seed in range(4):
        samples = many(24, seed)
        subsets = subset_votes._subsets(24, 9, seed, subset_votes.SUBSETS)
        expected = [by_vote(samples, subset.tolist(), rule) for subset in subsets]
        assert subset_votes._right(samples, subsets, rule).tolist() == expected


def test_sums_are_rounded_once_as_the_vote_rounds_them() -> None:
    tenths = samples_of([(1, False, 1.0)] + [(0, True, 0.1)] * 10)  # added one by one they come to 0.9999999999999999
    assert by_vote(tenths, range(11), "weighted") is outcome(tenths, 11, "weighted") is False
    first = samples_of([(0, True, 0.1)] * 10 + [(1, False, 1.0)])
    assert by_vote(first, range(11), "weighted") is outcome(first, 11, "weighted") is True


def test_scores_far_below_one_still_decide() -> None:
    tiny = samples_of([(1, False, 1e-200), (0, True, 3e-200), (1, False, 1e-200)])
    assert outcome(tiny, 3, "weighted")


@pytest.mark.parametrize("rule", RULES)
def test_a_tie_goes_to_the_first_drawn(rule: Rule) -> None:
    assert outcome(samples_of([(1, True, 0.5), (0, False, 0.5)]), 2, rule)
    assert not outcome(samples_of([(1, False, 0.5), (0, True, 0.5)]), 2, rule)


def test_the_first_member_speaks_for_its_class_even_if_another_has_the_best_score() -> None:
    assert outcome(samples_of([(0, True, 0.1), (1, False, 0.5), (0, False, 0.9)]), 3, "best")


@pytest.mark.parametrize("rule", RULES)
def test_samples_without_an_answer_abstain_whatever_their_score(rule: Rule) -> None:
    assert outcome(samples_of([(-1, False, 1.0), (-1, False, 1.0), (0, True, 0.0)]), 3, rule)
    assert not outcome(samples_of([(-1, False, 1.0), (0, True, 0.5)]), 1, rule)


def test_a_subset_of_which_none_is_scored_votes_by_majority() -> None:
    samples = samples_of([(0, True, NAN), (0, True, NAN), (1, False, NAN)])
    for rule in RULES[1:]:
        assert outcome(samples, 3, rule)


def test_what_has_no_score_counts_as_the_mean_of_what_has_one() -> None:
    samples = samples_of([(0, True, 0.9), (1, False, NAN), (1, False, 0.1), (1, False, NAN)])
    assert outcome(samples, 3, "weighted")  # 0.9 against 0.5 + 0.1
    assert not outcome(samples, 4, "weighted")  # against 0.5 + 0.1 + 0.5
    assert outcome(samples, 4, "best")


@given(st.integers(1, 60), st.data())
def test_coverage_is_the_share_of_subsets_with_a_correct_sample(total: int, data: st.DataObject) -> None:
    right, n = data.draw(st.integers(0, total)), data.draw(st.integers(1, total))
    samples = samples_of([(0, i < right, 0.5) for i in range(total)])
    miss = math.prod((total - right - i) / (total - i) for i in range(n))
    assert coverage(samples, n) == pytest.approx(1 - miss, abs=1e-12)
    if math.comb(total, n) <= 300:
        subsets = list(combinations(samples.correct.tolist(), n))
        assert coverage(samples, n) == sum(map(any, subsets)) / len(subsets)


def test_coverage_keeps_its_digits_where_it_is_near_nought_or_one() -> None:
    rare = samples_of([(0, i == 0, 0.5) for i in range(10_000)])
    assert coverage(rare, 1) == 1 / 10_000
    assert coverage(rare, 10_000) == 1.0
    often = samples_of([(0, i >= 20, 0.5) for i in range(40)])
    assert coverage(often, 20) == 1 - 1 / math.comb(40, 20)


@given(DRAWS)
def test_more_samples_cover_more(draws: list[tuple[int, bool, float]]) -> None:
    samples = samples_of(draws)
    covered = [coverage(samples, n) for n in range(1, len(draws) + 1)]
    assert covered == sorted(covered)
    assert covered[0] == pytest.approx(random_pick(samples), abs=1e-15)
    assert covered[-1] == float(samples.correct.any())


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(draws=DRAWS)
def test_one_sample_is_a_random_pick_and_no_vote_beats_coverage(
    rule: Rule, draws: list[tuple[int, bool, float]]
) -> None:
    samples = samples_of(draws)
    assert accuracy(samples, 1, rule) == random_pick(samples)
    assert all(accuracy(samples, n, rule) <= coverage(samples, n) + 1e-12 for n in range(1, len(draws) + 1))


@pytest.mark.parametrize("rule", RULES)
def test_all_samples_together_come_to_the_outcome(rule: Rule) -> None:
    for seed in range(20):
        samples = many(32, seed)
        assert accuracy(samples, 32, rule) == outcome(samples, 32, rule)


@pytest.mark.parametrize("rule", RULES)
def test_random_subsets_come_to_the_mean_over_all(rule: Rule) -> None:
    samples = many(14, 5, classes=3)
    exact = share_by_vote(samples, 6, rule)  # 3003 subsets
    assert 0.1 < exact < 0.9
    drawn = [accuracy(samples, 6, rule, seed=seed) for seed in range(60)]
    error = math.sqrt(exact * (1 - exact) / (subset_votes.SUBSETS * len(drawn)))
    assert np.mean(drawn) == pytest.approx(exact, abs=4 * error)
    assert len(set(drawn)) > 1
    assert accuracy(samples, 6, rule, seed=7) == drawn[7]


@given(st.integers(1, 40), st.data(), st.integers(0, 3))
def test_subsets_are_in_order_of_drawing_without_repetition(total: int, data: st.DataObject, seed: int) -> None:
    n = data.draw(st.integers(1, total))
    subsets = subset_votes._subsets(total, n, seed, subset_votes.SUBSETS)
    ways = math.comb(total, n)
    assert subsets.shape == (ways if ways <= subset_votes.SUBSETS else subset_votes.SUBSETS + 1, n)
    assert subsets[0].tolist() == list(range(n))
    assert np.all(np.diff(subsets, axis=1) > 0)
    assert subsets.min() >= 0
    assert subsets.max() < total
    if len(subsets) < subset_votes.SUBSETS:
        assert len(np.unique(subsets, axis=0)) == len(subsets)


def test_every_sample_is_in_as_many_random_subsets() -> None:
    times = np.bincount(subset_votes._subsets(32, 8, 0, subset_votes.SUBSETS)[1:].ravel())
    assert set(times.tolist()) == {subset_votes.SUBSETS * 8 // 32}


@pytest.mark.parametrize("n", [0, 4, -1])
def test_no_more_samples_than_were_drawn_can_be_asked_for(n: int) -> None:
    samples = samples_of([(0, True, 0.5)] * 3)
    for ask in (
        lambda: coverage(samples, n),
        lambda: accuracy(samples, n, "majority"),
        lambda: outcome(samples, n, "majority"),
    ):
        with pytest.raises(ValueError, match=f"no {n} of 3 samples"):
            ask()


def test_samples_that_contradict_themselves_are_refused() -> None:
    no, yes, none = np.zeros(2, dtype=np.bool_), np.ones(2, dtype=np.bool_), np.zeros(0, dtype=np.int64)
    answers = np.array([0, 1])
    with pytest.raises(ValueError, match="no samples"):
        GradedSamples(none, none.astype(np.bool_))
    with pytest.raises(ValueError, match="no samples"):
        GradedSamples(answers, no, np.zeros(3))
    with pytest.raises(ValueError, match="classes must be from -1 to 1"):
        GradedSamples(np.array([0, 2]), no)
    with pytest.raises(ValueError, match="without an answer"):
        GradedSamples(np.array([0, -1]), yes)


@pytest.mark.parametrize(("problems", "total"), [(625, 16), (156, 64)])
def test_a_table_of_ten_thousand_samples_takes_no_time_to_speak_of(problems: int, total: int) -> None:
    runs = [many(total, seed) for seed in range(problems)]
    began = time.perf_counter()
    for n in (2**i for i in range(total.bit_length())):
        for samples in runs:
            coverage(samples, n)
            for rule in RULES:
                accuracy(samples, n, rule)
    assert time.perf_counter() - began < 10  # seconds; a slow and busy machine may take ten times what a good one does


def test_a_large_run_counts_fewer_subsets_of_each_problem() -> None:
    assert [subset_votes.subset_limit(problems) for problems in (1, 40, 100, 625, 10_000)] == [512, 512, 400, 64, 64]
    samples = many(24, 0)
    few = [subset_vote(samples, 9, "majority", seed=seed, subsets=64) for seed in range(40)]
    assert len({each.right for each in few}) == 1
    exact = subset_vote(samples, 9, "majority").accuracy
    assert np.mean([each.accuracy for each in few]) == pytest.approx(exact, abs=0.05)
