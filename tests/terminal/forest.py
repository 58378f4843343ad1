"""Searches down a tree that nobody had to wait for: their events, in the order in which a method tells them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ttcli.answers import majority
from ttcli.cost import Budget, Cost
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CostUpdated,
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    StepToken,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.solution import Candidate, Ended, Node

TREE_BEGAN = RunStarted(Problem("What is 17 * 23?"), "beam", "tiny", "prm:tiny", Budget(4), 0)
WORDS = (
    "so",
    "we",
    "take",
    "seventeen",
    "times",
    "twenty",
    "which",
    "is",
    "340",
    "and",
    "add",
    "the",
    "rest",
    "of",
    "it",
)


def node(
    number: int,
    parent: int,
    text: str = "So it goes.",
    score: float | None = None,
    *,
    tokens: int = 5,
    ended: Ended = Ended.OPEN,
    pruned: bool = False,
    rollout: bool = False,
) -> Node:
    return Node(number, parent, text, tokens, -0.5 * tokens, ended, score, pruned, rollout)


def begun(number: int, parent: int, text: str = "", *, rollout: bool = False) -> list[Event]:
    """A step in the making, word by word."""
    words = text.split(" ") if text else []
    wrote = [StepToken(number, word if at == 0 else f" {word}") for at, word in enumerate(words)]
    return [StepStarted(number, parent, rollout), *wrote]


def stepped(each: Node) -> list[Event]:
    """A step, from its beginning to its score."""
    valued: list[Event] = [] if each.score is None else [StepScored(each.number, each.score)]
    done = replace(each, score=None, pruned=False)
    return [*begun(each.number, each.parent, each.text, rollout=each.rollout), StepFinished(done), *valued]


def leaf(index: int, answer: str | None, tree: Sequence[Node], number: int) -> Candidate:
    """The candidate that ends at a step."""
    path = [each for each in tree if each.number == number]
    while path[0].parent:
        path.insert(0, next(each for each in tree if each.number == path[0].parent))
    scores = tuple(each.score for each in path if each.score is not None)
    return Candidate(
        index, "".join(each.text for each in path), answer, path[-1].ended, sum(each.tokens for each in path),
        -1.0, path[-1].score, scores, number,
    )  # fmt: skip


def outcome_of(candidates: Sequence[Candidate], tree: Sequence[Node], seconds: float = 2.0) -> Outcome:
    ballot = majority(candidates)
    cost = Cost(4, 9, sum(each.tokens for each in tree), seconds=seconds)
    leader = ballot.leader
    return Outcome(leader.answer if leader else None, ballot, tuple(candidates), cost, None, tuple(tree))


def drawn(candidates: Sequence[Candidate]) -> Iterator[Event]:
    for at, each in enumerate(candidates, 1):
        yield CandidateFinished(replace(each, score=None, step_scores=()))
        yield CandidateScored(each)
        yield VoteUpdated(majority(candidates[:at]))


# 1 and 3 are kept, 2 and 4 are not; then 5 (under 1) and 7 (under 3) are, which end
SMALL = [
    node(1, 0, "First 17 * 20 = 340.\n\n", 0.75, tokens=9),
    node(2, 0, "I guess so.\n\n", 0.2, tokens=4, pruned=True),
    node(3, 0, "17 * 23 is 17 * 25 - 34.\n\n", 0.6, tokens=12),
    node(4, 0, "Hm.\n\n", 0.41, tokens=2, pruned=True),
    node(5, 1, "Then 51 more: \\boxed{391}", 0.9, tokens=10, ended=Ended.STOP),
    node(6, 1, "So 17 and 3 make 20.\n\n", 0.1, tokens=9, pruned=True),
    node(7, 3, "425 - 34 = \\boxed{391}", 0.7, tokens=11, ended=Ended.STOP),
    node(8, 3, "425 - 34 = \\boxed{401}", 0.3, tokens=11, ended=Ended.STOP, pruned=True),
]
SMALL_CANDIDATES = [leaf(0, "391", SMALL, 5), leaf(1, "391", SMALL, 7)]
SMALL_OUTCOME = outcome_of(SMALL_CANDIDATES, SMALL)
FIRST_ROUND: list[Event] = [
    TREE_BEGAN,
    *(event for each in SMALL[:4] for event in stepped(each)),
    StepsSelected(1, (1, 3), (2, 4)),
    CostUpdated(Cost(4, 9, 27, seconds=0.5)),
]
SMALL_EVENTS: list[Event] = [
    *FIRST_ROUND,
    *(event for each in SMALL[4:] for event in stepped(each)),
    StepsSelected(2, (5, 7), (6, 8)),
    *drawn(SMALL_CANDIDATES),
    RunFinished(SMALL_OUTCOME),
]


def search(beams: int, rounds: int, *, expand: int = 4, length: int = 12, seed: int = 0) -> Iterator[Event]:
    """A beam search: `beams` steps a round grow side by side, a part of 1 / `expand` of them is kept."""
    rng = random.Random(seed)
    tree: dict[int, Node] = {}
    parents = [0] * beams
    yield replace(TREE_BEGAN, budget=Budget(beams))
    for round_ in range(1, rounds + 1):
        numbers = range(len(tree) + 1, len(tree) + beams + 1)
        yield from (StepStarted(number, parent) for number, parent in zip(numbers, parents, strict=True))
        texts = {number: [rng.choice(WORDS) for _ in range(length)] for number in numbers}
        for at in range(length):
            yield from (StepToken(number, f" {texts[number][at]}") for number in numbers)
            yield CostUpdated(Cost(beams, 9, len(tree) * length + beams * (at + 1), seconds=0.1))
        for number, parent in zip(numbers, parents, strict=True):
            ended = Ended.STOP if round_ == rounds else Ended.OPEN
            tree[number] = node(number, parent, " ".join(texts[number]), rng.random(), tokens=length, ended=ended)
            yield StepFinished(replace(tree[number], score=None))
        yield from (StepScored(number, tree[number].score or 0.0) for number in numbers)
        ranked = sorted(numbers, key=lambda number: -(tree[number].score or 0.0))
        kept = sorted(ranked[: len(ranked) // expand])
        for number in set(numbers) - set(kept):
            tree[number] = replace(tree[number], pruned=True)
        yield StepsSelected(round_, tuple(kept), tuple(sorted(set(numbers) - set(kept))))
        parents = [number for number in kept for _ in range(expand)]
    candidates = [leaf(at, str(at % 3), [*tree.values()], number) for at, number in enumerate(kept)]
    yield from drawn(candidates)
    yield RunFinished(outcome_of(candidates, [*tree.values()]))
