"""What holds of every search down a tree, whatever the script, the width, the seed, the budget and the interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaving import leave

from search.runs import PROBLEM, Run, of, outcome_of
from search.trees import LINES, Exacting, check_tree, check_tree_cost, watch
from ttcli.cost import Budget, Meter, Stopped, Unit
from ttcli.errors import BackendError, UsageError
from ttcli.events import StepsSelected, StepStarted
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.seams import StepScores
from ttcli.search.methods import METHODS, parse_method
from ttcli.search.tree import ROUNDS
from ttcli.solution import Ended, Prefix

SEARCHES = sorted(name for name, method in METHODS.items() if method.stepwise)


@st.composite
def _named(draw: st.DrawFn) -> tuple[str, int]:
    """A search with its settings, and a number of beams that it can work with."""
    name = draw(st.sampled_from(SEARCHES))
    m = draw(st.sampled_from([1, 2, 3, 4]))
    beams = m * draw(st.integers(1, 12 // m))
    settings = {
        "beam": f"m={m}",
        "dvts": f"m={m}",
        "lookahead": f"m={m},k={draw(st.integers(1, 3))}",
        "rebase": f"t={draw(st.sampled_from([0.01, 0.2, 5]))}",
        "particles": f"t={draw(st.sampled_from([0.01, 1, 5]))}",
    }[name]
    return f"{name}:{settings}", beams


@st.composite
def _runs(draw: st.DrawFn, *, counted: bool = False) -> Run:
    name, beams = draw(_named())
    each = 1 + (parse_method(name).parameters.k or 0)  # type: ignore[union-attr]
    budgets = [st.just(Budget(beams * each))]
    if not counted:
        budgets += [
            st.integers(1, 150).map(lambda amount: Budget(amount, Unit.TOKENS)),
            st.floats(0.1, 40).map(lambda amount: Budget(amount, Unit.SECONDS)),
        ]
    budget = draw(st.one_of(budgets))
    return Run(
        draw(LINES),
        name if budget.unit is Unit.GENERATIONS else f"{name},n={beams}",
        budget,
        width=draw(st.integers(1, 6)),
        seed=draw(st.integers(0, 3)),
        pace=1.0,
    )


@st.composite
def _demanding(draw: st.DrawFn) -> tuple[Run, Exacting]:
    """A run with a verifier that takes tokens, that cannot read long solutions and may be called off."""
    run = draw(_runs())
    verifier = Exacting(
        Script({"": run.lines}),
        longest=draw(st.sampled_from([2, 6, 1000])),
        interrupted_at=draw(st.none() | st.integers(1, 5)),
    )
    interrupt = draw(st.none() | st.integers(1, 40))
    return replace(run, interrupt_at=interrupt, verifier=verifier), verifier


quick = settings(deadline=None, max_examples=60)


@quick
@given(_demanding())
def test_the_tree_is_right_and_nothing_is_kept_for_what_was_given_up(demanding: tuple[Run, Exacting]) -> None:
    run, verifier = demanding
    events = watch(run, verifier)
    check_tree(events)
    check_tree_cost(events)
    assert not run.policy.live
    assert not verifier.live
    cost = outcome_of(events).cost
    assert cost.flops == 2 * (cost.policy_tokens + cost.prompt_tokens) + 2 * 3 * cost.verifier_tokens


@quick
@given(_demanding())
def test_no_more_is_spent_than_the_budget(demanding: tuple[Run, Exacting]) -> None:
    run, _ = demanding
    cost, amount = run.outcome().cost, run.budget.amount
    if run.budget.unit is Unit.GENERATIONS:
        assert cost.generations <= amount
    elif run.budget.unit is Unit.TOKENS:
        assert cost.tokens <= max(cost.prompt_tokens, amount)
    else:
        assert cost.seconds < amount + run.pace


@quick
@given(_runs(counted=True))
def test_a_search_that_is_not_stopped_counts_all_its_generations(run: Run) -> None:
    outcome = run.outcome()
    assert outcome.stopped is None
    assert outcome.cost.generations == run.budget.amount
    assert outcome.candidates


@quick
@given(_runs())
def test_the_same_seed_grows_the_same_tree(run: Run) -> None:
    assert run.events() == replace(run).events()


@quick
@given(_runs(counted=True), st.integers(1, 6))
def test_the_width_changes_nothing_in_the_tree(run: Run, width: int) -> None:
    one, other = run.outcome(), replace(run, width=width).outcome()
    assert (one.tree, one.candidates) == (other.tree, other.candidates)


@quick
@given(_demanding(), st.integers(0, 60))
def test_nothing_is_left_behind_when_nobody_reads_on(demanding: tuple[Run, Exacting], events: int) -> None:
    run, verifier = demanding
    iterator = run.iterate()
    for _ in zip(range(events), iterator, strict=False):
        pass
    leave(iterator)
    assert not run.policy.live
    assert not verifier.live


@quick
@given(_runs(), st.integers(1, 20))
def test_an_interrupted_search_ends_at_once_and_votes_over_what_has_finished(run: Run, step: int) -> None:
    run = replace(run, interrupt_at=step)
    outcome = run.outcome()
    if run.steps < step:
        return
    assert run.steps == step
    assert outcome.stopped is Stopped.INTERRUPT
    ended = [one for one in outcome.candidates if one.ended in (Ended.STOP, Ended.LENGTH)]
    if any(one.answer for one in ended):
        assert len(ended) == len(outcome.candidates)
    else:
        assert len(outcome.candidates) <= len(ended) + 1
    if outcome.tree:
        assert outcome.candidates


@pytest.mark.parametrize("method", SEARCHES)
def test_a_step_that_repeats_a_sibling_counts_where_a_vote_follows(method: str) -> None:
    outcome = Run([ScriptLine("one\n\n\\boxed{4}")], f"{method}:n=4", Budget(10**6, Unit.TOKENS)).outcome()
    assert [node.parent for node in outcome.tree if not node.rollout].count(0) == 4


@pytest.mark.parametrize("method", sorted({*SEARCHES} - {"particles"}))
def test_a_step_that_repeats_a_sibling_is_drawn_again_once_where_the_best_solution_wins(method: str) -> None:
    lines = [ScriptLine(f"one\n\ntwo {number}\n\n\\boxed{{4}}") for number in range(100)]
    events = Run(lines, f"{method}:n=8,vote=best", Budget(10**6, Unit.TOKENS)).events()
    first = [event.node for event in of(StepStarted, events) if event.parent == 0]
    assert first == [*range(1, 8 + 7 + 1)]
    assert {node.number for node in outcome_of(events).tree if node.pruned} >= {*range(2, 9)}
    assert set(of(StepsSelected, events)[0].pruned) >= {*range(2, 9)}


def test_what_is_drawn_again_is_paid_for_by_the_next_rounds() -> None:
    def drawn(lines: list[ScriptLine]) -> int:
        outcome = Run(lines, "beam:n=8,vote=best", Budget(10**6, Unit.TOKENS)).outcome()
        return sum(len(path_of(node.text)) for node in outcome.tree)

    def path_of(text: str) -> list[str]:
        return [text]

    same = [ScriptLine(f"one\n\ntwo {at}\n\nthree {at}\n\nfour {at}\n\n\\boxed{{4}}") for at in range(99)]
    others = [ScriptLine(f"one {line.text}") for line in same]
    assert drawn(same) <= drawn(others)


def test_steps_that_differ_are_not_drawn_again() -> None:
    lines = [ScriptLine(f"{number}\n\n\\boxed{{4}}") for number in range(100)]
    nodes = Run(lines, "beam", Budget(4), seed=1).outcome().tree
    first = [node.text for node in nodes if node.parent == 0]
    assert len(first) == len(set(first)) == 4


# -- what is found


def _binary(depth: int) -> list[ScriptLine]:
    """All paths of left and right; the path that goes right, left, right ... is the best at every step."""
    lines = []
    for number in range(2**depth):
        turns = [number >> at & 1 for at in range(depth)]
        good = [turn == (at + 1) % 2 for at, turn in enumerate(turns)]
        steps_so_far = (good[:end] for end in range(1, depth + 1))
        scores = (*(0.1 + 0.8 * sum(some) / len(some) for some in steps_so_far), 0.5 + 0.4 * all(good))
        steps = ["right" if turn else "left" for turn in turns]
        lines.append(ScriptLine("\n\n".join([*steps, f"\\boxed{{{number}}}"]), scores=scores))
    return lines


BEST = str(0b0101)  # right, left, right, left: the lowest bit is the first turn


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "method",
    [
        "beam:vote=best",
        "beam:m=4",
        "beam:m=sqrt",
        "lookahead:vote=best",
        "lookahead:k=3,vote=best",
        "dvts:m=4,vote=best",
        "rebase:t=0.05",
        "particles:t=0.1",
    ],
)
def test_the_best_path_of_a_small_tree_is_found(method: str, seed: int) -> None:
    each = 1 + (parse_method(method).parameters.k or 0)  # type: ignore[union-attr]
    outcome = Run(_binary(4), method, Budget(16 * each), seed=seed, width=16).outcome()
    assert outcome.answer == BEST


def test_without_a_separator_a_search_is_like_best_of_n() -> None:
    lines = [
        ScriptLine("it is \\boxed{4}", score=0.9),
        ScriptLine("it is \\boxed{5}", score=0.2),
        ScriptLine("it is not", score=0.1),
    ]
    for method in SEARCHES:
        outcome = Run(lines, method, Budget(16)).outcome()
        assert outcome.answer == "4"
        assert all(one.ended is Ended.STOP for one in outcome.candidates)
        assert {node.parent for node in outcome.tree} == {0}
        assert len(outcome.candidates) == (8 if method == "lookahead" else 16)


# -- what stops it


@pytest.mark.parametrize("method", SEARCHES)
def test_a_verifier_that_judges_only_what_is_finished_is_refused_before_anything_is_drawn(method: str) -> None:
    class Final(ScriptedVerifier):
        partial = False
        name = "final"

    run = Run([ScriptLine("a")], method, verifier=Final(Script({"": [ScriptLine("a")]})))
    with pytest.raises(UsageError, match=f"{method} asks for a score after every step, and final judges") as caught:
        run.iterate()
    assert caught.value.hint == "--verifier confidence, or --method best-of-n"


@pytest.mark.parametrize("method", SEARCHES)
def test_nothing_is_drawn_after_forty_rounds(method: str) -> None:
    endless = ScriptLine("\n\n".join(["so"] * 60 + ["\\boxed{4}"]))
    events = Run([endless], f"{method}:n=4", Budget(10**6, Unit.TOKENS)).events()
    assert len(of(StepsSelected, events)) == ROUNDS == 40
    outcome = outcome_of(events)
    assert outcome.stopped is None
    (best,) = outcome.candidates
    assert (best.ended, best.answer) == (Ended.CUT, None)
    assert best.text == "so\n\n" * (41 if method == "lookahead" else 40)


@pytest.mark.parametrize("method", SEARCHES)
def test_where_nothing_has_finished_the_best_unfinished_prefix_answers(method: str) -> None:
    lines = [
        ScriptLine("the answer is \\boxed{4}\n\nlet me check that once more to be sure", scores=(0.9, 0.9)),
        ScriptLine("the answer is \\boxed{5}\n\nlet me check that once more to be sure", scores=(0.3, 0.3)),
    ]
    run = Run(lines, f"{method}:n=4", Budget(10**6, Unit.TOKENS), width=4, interrupt_at=6)
    outcome = run.outcome()
    (best,) = outcome.candidates
    assert (outcome.answer, best.answer, best.ended) == ("4", "4", Ended.CUT)
    assert outcome.stopped is Stopped.INTERRUPT
    assert best.node in {node.number for node in outcome.tree}


@pytest.mark.parametrize("method", SEARCHES)
def test_a_policy_that_is_called_off_before_the_budget_is_up_ends_the_search(method: str) -> None:
    lines = [ScriptLine("one and\n\ntwo and\n\n\\boxed{4}")]
    decodes = 0

    def called_off() -> bool:
        nonlocal decodes
        decodes += 1
        return decodes > 3

    script = Script({"": lines})
    policy = ScriptedPolicy(script, interrupted=called_off)
    meter = Meter(Budget(10**6, Unit.TOKENS), max_tokens=50)
    events = [*parse_method(f"{method}:n=4").run(PROBLEM, policy, ScriptedVerifier(script), meter, seed=0)]
    check_tree(events)
    assert decodes == 4
    assert not policy.live


@pytest.mark.parametrize("method", SEARCHES)
def test_an_error_of_the_verifier_is_raised_and_nothing_is_left_behind(method: str) -> None:
    class Fails(Exacting):
        def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
            if self.calls:
                raise BackendError("it broke")
            return super().score(prefixes)

    lines = [ScriptLine("one\n\ntwo\n\n\\boxed{4}"), ScriptLine("one\n\nthree\n\n\\boxed{5}")]
    verifier = Fails(Script({"": lines}))
    run = Run(lines, method, Budget(8), verifier=verifier)
    with pytest.raises(BackendError, match="it broke"):
        run.events()
    assert not run.policy.live
    assert not verifier.live


@pytest.mark.parametrize("method", SEARCHES)
def test_a_round_is_scored_in_one_call(method: str) -> None:
    lines = [ScriptLine("one\n\ntwo\n\n\\boxed{4}"), ScriptLine("three\n\nfour\n\n\\boxed{5}")]
    verifier = Exacting(Script({"": lines}))
    events = Run(lines, method, Budget(16), verifier=verifier).events()
    assert len(verifier.calls) == len(of(StepsSelected, events))


@pytest.mark.parametrize("method", SEARCHES)
def test_prefixes_that_are_too_long_for_the_verifier_are_given_up_and_the_others_go_on(method: str) -> None:
    long, short = "this goes on and on and on", "this is it"
    lines = [ScriptLine(f"{long}\n\n\\boxed{{5}}", score=0.9), ScriptLine(f"{short}\n\n\\boxed{{4}}", score=0.1)]
    verifier = Exacting(Script({"": lines}), longest=6)
    events = Run(lines, f"{method}:n=8", Budget(10**6, Unit.TOKENS), verifier=verifier).events()
    outcome = outcome_of(events)
    assert outcome.answer == "4"
    assert {one.answer for one in outcome.candidates} == {"4"}
    assert all(node.pruned for node in outcome.tree if node.text.startswith(long))


@pytest.mark.parametrize("method", SEARCHES)
def test_where_the_verifier_can_read_nothing_at_all_the_search_ends_with_what_there_is(method: str) -> None:
    lines = [ScriptLine("so it is \\boxed{4}\n\nindeed")]
    verifier = Exacting(Script({"": lines}), longest=1)
    outcome = Run(lines, f"{method}:n=8", Budget(10**6, Unit.TOKENS), verifier=verifier).outcome()
    assert outcome.answer == "4"
