from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.runs import Run, of, outcome_of
from ttcli.cost import Budget
from ttcli.events import StepsSelected
from ttcli.policy.script import ScriptLine
from ttcli.search.particles import resample, weights
from ttcli.solution import Ended

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
STARTS = st.floats(0, 1, exclude_max=True)


def test_weights_are_in_proportion_to_the_odds_at_temperature_1() -> None:
    assert weights([0.5, 0.75, 0.8], 1.0) == pytest.approx([1 / 8, 3 / 8, 4 / 8])


def test_a_low_temperature_prefers_the_best_and_a_high_one_nobody() -> None:
    assert weights([0.5, 0.6], 0.001) == pytest.approx([0, 1])
    assert weights([0.1, 0.9], 1e9) == pytest.approx([0.5, 0.5])


@given(SCORES, st.floats(1e-6, 1e6))
def test_weights_are_a_distribution_in_the_order_of_the_scores(scores: list[float], temperature: float) -> None:
    found = weights(scores, temperature)
    assert math.fsum(found) == pytest.approx(1)
    ranked = sorted(zip(scores, found, strict=True))
    assert all(low[1] <= high[1] for low, high in pairwise(ranked))


@given(SCORES, st.integers(1, 64), STARTS)
def test_systematic_resampling_draws_each_its_share_rounded_up_or_down(
    scores: list[float], count: int, start: float
) -> None:
    shares = weights(scores, 1.0)
    drawn = Counter(resample(shares, count, start))
    assert sum(drawn.values()) == count
    for place, share in enumerate(shares):
        assert math.floor(share * count - 1e-6) <= drawn[place] <= math.ceil(share * count + 1e-6)


def test_over_all_starting_points_a_particle_is_drawn_as_often_as_its_weight_says() -> None:
    shares = [0.05, 0.15, 0.3, 0.5]
    drawn = Counter(place for start in range(1000) for place in resample(shares, 3, (start + 0.5) / 1000))
    assert [drawn[place] / 3000 for place in range(4)] == pytest.approx(shares, abs=1e-3)


def test_nothing_comes_of_no_particles() -> None:
    assert weights([], 1.0) == []
    assert resample([], 4, 0.5) == []


def test_every_round_has_n_particles_and_the_finished_ones_take_part() -> None:
    short = ScriptLine("it is \\boxed{5}", score=0.6)
    slow = ScriptLine("at first\n\nand then\n\nit is \\boxed{4}", scores=(0.5, 0.6, 0.8))
    events = Run([short, slow, slow], "particles", Budget(8), seed=1).events()
    outcome = outcome_of(events)
    nodes = {node.number: node for node in outcome.tree}
    selected = of(StepsSelected, events)
    assert [len(each.kept) for each in selected] == [8] * len(selected)
    ended = [n for each in selected[:2] for n in each.kept if nodes[n].ended is Ended.STOP]
    assert ended
    for number in set(ended):
        assert not [node for node in nodes.values() if node.parent == number]
    assert len({one.node for one in outcome.candidates}) == len(outcome.candidates)


def test_a_step_comes_from_each_particle_even_if_it_repeats_another() -> None:
    events = Run([ScriptLine("one\n\n\\boxed{4}")], "particles", Budget(6)).events()
    first = of(StepsSelected, events)[0]
    nodes = outcome_of(events).tree
    for number in set(first.kept):
        assert sum(node.parent == number for node in nodes) == first.kept.count(number)
    assert len(nodes) == 12


def test_another_seed_draws_other_particles() -> None:
    lines = [ScriptLine(f"{n}\n\n\\boxed{{{n}}}", scores=(0.5, 0.5)) for n in range(8)]
    trees = {Run(lines, "particles", Budget(8), seed=seed).outcome().tree for seed in range(4)}
    assert len(trees) == 4
