"""Votes over candidates: equal answers join into classes, ranked by their size, their summed or their best score.

Majority is self-consistency (Wang et al., 2023); weighted and best are best-of-N weighted and standard best-of-N with a
verifier (Snell et al., 2024, s. 5.1); hierarchical is theirs for chains of revisions (s. 6.1). The order in which
candidates are passed makes no difference: ties go to a class with a candidate that was not cut off, then to that with
the most confident of those, by the mean log-probability of its tokens where that is known, then to the first drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from ttcli.answers.equal import CHECKER, equivalent
from ttcli.answers.key import Canonical
from ttcli.answers.whole import answer_key
from ttcli.solution import AnswerKind, Candidate, Ended
from ttcli.tally import AnswerClass, Tally

Equivalence = Callable[[str, str], bool]


def majority(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by how many candidates gave them."""
    return _ballot(candidates, same, lambda classes: [float(len(members)) for members in classes])


def weighted(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by the summed scores of the candidates that gave them; ValueError where one of these has none.

    One of a population, which others may be no part of, counts as often as it has places there.
    """

    def worth(members: Sequence[Candidate]) -> float:
        return math.fsum(score * _places(each) for score, each in zip(_scores(members), members, strict=True))

    return _ballot(candidates, same, lambda classes: [worth(members) for members in classes])


def shortest(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by how many candidates gave them; of equally many, the one with the shortest thought, or text."""
    return _ballot(candidates, same, lambda classes: [float(len(members)) for members in classes], tie=_shortness)


def tied(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by how many candidates gave them; of equally many, the one with the highest score of a candidate."""
    return _ballot(candidates, same, lambda classes: [float(len(members)) for members in classes], tie=_score)


def best(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by the highest score of a candidate that gave them; ValueError where one of these has no score."""
    return _ballot(candidates, same, lambda classes: [max(_scores(members)) for members in classes])


def hierarchical(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by the chains of revisions that they win: each chain has one vote, as heavy as its best solution.

    Inside a chain the answer with the largest sum of scores wins, and the highest score that it got there is what the
    chain adds to that answer's weight. A candidate of no chain is a chain by itself. ValueError where one that gave an
    answer has no score.
    """

    return _ballot(candidates, same, lambda classes: _won(classes, lambda member: member.chain))


def by_lineage(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """The same with the lineages of a search tree for chains: what grew from one first step has one vote."""
    return _ballot(candidates, same, lambda classes: _won(classes, lambda member: member.lineage))


def by_places(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Tally:
    """Rank answers by the places that their candidates have in a population; one that was in none has one."""
    return _ballot(candidates, same, lambda classes: [math.fsum(map(_places, members)) for members in classes])


def _places(candidate: Candidate) -> float:
    return 1.0 if candidate.places is None else float(candidate.places)


def _won(classes: Sequence[Sequence[Candidate]], chain_of: Callable[[Candidate], int | None]) -> list[float]:
    chains: dict[tuple[str, int], dict[int, list[Candidate]]] = {}  # chain -> class -> members, first drawn first
    for number, members in enumerate(classes):
        for member in members:
            chain = chain_of(member)
            key = ("alone", member.index) if chain is None else ("chain", chain)
            chains.setdefault(key, {}).setdefault(number, []).append(member)
    won: list[list[float]] = [[] for _ in classes]
    for votes in chains.values():
        sums = {
            number: (-math.fsum(_scores(members)), *_doubt(members), members[0].index)
            for number, members in votes.items()
        }
        winner = min(sums, key=lambda number: sums[number])
        won[winner].append(max(_scores(votes[winner])))
    return [math.fsum(weights) for weights in won]


def _ballot(
    candidates: Sequence[Candidate],
    same: Equivalence,
    weigh: Callable[[Sequence[Sequence[Candidate]]], Sequence[float]],
    tie: Callable[[Candidate], float] | None = None,
) -> Tally:
    """The ballot with the weights that `weigh` gives to the classes of equal answers.

    `tie` ranks equal ones before confidence does.
    """
    voters = _voters(candidates)
    with CHECKER.voting():
        classes = _classes(voters, same)
    weights = weigh([[voter.candidate for voter in members] for members in classes])
    votes = [
        AnswerClass(
            answer=members[0].answer,
            members=tuple(voter.candidate.index for voter in members),
            weight=weight,
            best=max((v.candidate.score for v in members if v.candidate.score is not None), default=None),
        )
        for members, weight in zip(classes, weights, strict=True)
    ]
    drawn = {voter.candidate.index: voter.candidate for voter in voters}

    def rank(vote: AnswerClass) -> tuple[float, ...]:
        return (-vote.weight, *_doubt([drawn[index] for index in vote.members], tie), vote.members[0])

    votes.sort(key=rank)
    return Tally(tuple(votes), abstained=len(candidates) - len(voters))


def _doubt(members: Sequence[Candidate], tie: Callable[[Candidate], float] | None = None) -> tuple[float, float, float]:
    """What breaks a tie before the order of drawing does, the less the better; of those not cut off, if any."""
    whole = [each for each in members if each.ended is not Ended.CUT]
    counted = whole or members
    return float(not whole), -max(map(tie, counted)) if tie else 0.0, -max(each.confidence or 0.0 for each in counted)


def _shortness(candidate: Candidate) -> float:
    return -float(candidate.thought_tokens or candidate.tokens)


def _score(candidate: Candidate) -> float:
    return candidate.score or 0.0


def _scores(members: Sequence[Candidate]) -> list[float]:
    scores = [member.score for member in members if member.score is not None]
    if len(scores) < len(members):
        raise ValueError("a vote by score needs a score for every candidate that gave an answer")
    return scores


class _Voter(NamedTuple):
    candidate: Candidate
    answer: str
    key: Canonical


def _voters(candidates: Sequence[Candidate]) -> list[_Voter]:
    """The candidates that gave an answer, first drawn first."""
    drawn = sorted(candidates, key=lambda candidate: candidate.index)
    return [_Voter(c, c.answer, _key(c, c.answer)) for c in drawn if c.answer is not None]


def _key(candidate: Candidate, answer: str) -> Canonical:
    if candidate.kind is AnswerKind.EACH:
        return Canonical("prose", candidate.index)
    return answer_key(answer, candidate.kind)


def _classes(voters: Sequence[_Voter], same: Equivalence) -> list[list[_Voter]]:
    """The connected components of "is the same answer as": classes even where that relation is not transitive.

    Each key asks once, with the answer that was drawn first; pairs that are connected already need no question.
    """
    numbers: dict[Canonical, int] = {}  # of the keys, as they come
    own = [numbers.setdefault(voter.key, len(numbers)) for voter in voters]
    first: dict[int, str] = {}
    for voter, number in zip(voters, own, strict=True):
        first.setdefault(number, voter.answer)
    uncertain = [not key.exact for key in numbers]  # two that are not are different, since their keys are: see `decide`
    parent = [*range(len(numbers))]

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    for a, b in combinations(range(len(numbers)), 2):
        if (uncertain[a] or uncertain[b]) and root(a) != root(b) and same(first[a], first[b]):
            parent[root(b)] = root(a)
    classes: dict[int, list[_Voter]] = {}
    for voter, number in zip(voters, own, strict=True):
        classes.setdefault(root(number), []).append(voter)
    return list(classes.values())
