"""Searches down scripted trees, and what must hold of the events of any of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from search.runs import PROBLEM, Run, of, outcome_of
from ttcli.cost import Unit
from ttcli.errors import PromptTooLong
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CostUpdated,
    Event,
    RunFinished,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    StepToken,
    VoteUpdated,
)
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedVerifier
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Candidate, Ended, Node, Prefix

PROMPT = len(PROBLEM.text.split())

_STEPS = ["so", "or so", "then it is", "\\boxed{4}", "it is \\boxed{5}"]


@st.composite
def _lines(draw: st.DrawFn) -> ScriptLine:
    steps = draw(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=5))
    end = draw(st.sampled_from(["", "", "", "\n\n"]))
    scores = draw(st.none() | st.tuples(*[st.floats(0, 1)] * len(steps)))
    return ScriptLine("\n\n".join(steps) + end, score=draw(st.floats(0, 1)), scores=scores, length=draw(st.booleans()))


LINES = st.lists(_lines(), min_size=1, max_size=6)  # of so few steps many begin alike


def path(nodes: dict[int, Node], number: int) -> list[Node]:
    """The steps from the prompt down to a node."""
    steps: list[Node] = []
    while number:
        steps.insert(0, nodes[number])
        number = nodes[number].parent
    return steps


def text_of(nodes: dict[int, Node], number: int) -> str:
    return "".join(node.text for node in path(nodes, number))


class Witness:
    """Follows the events of a search as they come, and says at once what is wrong."""

    def __init__(self) -> None:
        self.forked: dict[int, StepStarted] = {}
        self.texts: dict[int, str] = {}  # as written so far
        self.tokens: dict[int, int] = {}
        self.nodes: dict[int, Node] = {}
        self.scores: dict[int, float] = {}
        self.pruned: set[int] = set()
        self.drawn: list[Candidate] = []
        self.rounds = 0

    def see(self, event: Event) -> None:
        match event:
            case StepStarted(node=number, parent=parent):
                assert number == len(self.forked) + 1
                assert not parent or self.nodes[parent].ended is Ended.OPEN
                assert parent not in self.pruned
                self.forked[number], self.texts[number], self.tokens[number] = event, "", 0
            case StepToken(node=number, text=text):
                assert number not in self.nodes
                self.texts[number] += text
                self.tokens[number] += 1
            case StepFinished(node=node):
                assert node.number not in self.nodes
                fork = self.forked[node.number]
                assert (node.parent, node.rollout) == (fork.parent, fork.rollout)
                assert (node.text, node.tokens) == (self.texts[node.number], self.tokens[node.number])
                assert node.score is None
                self.nodes[node.number] = node
            case StepScored(node=number, score=score):
                assert number in self.nodes
                self.scores[number] = score
            case StepsSelected():
                self._see_selected(event)
            case CandidateFinished(candidate=one):
                assert one.index == len(self.drawn)
                assert one.node is not None
                assert one.text == text_of(self.nodes, one.node)
                assert one.tokens == sum(node.tokens for node in path(self.nodes, one.node))
                assert one.score is None
                self.drawn.append(one)
            case CandidateScored(candidate=one):
                assert one.node is not None
                assert one.score == self.scores[one.node]
                self.drawn[one.index] = one
            case VoteUpdated() | CostUpdated() | RunFinished():
                pass
            case _:
                raise AssertionError(f"{event} is none of a search down a tree")

    def _see_selected(self, event: StepsSelected) -> None:
        self.rounds += 1
        assert event.round == self.rounds
        given_up = set(event.pruned)
        assert len(given_up) == len(event.pruned)
        assert not given_up & self.pruned
        assert not given_up & set(event.kept)
        assert not self.pruned & set(event.kept)
        assert set(event.kept) <= self.scores.keys()
        self.pruned |= given_up


def check_tree(events: Sequence[Event]) -> Witness:
    """What holds of the events of any search, however it ends."""
    witness = Witness()
    for event in events:
        witness.see(event)
    outcome = outcome_of(events)
    assert len(of(RunFinished, events)) == 1
    tree = {node.number: node for node in outcome.tree}
    assert list(tree) == sorted(witness.nodes)
    for number, node in witness.nodes.items():
        last = tree[number]
        assert (last.parent, last.text, last.tokens, last.ended) == (node.parent, node.text, node.tokens, node.ended)
        assert last.score == witness.scores.get(number)
        assert node.rollout or not last.rollout
    voting = {index for each in outcome.ballot.votes for index in each.members}
    assert all(outcome.candidates[index].answer is not None for index in voting)
    beaten = {node.number for node in outcome.tree if node.pruned} - witness.pruned
    assert beaten <= {one.node for one in outcome.candidates if one.index not in voting} | _repeated(events)
    assert tuple(replace(one, places=None) for one in outcome.candidates) == tuple(witness.drawn)
    assert of(VoteUpdated, events)[-1].ballot == outcome.ballot
    assert outcome.answer == (outcome.ballot.leader.answer if outcome.ballot.leader else None)
    return witness


def _repeated(events: Iterable[Event]) -> set[int]:
    """Steps that read like an earlier one from the same prefix: those drawn again are given up at once."""
    seen: set[tuple[int, str]] = set()
    found = set()
    for event in events:
        if isinstance(event, StepFinished):
            key = (event.node.parent, event.node.text)
            if key in seen:
                found.add(event.node.number)
            seen.add(key)
    return found


def check_tree_cost(events: Sequence[Event]) -> None:
    """That what is counted is what happened: each token once."""
    outcome = outcome_of(events)
    cost = outcome.cost
    tree = {node.number: node for node in outcome.tree}
    assert cost.policy_tokens == len(of(StepToken, events)) == sum(node.tokens for node in tree.values())
    assert cost.prompt_tokens == PROMPT
    above = sum(sum(step.tokens for step in path(tree, node.parent)) for node in tree.values())
    assert cost.shared_tokens == PROMPT * len(tree) + above
    spent = [event.cost for event in of(CostUpdated, events)]
    assert all(before.tokens <= after.tokens for before, after in pairwise(spent))
    assert not spent or spent[-1] == cost


class Exacting(ScriptedVerifier):
    """A verifier with a model: it takes tokens for what is new, and may fail in all the ways it can."""

    parameters = 3
    name = "exacting"

    def __init__(self, script: Script, *, longest: int = 1000, interrupted_at: int | None = None) -> None:
        super().__init__(script)
        self.calls: list[int] = []  # how many prefixes each asked about
        self._longest = longest  # words that it can read
        self._interrupted_at = interrupted_at

    def price(self, prefixes: Sequence[Prefix]) -> int:
        return 2 * len(prefixes)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        self.calls.append(len(prefixes))
        if len(self.calls) == self._interrupted_at:
            raise Interrupted
        if any(prefix.tokens > self._longest for prefix in prefixes):
            raise PromptTooLong("it is too long for me")
        return [opinion._replace(tokens=2) for opinion in super().score(prefixes)]


def watch(run: Run, verifier: ScriptedVerifier) -> list[Event]:
    """All events of a run; at every selection policy and verifier keep what goes on, and nothing else but the root."""
    events: list[Event] = []
    witness = Witness()
    for event in run.iterate():
        events.append(event)
        witness.see(event)
        if isinstance(event, StepsSelected):
            on = {number for number in event.kept if witness.nodes[number].ended is Ended.OPEN}
            rolled = {
                node.number
                for node in witness.nodes.values()
                if node.ended is Ended.OPEN
                and node.number not in witness.pruned
                and any(
                    witness.nodes[step.number].rollout and step.parent in on
                    for step in path(witness.nodes, node.number)
                )
            }
            root = run.budget.unit is not Unit.GENERATIONS  # it may be kept, for whole solutions in the end
            assert len(run.policy.live) - len(on | rolled) in range(1 + root)
            assert {text for _, text in verifier.live} <= {text_of(witness.nodes, number) for number in on | rolled}
    return events
