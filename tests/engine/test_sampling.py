from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chisquare

from ttcli.engine.overview import Logits, Overlook
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import Draw, Sampler, bounded, generator, pick, shortlist
from ttcli.errors import UsageError

# few distinct values make ties; large vocabularies reach the block search and the first look
COARSE = st.integers(-20, 20).map(lambda n: n / 2)
FINE = st.floats(-30, 30, width=32)
SMALL_ROWS = st.one_of(
    hnp.arrays(np.float32, st.integers(1, 200), elements=COARSE),
    hnp.arrays(np.float32, st.integers(1, 200), elements=FINE),
)


def large_row(size: int, seed: int, spread: float, ties: bool) -> Logits:
    row = np.random.default_rng(seed).normal(0, spread, size)
    return (np.round(row) if ties else row).astype(np.float32)


LARGE_ROWS = st.builds(
    large_row, st.integers(1000, 5000), st.integers(0, 2**32), st.sampled_from([0.01, 1.0, 4.0, 12.0]), st.booleans()
)
ROWS = st.one_of(SMALL_ROWS, LARGE_ROWS)
SAMPLERS = st.builds(
    SamplingParams,
    temperature=st.floats(0.05, 3),
    top_k=st.sampled_from([0, 1, 2, 5, 40, 64, 200, 10_000]),
    top_p=st.sampled_from([1.0, 0.999, 0.95, 0.5, 0.1, 1e-6]),
    min_p=st.sampled_from([0.0, 0.01, 0.1, 0.9, 1.0]),
)


def draw(row: Logits, sampling: SamplingParams, rng: np.random.Generator) -> Draw:
    return Sampler(row.size).draw(row[None], [sampling], [rng])[0]


