"""Searches with a budget of tokens or seconds: they come to an answer wherever a vote does, and spend no more."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.runs import PROBLEM, Run, of, outcome_of
from search.trees import Exacting, check_tree
from ttcli.cost import Budget, Unit
from ttcli.events import StepsSelected, StepStarted
from ttcli.policy.script import Script, ScriptLine
from ttcli.solution import Ended

SEARCHES = ["beam", "beam:m=2", "beam:m=sqrt", "dvts", "rebase", "particles", "lookahead"]
LIMIT = 80  # tokens of a solution
UNITS = st.sampled_from([Unit.TOKENS, Unit.SECONDS])


def solutions(seed: int, count: int = 40) -> list[ScriptLine]:
    """Solutions of several steps, each of which names an answer at its end; a tenth ends at its first step."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        steps = [f"{number} so " + " ".join(["on"] * rng.randint(1, 9)) for _ in range(rng.choice([0, 3, 4, 5]))]
        steps.append(f"it is \\boxed{{{rng.choice([4, 4, 5, 6])}}}")
        scores = tuple(rng.random() for _ in steps)
        found.append(ScriptLine("\n\n".join(steps), scores=scores))
    return found


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 5), st.sampled_from(SEARCHES), UNITS, st.integers(5, 700), st.integers(0, 9), st.integers(1, 16))
def test_a_search_answers_under_any_budget_at_which_the_vote_does(
    script: int, method: str, unit: Unit, amount: int, seed: int, width: int
) -> None:
    options = {"budget": Budget(amount, unit), "seed": seed, "width": width, "max_tokens": LIMIT, "pace": 1.0}
    lines = solutions(script)
    vote = Run(lines, "majority", **options).outcome()  # type: ignore[arg-type]
    search = Run(lines, method, **options)  # type: ignore[arg-type]
    events = search.events()
    check_tree(events)
    outcome = outcome_of(events)
    assert not search.policy.live
    assert (outcome.answer is not None) or (vote.answer is None)
    if unit is Unit.TOKENS:
        assert outcome.cost.tokens <= max(amount, len(PROBLEM.text.split()))
    else:
        assert outcome.cost.seconds <= amount + 1


@pytest.mark.parametrize("method", SEARCHES)
def test_the_first_solution_is_that_of_the_vote(method: str) -> None:
    lines = solutions(1)
    first = Run(lines, "majority", Budget(1), max_tokens=LIMIT).outcome().candidates[0]
    for amount in (100, 400, 2000):
        outcome = Run(lines, method, Budget(amount, Unit.TOKENS), max_tokens=LIMIT).outcome()
        assert (outcome.candidates[0].text, outcome.candidates[0].score) != (first.text, None)
        assert outcome.candidates[0].text == first.text


@pytest.mark.parametrize("method", ["beam", "dvts", "rebase", "particles"])
def test_a_larger_budget_begins_more_beams_and_brings_the_best_of_them_to_their_end(method: str) -> None:
    """Of the beams that begin, a budget has to bring the best fourth to its end; mostly it does so for more."""
    lines = [line for line in solutions(2) if "so" in line.text]
    begun = []
    for amount in (90, 400, 1000, 4000):
        events = Run(lines, method, Budget(amount, Unit.TOKENS), max_tokens=LIMIT).events()
        selected = of(StepsSelected, events)
        begun.append(min(16, len({*selected[0].kept, *selected[0].pruned})) if selected else 0)
        whole = [each for each in outcome_of(events).candidates if each.ended is Ended.STOP]
        assert len(whole) >= max(1, begun[-1] // 4)
    assert begun == sorted(begun)
    assert begun[0] <= 1
    assert begun[-1] >= 12


def test_a_budget_in_generations_begins_all_beams_and_draws_nothing_first() -> None:
    events = Run(solutions(3), "beam", Budget(8), max_tokens=LIMIT).events()
    assert [each.parent for each in of(StepStarted, events)[:8]] == [0] * 8
    assert outcome_of(events).cost.generations == 8


def test_what_grows_too_long_is_ended_in_time_to_finish_the_best() -> None:
    """A first step that takes all of the budget leaves what is kept back, and that makes answers."""
    short = ScriptLine("So it is \\boxed{4}", score=0.9)
    runaway = ScriptLine(" ".join(["and"] * 70) + "\n\nso \\boxed{5}", score=0.8)
    for seed in range(10):
        run = Run([short, runaway, runaway], "beam", Budget(260, Unit.TOKENS), seed=seed, max_tokens=LIMIT)
        outcome = run.outcome()
        assert outcome.answer is not None
        assert outcome.cost.tokens <= 260


def test_where_no_solution_names_an_answer_the_search_goes_on_without() -> None:
    lines = [replace(line, text=line.text.replace("boxed", "circled")) for line in solutions(4)]
    outcome = Run(lines, "beam", Budget(3000, Unit.TOKENS), max_tokens=LIMIT).outcome()
    assert outcome.answer is None
    assert len(outcome.candidates) > 4


@pytest.mark.parametrize("method", SEARCHES)
@pytest.mark.parametrize("amount", [30, 80, 200, 500])
def test_a_verifier_that_takes_tokens_leaves_an_answer_too(method: str, amount: int) -> None:
    script = Script({"": solutions(5)})
    options = {"budget": Budget(amount, Unit.TOKENS), "max_tokens": LIMIT}
    for seed in range(5):
        vote = Run(solutions(5), "majority", seed=seed, **options).outcome()  # type: ignore[arg-type]
        run = Run(solutions(5), method, seed=seed, verifier=Exacting(script), **options)  # type: ignore[arg-type]
        outcome = run.outcome()
        assert (outcome.answer is not None) or (vote.answer is None)
        assert outcome.cost.tokens <= max(amount, len(PROBLEM.text.split()))
