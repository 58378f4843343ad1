from __future__ import annotations

from search.runs import Run, of, outcome_of
from ttcli.cost import Budget
from ttcli.events import StepsSelected
from ttcli.policy.script import ScriptLine
from ttcli.solution import Node

LINES = [
    ScriptLine(f"{first}\n\n{second}\n\n\\boxed{{{first}{second}}}", scores=(first / 10, first / 10, second / 10))
    for first in range(10)
    for second in range(10)
]


def ancestor(nodes: dict[int, Node], number: int) -> int:
    while nodes[number].parent:
        number = nodes[number].parent
    return number


def test_every_subtree_goes_on_from_its_own_best_step() -> None:
    events = Run(LINES, "dvts:m=4", Budget(16), seed=4, width=16).events()
    outcome = outcome_of(events)
    nodes = {node.number: node for node in outcome.tree}
    first, second, *_ = of(StepsSelected, events)
    assert len(first.kept) == len(second.kept) == 4
    roots = sorted(number for number, node in nodes.items() if node.parent == 0)
    standing = [number for number in roots if number in first.kept or number in first.pruned]
    assert len(standing) >= 16
    # the first sixteen stand in fours, one of which is kept: also from a four where all are worse than in the others
    scores = {number: nodes[number].score for number in roots}
    assert len({scores[number] for number in first.kept}) > 1
    assert {ancestor(nodes, number) for number in second.kept} == set(first.kept)


def test_a_beam_search_of_the_same_size_may_end_in_one_subtree_where_dvts_keeps_all() -> None:
    def kept(method: str) -> set[int]:
        events = Run(LINES, method, Budget(16), seed=4, width=16).events()
        nodes = {node.number: node for node in outcome_of(events).tree}
        return {ancestor(nodes, number) for number in of(StepsSelected, events)[-1].kept}

    assert len(kept("dvts:m=4")) == 4
    assert len(kept("beam:m=4")) < 4


def test_all_that_finished_in_the_subtrees_vote() -> None:
    outcome = Run(LINES, "dvts:m=4", Budget(8), seed=4).outcome()
    assert len(outcome.candidates) == 8
    assert len({one.node for one in outcome.candidates}) == 8