def short(row: Logits, sampling: SamplingParams) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that a row can draw, and their odds."""
    first = min(1024, row.size)  # where the number is not known beforehand
    overview = Overlook(row.size).look(row[None], np.array([sampling.top_k if bounded(sampling, row.size) else first]))
    found = shortlist(row[None], overview, np.array([0]), sampling)
    return found.tokens[0, : found.kept[0]], found.odds[0, : found.kept[0]]


def likeliest_first(row: Logits, tokens: Iterable[int]) -> list[int]:
    """In the order of the logits, ties by index."""
    return sorted(tokens, key=lambda token: (-row[token], token))


def reference(row: Logits, sampling: SamplingParams) -> list[tuple[int, float]]:
    """The same by the textbook: sort everything, then cut three times. Token and odds relative to the first."""
    order = likeliest_first(row, range(row.size))
    peak = float(row[order[0]])
    odds = {token: math.exp((float(row[token]) - peak) / sampling.temperature) for token in order}
    kept = order[: sampling.top_k] if sampling.top_k else order
    if sampling.top_p < 1:
        total, sofar, nucleus = math.fsum(odds[token] for token in kept), 0.0, []
        for token in kept:
            nucleus.append(token)
            sofar += odds[token]
            if sofar >= sampling.top_p * total:
                break
        kept = nucleus
    return [(token, odds[token]) for token in kept if odds[token] >= sampling.min_p]


@settings(deadline=None, max_examples=200)
@given(ROWS, SAMPLERS)
@example(np.zeros(1, np.float32), SamplingParams(top_k=40))
@example(np.zeros(64, np.float32), SamplingParams(top_k=64, top_p=1.0))
@example(np.zeros(3000, np.float32), SamplingParams(top_k=0, top_p=0.5))
@example(np.where(np.arange(2000) == 7, 0, -np.inf).astype(np.float32), SamplingParams(top_k=0, top_p=0.5))
def test_the_shortlist_is_the_textbooks(row: Logits, sampling: SamplingParams) -> None:
    tokens, odds = short(row, sampling)
    if sampling.top_p == 1 and sampling.min_p == 0 and not 0 < sampling.top_k < row.size:  # no cut: no need to sort
        assert tokens.tolist() == list(range(row.size))
        tokens = np.array(likeliest_first(row, range(row.size)))
        odds = odds[tokens]
    expected = reference(row, sampling)
    # sums in another order may move the edge of the nucleus by a token
    assert abs(len(tokens) - len(expected)) <= 1
    assert len(tokens) >= 1
    both = min(len(tokens), len(expected))
    assert tokens[:both].tolist() == [token for token, _ in expected[:both]]
    np.testing.assert_allclose(odds[:both] / odds[0], [odd for _, odd in expected[:both]], rtol=1e-9)


@settings(deadline=None, max_examples=50)
@given(ROWS, st.integers(1, 300), st.floats(0.05, 3))
def test_top_k_keeps_the_k_largest_with_ties_by_index(row: Logits, k: int, temperature: float) -> None:
    tokens, _ = short(row, SamplingParams(temperature, k, 1.0, 0.0))
    expected = likeliest_first(row, range(row.size))[:k]
    assert (tokens.tolist() if k < row.size else likeliest_first(row, tokens)) == expected


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_with_every_cut_off_the_shortlist_is_the_whole_vocabulary(row: Logits) -> None:
    tokens, odds = short(row, SamplingParams(1.0, 0, 1.0, 0.0))
    assert sorted(tokens.tolist()) == list(range(row.size))
    np.testing.assert_allclose(odds, np.exp(row[tokens].astype(np.float64) - row.max()))


@settings(deadline=None, max_examples=50)
@given(ROWS, st.integers(0, 1000), SAMPLERS)
def test_the_log_probability_is_the_log_softmax_whatever_the_sampler(
    row: Logits, seed: int, sampling: SamplingParams
) -> None:
    token, logprob = draw(row, sampling, generator(seed))
    wide = row.astype(np.float64)
    peak = wide.max()
    assert logprob == pytest.approx(wide[token] - peak - math.log(np.exp(wide - peak).sum()), abs=1e-4)
    assert logprob <= 0


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_greedy_takes_the_first_of_the_largest_and_no_random_number(row: Logits) -> None:
    rng = generator(1)
    assert draw(row, SamplingParams(temperature=0), rng).token == int(np.argmax(row))
    assert rng.random() == generator(1).random()


@settings(deadline=None, max_examples=50)
@given(ROWS, SAMPLERS, st.integers(0, 1000))
def test_a_draw_takes_exactly_one_random_number(row: Logits, sampling: SamplingParams, seed: int) -> None:
    used, fresh = generator(seed), generator(seed)
    draw(row, sampling, used)
    fresh.random()
    assert used.random() == fresh.random()


@settings(deadline=None, max_examples=50)
@given(ROWS, SAMPLERS, st.integers(0, 1000))
def test_a_draw_leaves_the_row_as_it_was(row: Logits, sampling: SamplingParams, seed: int) -> None:
    before = row.copy()
    row.flags.writeable = False
    draw(row, sampling, generator(seed))
    assert (row == before).all()


@pytest.mark.parametrize("size", [6, 5000])
@pytest.mark.parametrize("top_k", [0, 4])
def test_tokens_come_as_often_as_their_odds_say(size: int, top_k: int) -> None:
    row = np.full(size, -1e4, np.float32)
    places = [size - 1, 0, 2, 3, 1]
    row[places] = np.log([0.4, 0.3, 0.15, 0.1, 0.05])
    sampling = SamplingParams(temperature=0.7, top_k=top_k, top_p=1.0)
    odds = np.array([0.4, 0.3, 0.15, 0.1, 0.05]) ** (1 / 0.7)
    if top_k:
        odds[top_k:] = 0
    rng, sampler, draws = generator(5), Sampler(size), 4000
    rows = np.broadcast_to(row, (8, size))
    tokens = [token for _ in range(draws // 8) for token, _ in sampler.draw(rows, [sampling] * 8, [rng] * 8)]
    counts = np.array([tokens.count(place) for place in places])
    assert counts.sum() == draws
    kept = odds > 0
    assert chisquare(counts[kept], draws * odds[kept] / odds.sum()).pvalue > 0.01
    assert counts[~kept].sum() == 0


@given(hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1)), st.floats(0, 1, exclude_max=True))
def test_a_pick_is_never_of_a_token_without_odds(odds: np.ndarray, uniform: float) -> None:
    assume(odds.sum() > 1e-300)
    assert odds[pick(odds[None], np.array([odds.size]), np.array([uniform]))[0]] > 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(LARGE_ROWS, SAMPLERS), min_size=2, max_size=20), st.integers(0, 1000))
def test_a_row_is_drawn_from_as_if_it_were_alone(mixed: list[tuple[Logits, SamplingParams]], seed: int) -> None:
    size = min(row.size for row, _ in mixed)
    rows = np.stack([row[:size] for row, _ in mixed])
    samplings = [sampling for _, sampling in mixed]
    together = Sampler(size).draw(rows, samplings, [generator(seed, n) for n in range(len(rows))])
    assert together == [draw(row, samplings[n], generator(seed, n)) for n, row in enumerate(rows)]


@pytest.mark.parametrize("size", [151_936, 151_643, 49_152, 32_001])
@pytest.mark.parametrize("spread", [1.0, 2.8, 6.0])
def test_what_is_left_out_of_a_log_probability_is_estimated_well(size: int, spread: float) -> None:
    """Rows as models make them: the bulk spreads about its mean, the first token stands above it."""
    numbers = np.random.default_rng(size)
    for peak in (5.0, 10.0, 20.0, 30.0):
        row = numbers.normal(0, spread, size).astype(np.float32)
        row[numbers.integers(size)] = peak
        wide = row.astype(np.float64)
        expected = wide.max() + math.log(np.exp(wide - wide.max()).sum())
        assert Overlook(size).look(row[None], np.array([40])).log_totals[0] == pytest.approx(expected, abs=3e-4)


def test_a_lone_peak_above_a_flat_row_has_the_probability_that_is_left() -> None:
    row = np.zeros(150_000, np.float32)
    row[77_777] = 20
    total = Overlook(row.size).look(row[None], np.array([1])).log_totals[0]
    assert total == pytest.approx(20 + math.log1p((row.size - 1) * math.exp(-20)), abs=1e-6)


def test_the_same_key_draws_the_same_numbers_and_another_key_others() -> None:
    assert (generator(1, 2, 3).random(8) == generator(1, 2, 3).random(8)).all()
    keys = [(1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (1, 2), (2**64 - 1, 0, 0)]
    assert len({generator(*key).random() for key in keys}) == len(keys)


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -0.1},
        {"temperature": math.inf},
        {"temperature": math.nan},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"top_p": math.nan},
        {"min_p": -0.1},
        {"min_p": 1.1},
    ],
)
def test_a_sampler_refuses_what_makes_no_sense_and_names_the_option(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        SamplingParams(**bad)
    assert next(iter(bad)).replace("_", "-") in str(caught.value)
