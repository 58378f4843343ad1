"""What a search selects by, and who votes in the end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from search.runs import PROBLEM, Run, of, outcome_of
from ttcli.answers import vote
from ttcli.cost import Budget
from ttcli.events import StepsSelected
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedVerifier
from ttcli.seams import StepScores
from ttcli.search.finals import count_of
from ttcli.search.methods import METHODS, parse_method
from ttcli.search.prefixes import Beam, best, contenders
from ttcli.solution import Candidate, Ended, Prefix, Step
from ttcli.verifier.aggregate import Aggregated
from ttcli.verifier.confidence import Confidence

FALSE = ScriptLine("12 x 5 = 70\n\nand so\n\n\\boxed{70}", scores=(0.01, 0.01, 0.01))
TRUE = ScriptLine("12 x 5 = 60\n\nand so\n\n\\boxed{60}", scores=(0.3, 0.3, 0.3))
# its first step looks bad, and all that comes after it good
LATE = ScriptLine("so\n\nthen\n\n\\boxed{4}", scores=(0.1, 0.9, 0.9))
EARLY = ScriptLine("or\n\nthen\n\n\\boxed{5}", scores=(0.8, 0.2, 0.2))


def beam(node: int, score: float | None, *, answer: str = "") -> Beam:
    ended = Ended.STOP if answer else Ended.OPEN
    return Beam(node, Prefix(PROBLEM, node, steps=(Step(f"{answer} ", 1, 0.0),), ended=ended), score)


def test_what_is_scored_below_the_floor_is_given_up_even_where_there_are_places() -> None:
    beams = [beam(1, 0.5), beam(2, 0.01), beam(3, 0.02), beam(4, None)]
    assert [each.node for each, _ in contenders(beams, 0.02)] == [1, 3]
    assert [each.node for each in best(beams, 4, 0.02)] == [1, 3]
    assert [each.node for each in best(beams, 4)] == [1, 3, 2]


def test_where_all_are_below_the_floor_none_is_given_up() -> None:
    assert [each.node for each in best([beam(1, 0.001), beam(2, 0.01)], 2, 0.02)] == [2, 1]


@pytest.mark.parametrize("method", ["beam", "dvts", "lookahead", "rebase", "particles"])
def test_no_search_goes_on_from_a_false_equation(method: str) -> None:
    generations = 32 if method == "lookahead" else 16
    events = Run([FALSE, TRUE], method, Budget(generations), seed=1).events()
    nodes = {node.number: node for node in outcome_of(events).tree}
    first = of(StepsSelected, events)[0]
    assert {nodes[number].text for number in first.kept} == {"12 x 5 = 60\n\n"}
    kept = Run([FALSE, TRUE], f"{method}:floor=0", Budget(generations), seed=1).events()
    if method in {"dvts", "rebase"}:  # they give a place to whatever is best of its kind, or not much worse
        assert {nodes[n].text for n in of(StepsSelected, kept)[0].kept if n in nodes} >= {"12 x 5 = 60\n\n"}


def test_a_search_selects_by_the_current_step_whatever_a_solution_is_scored_by() -> None:
    """The least of the steps' scores would go on from EARLY, and prefer it to the end."""
    script = Script({"": [LATE, EARLY]})
    verifier = Aggregated(ScriptedVerifier(script), "min")
    prefix = Prefix(PROBLEM, 0, steps=(Step("so\n\n", 1, 0.0), Step("then\n\n", 1, 0.0)))
    (opinion,) = verifier.score([prefix])
    assert (opinion.score, opinion.current) == (0.1, 0.9)
    events = Run([LATE, EARLY], "beam:m=1", Budget(8), seed=0, verifier=verifier).events()
    outcome = outcome_of(events)
    nodes = {node.number: node for node in outcome.tree}
    first, second, *_ = of(StepsSelected, events)
    kept = [nodes[n].score or 0.0 for n in first.kept]
    assert kept == sorted(kept, reverse=True)
    ranked = [(nodes[nodes[n].parent].text, nodes[n].score) for n in second.kept]
    assert {*ranked} == {("so\n\n", 0.9), ("or\n\n", 0.2)}
    assert ranked == sorted(ranked, key=lambda each: -(each[1] or 0))
    assert {(one.answer, one.score) for one in outcome.candidates} == {("4", 0.1), ("5", 0.2)}


