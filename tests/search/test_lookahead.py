from __future__ import annotations

from search.runs import Run, of, outcome_of
from search.trees import Exacting, path
from ttcli.cost import Budget, Unit
from ttcli.events import StepScored, StepsSelected, StepStarted
from ttcli.policy.script import Script, ScriptLine

# at first sight the trap is better, one step later it is seen for what it is
TRAP = ScriptLine("trap\n\ndead end\n\n\\boxed{5}", scores=(0.7, 0.1, 0.1))
WAY = ScriptLine("way\n\nopen country\n\n\\boxed{4}", scores=(0.5, 0.8, 0.9))


def test_looking_ahead_sees_what_beam_search_falls_for() -> None:
    for seed in range(5):
        assert Run([TRAP, WAY], "beam:m=4", Budget(4), seed=seed).outcome().answer == "5"
        assert Run([TRAP, WAY], "lookahead:m=4", Budget(8), seed=seed).outcome().answer == "4"


def test_a_step_is_worth_what_the_end_of_its_rollout_is_worth() -> None:
    events = Run([TRAP, WAY], "lookahead", Budget(8), seed=1).events()
    nodes = {node.number: node for node in outcome_of(events).tree}
    scores = {nodes[number].text: nodes[number].score for number in of(StepsSelected, events)[0].kept}
    assert scores == {"way\n\n": 0.8}
    given_up = {nodes[n].score for n in of(StepsSelected, events)[0].pruned if nodes[n].text == "trap\n\n"}
    assert 0.1 in given_up
    assert 0.7 not in given_up


def test_every_beam_counts_for_its_rollouts_and_the_first_steps_alone_are_beams() -> None:
    for k in (1, 2, 3):
        outcome = Run([TRAP, WAY], f"lookahead:k={k}", Budget(4 * (k + 1)), seed=0).outcome()
        assert outcome.cost.generations == 4 * (k + 1)


def test_a_rollout_is_as_long_as_asked_for_and_ends_with_the_solution() -> None:
    line = ScriptLine("\n\n".join(["a", "b", "c", "d", "\\boxed{4}"]))
    for k in (1, 2, 3, 9):
        events = Run([line], f"lookahead:k={k},m=1,n=1", Budget(999, Unit.TOKENS)).events()
        before_selection = events[: events.index(of(StepsSelected, events)[0])]
        assert sum(fork.rollout for fork in of(StepStarted, before_selection)) == min(k, 4)


def test_the_rollout_of_a_step_that_is_kept_is_not_drawn_again() -> None:
    """With one beam and one next step all that is drawn is the rollout: the search costs no more than one solution."""
    line = ScriptLine("\n\n".join(["a", "b", "c", "d", "\\boxed{4}"]))
    for k in (1, 2, 3, 9):
        outcome = Run([line], f"lookahead:k={k},m=1,n=1", Budget(10**6, Unit.TOKENS)).outcome()
        assert outcome.cost.policy_tokens == 5
        assert [node.text for node in outcome.tree] == ["a\n\n", "b\n\n", "c\n\n", "d\n\n", "\\boxed{4}"]
        assert not any(node.rollout or node.pruned for node in outcome.tree)
        assert outcome.answer == "4"


def test_the_first_step_of_a_kept_rollout_is_the_first_of_the_next_steps() -> None:
    lines = [ScriptLine(f"way\n\n{n}\n\n\\boxed{{4}}", scores=(0.5, 0.5, 0.9)) for n in range(50)]
    events = Run(lines, "lookahead:m=4", Budget(8), seed=3).events()
    nodes = {node.number: node for node in outcome_of(events).tree}
    (kept,) = of(StepsSelected, events)[0].kept
    forks = [fork for fork in of(StepStarted, events) if fork.parent == kept]
    assert [fork.rollout for fork in forks] == [True, False, False, False]
    adopted, *drawn = [nodes[fork.node] for fork in forks]
    assert not adopted.rollout
    assert adopted.text == "0\n\n"  # the likeliest
    assert all(node.text.strip().isdigit() for node in drawn)


def test_a_step_that_repeats_the_adopted_one_is_drawn_again() -> None:
    lines = [ScriptLine(f"way {n}\n\n{turn}\n\n\\boxed{{4}}") for n in range(50) for turn in ("on", "off")]
    events = Run(lines, "lookahead:m=4,vote=best", Budget(8), seed=3).events()
    (kept,) = of(StepsSelected, events)[0].kept
    nodes = {node.number: node for node in outcome_of(events).tree}
    drawn = [nodes[fork.node] for fork in of(StepStarted, events) if fork.parent == kept]
    repeats = [node for node in drawn[1:4] if node.text == drawn[0].text]
    assert repeats
    assert all(node.pruned for node in repeats)


def test_what_is_given_up_takes_its_rollout_with_it() -> None:
    events = Run([TRAP, WAY], "lookahead:k=2", Budget(12), seed=1).events()
    nodes = {node.number: node for node in outcome_of(events).tree}
    given_up = set(of(StepsSelected, events)[0].pruned)
    below = {n for n in nodes if any(step.number in given_up for step in path(nodes, n)) and n <= max(given_up)}
    assert below == given_up
    assert any(nodes[n].rollout for n in given_up)


def test_only_the_ends_of_rollouts_are_shown_to_the_verifier() -> None:
    verifier = Exacting(Script({"": [TRAP, WAY]}))
    events = Run([TRAP, WAY], "lookahead", Budget(8), verifier=verifier, seed=1).events()
    first = events[: events.index(of(StepsSelected, events)[0])]
    nodes = {node.number: node for node in outcome_of(events).tree}
    steps = [event.node for event in of(StepStarted, first) if event.parent == 0 and not nodes[event.node].pruned]
    ends = [event.node for event in of(StepScored, first) if nodes[event.node].parent]
    assert verifier.calls[0] == 4
    assert len(ends) == 4
    assert set(steps) <= {event.node for event in of(StepScored, first)}
