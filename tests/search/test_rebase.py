from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.runs import Run, of, outcome_of
from ttcli.cost import Budget
from ttcli.events import StepsSelected
from ttcli.policy.script import ScriptLine
from ttcli.search.rebase import allot

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
TEMPERATURES = st.floats(1e-9, 1e9)


@given(st.integers(0, 300), SCORES, TEMPERATURES)
def test_the_shares_add_up_to_the_budget(budget: int, scores: list[float], temperature: float) -> None:
    shares = allot(budget, scores, temperature)
    assert sum(shares) == budget
    assert len(shares) == len(scores)
    assert min(shares) >= 0


@given(st.integers(0, 300), SCORES, st.floats(0.05, 10))
def test_a_share_is_the_formulas_rounded_up_or_down(budget: int, scores: list[float], temperature: float) -> None:
    total = math.fsum(math.exp(score / temperature) for score in scores)
    for share, score in zip(allot(budget, scores, temperature), scores, strict=True):
        assert abs(share - budget * math.exp(score / temperature) / total) < 1 + 1e-6


@given(st.integers(0, 300), st.lists(st.integers(0, 20), min_size=1, max_size=12), st.floats(0.01, 10))
def test_a_better_prefix_never_gets_less(budget: int, twentieths: list[int], temperature: float) -> None:
    scores = [score / 20 for score in sorted(twentieths)]
    shares = allot(budget, scores, temperature)
    for worse, better in pairwise(range(len(scores))):
        assert scores[worse] == scores[better] or shares[worse] <= shares[better]


@pytest.mark.parametrize(
    ("budget", "scores", "temperature", "shares"),
    [
        (16, [0.5, 0.5], 0.2, [8, 8]),
        (3, [0.5, 0.5], 0.2, [2, 1]),
        (10, [1.0, 0.0], 1e-12, [10, 0]),
        (10, [1.0, 0.0], 1e12, [5, 5]),
        (8, [0.9, 0.5, 0.1], 0.2, [7, 1, 0]),
        (0, [0.9, 0.5], 0.2, [0, 0]),
        (5, [], 0.2, []),
    ],
)
def test_known_shares(budget: int, scores: list[float], temperature: float, shares: list[int]) -> None:
    assert allot(budget, scores, temperature) == shares


def test_the_budget_shrinks_by_what_has_finished_and_all_of_it_is_shared_out() -> None:
    short = ScriptLine("it is \\boxed{5}", score=0.4)
    slow = [
        ScriptLine(f"{n} at first\n\nand {n}\n\nit is \\boxed{{4}}", scores=(n / 10, n / 10, 0.8)) for n in range(4, 8)
    ]
    events = Run([short, short, *slow], "rebase", Budget(12), seed=2).events()
    outcome = outcome_of(events)
    nodes = {node.number: node for node in outcome.tree}
    left = 12
    for selected in of(StepsSelected, events):
        left -= sum(one.text == short.text for one in outcome.candidates) if selected.round == 1 else 0
        assert selected.round > 2 or len(selected.kept) == left
    assert 0 < left < 12
    assert len(outcome.candidates) == 12
    first = of(StepsSelected, events)[0]
    by_score = {nodes[number].score: first.kept.count(number) for number in first.kept}
    assert list(dict(sorted(by_score.items())).values()) == sorted(by_score.values())
    for number in first.kept:
        children = [node for node in nodes.values() if node.parent == number]
        repeated = sum(node.pruned for node in children) - sum(
            n.number in of(StepsSelected, events)[1].pruned for n in children
        )
        assert len(children) - repeated >= first.kept.count(number)