def test_confidence_values_all_that_is_there_so_far() -> None:
    steps = (Step("so\n\n", 1, -1.0), Step("then\n\n", 3, 0.0))
    (opinion,) = Confidence().score([Prefix(PROBLEM, 0, steps=steps)])
    assert opinion.current == opinion.score != opinion.steps[-1]
    (weakest,) = Confidence(weakest=True).score([Prefix(PROBLEM, 0, steps=steps)])
    assert weakest.current == weakest.score == min(weakest.steps)


def test_a_verifier_without_steps_is_gone_by_as_a_whole() -> None:
    assert StepScores(0.4, (), 0).current == 0.4
    assert StepScores(0.4, (0.1, 0.7), 0).current == 0.7


def _candidates(*told: tuple[str, float, int | None]) -> list[Candidate]:
    return [
        Candidate(at, answer, answer, Ended.STOP, 1, 0.0, score=score, lineage=lineage, node=at + 1)
        for at, (answer, score, lineage) in enumerate(told)
    ]


def test_lineages_have_one_vote_each() -> None:
    copies: Sequence[Candidate] = _candidates(("5", 0.6, 1), ("5", 0.6, 1), ("5", 0.6, 1), ("4", 0.5, 2), ("4", 0.5, 3))
    weighted, lineages = vote.weighted(copies), vote.by_lineage(copies)
    assert weighted.leader is not None
    assert lineages.leader is not None
    assert (weighted.leader.answer, lineages.leader.answer) == ("5", "4")
    assert [each.weight for each in lineages.votes] == [1.0, 0.6]


def test_finals_carry_the_number_of_the_first_step_that_they_come_down_from() -> None:
    outcome = Run([TRUE, LATE, EARLY], "beam", Budget(16), seed=2).outcome()
    parents = {node.number: node.parent for node in outcome.tree}
    for one in outcome.candidates:
        number = one.node or 0
        while parents[number]:
            number = parents[number]
        assert one.lineage == number


def test_the_rule_of_a_method_counts_what_was_asked_again_too() -> None:
    copies = _candidates(("5", 0.6, 1), ("5", 0.6, 1), ("5", 0.6, 1), ("4", 0.5, 2), ("4", 0.5, 3))
    leaders = {
        name: leader.answer
        for name in ("beam", "beam:vote=lineage", "beam:vote=best", "best-of-n", "majority", "best-of-n-plain")
        if (leader := count_of(parse_method(name))(copies).leader) is not None
    }
    assert leaders == {
        "beam": "5",
        "beam:vote=lineage": "4",
        "beam:vote=best": "5",
        "best-of-n": "5",
        "majority": "5",
        "best-of-n-plain": "5",
    }


def test_particles_vote_by_their_places_and_those_not_drawn_do_not() -> None:
    """Half of the particles finish at once with a low score: later rounds draw few of them."""
    short = ScriptLine("it is \\boxed{5}", score=0.2)
    slow = ScriptLine("at first\n\nand then\n\nit is \\boxed{4}", scores=(0.8, 0.9, 0.95))
    outcome = Run([short, slow], "particles", Budget(16), seed=1).outcome()
    places = {one.index: one.places for one in outcome.candidates}
    assert sum(count or 0 for count in places.values()) == 16
    assert 0 in places.values()
    voting = {index for each in outcome.ballot.votes for index in each.members}
    assert voting == {index for index, count in places.items() if count}
    assert sum(each.weight for each in outcome.ballot.votes) == 16
    nodes = {node.number: node for node in outcome.tree}
    assert all(nodes[one.node or 0].pruned == (not one.places) for one in outcome.candidates)


def test_particles_that_were_stopped_before_any_of_the_population_has_finished_vote_over_all_that_did() -> None:
    short = ScriptLine("it is \\boxed{5}", score=0.001)
    slow = ScriptLine("at first\n\nand then it goes on and on\n\nit is \\boxed{4}", scores=(0.999, 0.999, 0.999))
    run = Run([short, slow], "particles", Budget(8), seed=1, width=8, interrupt_at=7)
    outcome = run.outcome()
    assert outcome.answer == "5"


def test_no_other_method_has_places() -> None:
    for method in METHODS:
        outcome = Run([TRUE, LATE], method, Budget(16)).outcome()
        assert (method == "particles") == any(one.places is not None for one in outcome.candidates)
