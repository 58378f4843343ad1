from __future__ import annotations

from search.runs import Run, of, outcome_of
from ttcli.cost import Budget, Unit
from ttcli.events import StepFinished, StepsSelected, StepStarted
from ttcli.policy.script import ScriptLine
from ttcli.solution import Ended

GOOD = ScriptLine("good\n\nbetter\n\n\\boxed{4}", scores=(0.6, 0.7, 0.8))
BAD = ScriptLine("bad\n\nworse\n\n\\boxed{5}", scores=(0.4, 0.3, 0.2))


def test_only_the_best_prefixes_grow_and_as_many_steps_from_each() -> None:
    events = Run([GOOD, GOOD, GOOD, BAD], "beam:m=2", Budget(4), seed=3).events()
    nodes = {event.node.number: event.node for event in of(StepFinished, events)}
    first, *_ = of(StepsSelected, events)
    assert len(first.kept) == 2
    assert [nodes[number].text for number in first.kept] == ["good\n\n"] * 2
    forks = [event.parent for event in of(StepStarted, events)]
    assert all(forks.count(number) == 2 for number in first.kept)
    assert {nodes[n].text for n in first.pruned} >= {"bad\n\n"}
    assert outcome_of(events).answer == "4"


def test_a_finished_solution_goes_on_competing_and_yields_to_better_prefixes() -> None:
    """A short solution is done at once and scores 0.5: a slow one that scores 0.6 to 0.9 takes its place."""
    short = ScriptLine("it is \\boxed{5}", score=0.5)
    slow = ScriptLine("let me see\n\nand so on\n\nit is \\boxed{4}", scores=(0.6, 0.7, 0.9))
    events = Run([short, slow], "beam:m=4", Budget(8), seed=1).events()
    outcome = outcome_of(events)
    nodes = {node.number: node for node in outcome.tree}
    first = of(StepsSelected, events)[0]
    assert {nodes[number].text for number in first.kept} == {"let me see\n\n"}
    done = {one.node for one in outcome.candidates if one.text == short.text}
    assert done
    assert not done & set(first.pruned)  # it lost its place, but it is a solution
    assert {one.answer for one in outcome.candidates} == {"4", "5"}


def test_a_finished_solution_that_is_kept_takes_up_a_place_and_is_not_expanded() -> None:
    short = ScriptLine("it is \\boxed{5}", score=0.8)
    slow = ScriptLine("let me see\n\nand so on\n\nit is \\boxed{4}", scores=(0.6, 0.6, 0.9))
    events = Run([short, *[slow] * 5], "beam:m=2", Budget(4), seed=1).events()
    nodes = {node.number: node for node in outcome_of(events).tree}
    first, second, *_ = of(StepsSelected, events)
    ended = [number for number in first.kept if nodes[number].ended is Ended.STOP]
    assert len(ended) == 1
    assert ended[0] in second.kept
    assert not [node for node in nodes.values() if node.parent == ended[0]]
    grown = [number for number in first.kept if number not in ended]
    assert {node.parent for node in nodes.values() if node.number > max(first.kept + first.pruned)} >= set(grown)


def test_a_search_ends_when_every_place_is_taken_by_a_finished_solution() -> None:
    short = ScriptLine("it is \\boxed{5}", score=0.9)
    slow = ScriptLine("let me see\n\nit is \\boxed{4}", scores=(0.2, 0.3))
    events = Run([short, slow], "beam:m=4", Budget(4), seed=0).events()
    assert len(of(StepsSelected, events)) == 1
    assert outcome_of(events).answer == "5"


def test_no_more_than_n_of_the_finished_vote_and_these_are_the_best() -> None:
    """In every round some finish and others go on: far more than N come to their end."""
    lines = []
    for depth in range(6):
        for answer, score in ((4, 0.1 + 0.1 * depth), (5, 0.05)):
            steps = ["on"] * depth + [f"it is \\boxed{{{answer}}}"]
            lines.append(ScriptLine("\n\n".join(steps), scores=(0.95,) * depth + (score,)))
    outcome = Run(lines, "beam:m=4,n=8", Budget(10**6, Unit.TOKENS), seed=5).outcome()
    assert len(outcome.candidates) > 8
    voting = {index for vote in outcome.ballot.votes for index in vote.members}
    assert len(voting) + outcome.ballot.abstained == 8
    scores = [one.score or 0.0 for one in outcome.candidates]
    assert min(scores[index] for index in voting) >= max(
        score for index, score in enumerate(scores) if index not in voting
    )
    nodes = {node.number: node for node in outcome.tree}
    assert all(nodes[one.node or 0].pruned == (one.index not in voting) for one in outcome.candidates)


def test_a_finished_solution_without_an_answer_is_a_candidate_without_a_vote() -> None:
    silent = ScriptLine("let me see\n\nI do not know", scores=(0.5, 0.9))
    outcome = Run([silent], "beam", Budget(4)).outcome()
    assert outcome.answer is None
    assert [one.answer for one in outcome.candidates] == [None] * 4
    assert outcome.ballot.abstained == 4


def test_what_ended_without_an_answer_takes_no_place_from_a_prefix_that_may_still_find_one() -> None:
    silent = ScriptLine("I do not know this", score=0.9)
    slow = ScriptLine("let me see\n\nit is \\boxed{4}", scores=(0.2, 0.3))
    for method in ("beam", "dvts", "lookahead:m=2", "rebase", "particles"):
        outcome = Run([silent, slow], method, Budget(8), seed=1).outcome()
        assert outcome.answer == "4"
        assert any(one.answer is None for one in outcome.candidates)


def test_an_end_of_turn_after_a_separator_is_a_node_but_no_step_of_the_solution() -> None:
    lines = [
        ScriptLine("it is \\boxed{4}\n\n", scores=(0.9,)),
        ScriptLine("it is \\boxed{4}\n\nindeed", scores=(0.9, 0.5)),
    ]
    outcome = Run(lines, "beam:m=2", Budget(4), seed=2).outcome()
    blank = [node for node in outcome.tree if node.text == ""]
    assert blank or all(node.parent == 0 for node in outcome.tree if not node.pruned)
    for one in outcome.candidates:
        assert len(one.step_scores) == (2 if one.text.endswith("indeed") else 1)
