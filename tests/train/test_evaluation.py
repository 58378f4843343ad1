from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score

from train.synthetic import make_examples, make_votes
from ttcli.stats.intervals import wilson
from ttcli.stats.subsets import GradedSamples
from ttcli.train.evaluation import BINS, Evaluation, evaluate
from ttcli.train.examples import Examples


def scores_of(examples: Examples, strength: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng((seed, 2)).normal(size=len(examples.correct))
    return 1 / (1 + np.exp(-(strength * (2 * examples.correct - 1) + noise)))


def judged(strength: float, seed: int = 0, problems: int = 40) -> Evaluation:
    examples = make_examples(seed, problems=problems)
    return evaluate(examples, scores_of(examples, strength, seed), make_votes(examples, seed=seed))


def plain_vote(samples: GradedSamples, scores: np.ndarray) -> bool:
    """Whether the answer with the most weight is right, of all samples; ties to the first drawn."""
    totals = {name: scores[samples.classes == name].sum() for name in dict.fromkeys(samples.classes.tolist())}
    leader = max(totals, key=lambda name: totals[name])
    return bool(samples.correct[samples.classes == leader][0])


def test_figures_are_those_of_a_direct_computation() -> None:
    examples = make_examples()
    scores = scores_of(examples, 0.5)
    found = evaluate(examples, scores, make_votes(examples))
    assert found.solutions == len(scores)
    assert found.right == pytest.approx(examples.correct.mean())
    assert found.across.value == pytest.approx(roc_auc_score(examples.correct, scores))
    each = []
    for at in range(40):
        own = examples.problem == at
        if 0 < examples.correct[own].mean() < 1:
            each.append(roc_auc_score(examples.correct[own], scores[own]))
    assert found.within.value == pytest.approx(np.mean(each))
    assert found.within.problems == len(each) < 40
    assert found.brier.value == pytest.approx(brier_score_loss(examples.correct, scores))
    inner = np.digitize(scores, np.arange(1, BINS) / BINS)
    gaps = [
        abs(scores[inner == cell].mean() - examples.correct[inner == cell].mean()) * (inner == cell).mean()
        for cell in set(inner.tolist())
    ]
    assert found.calibration.value == pytest.approx(sum(gaps))
    assert sum(each.solutions for each in found.bins) == len(scores)
    assert sum(each.solutions * each.right for each in found.bins) == pytest.approx(examples.correct.sum())


def test_votes_are_those_of_a_direct_count() -> None:
    examples = make_examples()
    scores, votes = scores_of(examples, 0.5), make_votes(examples)
    found = evaluate(examples, scores, votes).votes[-1]
    assert found.samples == 6
    plain = [plain_vote(samples, np.ones(6)) for samples in votes.values()]
    weighted = [plain_vote(samples, scores[examples.problem == at]) for at, samples in votes.items()]
    assert found.majority == pytest.approx(np.mean(plain))
    assert found.weighted == pytest.approx(np.mean(weighted))
    assert found.majority_interval == wilson(sum(plain), 40)
    assert found.any == pytest.approx(np.mean([samples.correct.any() for samples in votes.values()]))
    wins = sum(a and not b for a, b in zip(weighted, plain, strict=True))
    losses = sum(b and not a for a, b in zip(weighted, plain, strict=True))
    assert (found.comparison.wins, found.comparison.losses) == (wins, losses)
    assert found.comparison.p == pytest.approx(binomtest(wins, wins + losses).pvalue)
    assert found.comparison.difference == pytest.approx(np.mean(weighted) - np.mean(plain))


def test_intervals_come_from_resampling_problems() -> None:
    examples = make_examples()
    scores = scores_of(examples, 0.5)
    found = evaluate(examples, scores, make_votes(examples))
    rng = np.random.default_rng(1)
    values = []
    for _ in range(500):
        drawn = rng.integers(40, size=40)
        rows = np.concatenate([np.flatnonzero(examples.problem == at) for at in drawn])
        values.append(roc_auc_score(examples.correct[rows], scores[rows]))
    assert found.across.interval == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.02)
    for figure in (found.across, found.within, found.brier, found.calibration):
        assert figure.value is not None
        assert figure.interval is not None
        assert figure.interval.low < figure.interval.high
    across = found.across
    assert across.value is not None
    assert across.interval is not None
    assert across.interval.low < across.value < across.interval.high


def test_a_head_that_knows_beats_majority() -> None:
    found = judged(3.0)
    assert found.beats_majority is True
    assert found.votes[-1].weighted == pytest.approx(found.votes[-1].any, abs=0.05)


def test_a_head_that_errs_does_not() -> None:
    assert judged(-3.0).beats_majority is False


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_never_said_to_beat_majority(seed: int) -> None:
    assert judged(0.0, seed).beats_majority is not True


def test_a_little_more_on_few_problems_is_unclear() -> None:
    examples = make_examples(problems=4)
    votes = {at: GradedSamples(np.array([0, 1]), np.array([False, at == 0])) for at in range(4)}
    two = examples.of([0, 1, 2, 3])
    first = replace(
        two,
        problem=np.repeat(np.arange(4), 2),
        number=np.tile([0, 1], 4),
        correct=np.array([False, True] + [False] * 6),
        steps=np.ones(8, np.intp),
        labels=np.zeros(8),
        states={},
    )
    found = evaluate(first, np.array([0.1, 0.9] * 4), votes)
    assert found.votes[-1].comparison.difference == 0.25
    assert found.beats_majority == "unclear"


def test_a_problem_with_fewer_samples_votes_with_those_it_has() -> None:
    examples = make_examples(problems=10)
    votes = make_votes(examples)
    votes[3] = GradedSamples(votes[3].classes[:2], votes[3].correct[:2])
    kept = ~((examples.problem == 3) & (examples.number > 1))
    rows = np.repeat(kept, examples.steps)
    fewer = Examples(
        examples.problem[kept],
        examples.number[kept],
        examples.correct[kept],
        examples.steps[kept],
        examples.labels[rows],
        {},
    )
    found = evaluate(fewer, scores_of(fewer, 1.0), votes)
    assert [each.samples for each in found.votes] == [2, 4, 6]
    assert found.problems == 10


def test_samples_without_an_answer_vote_for_nothing_and_are_not_ranked() -> None:
    examples = make_examples(problems=10)
    votes = {
        at: GradedSamples(np.append(samples.classes, -1), np.append(samples.correct, False))
        for at, samples in make_votes(examples).items()
    }
    scores = scores_of(examples, 1.0)
    found, plain = evaluate(examples, scores, votes), evaluate(examples, scores, make_votes(examples))
    assert found.votes[-1].samples == 7
    assert found.votes[-1].weighted == plain.votes[-1].weighted
    assert found.across == plain.across


def test_where_all_are_right_there_is_nothing_to_rank() -> None:
    examples = make_examples(problems=3)
    right = replace(examples, correct=np.ones(len(examples.correct), np.bool_))
    found = evaluate(right, scores_of(examples, 1.0), make_votes(right))
    assert (found.across.value, found.within.value) == (None, None)
    assert (found.within.interval, found.within.problems) == (None, 0)
    assert found.beats_majority is False
