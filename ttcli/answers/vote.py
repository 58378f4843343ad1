"""Votes over candidates: equal answers join into classes, ranked by their size, their summed or their best score.

Majority is self-consistency (Wang et al., 2023); weighted and best are best-of-N weighted and standard best-of-N with a
verifier (Snell et al., 2024, s. 5.1). The order in which candidates are passed makes no difference: ties break by first
drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from ttcli.answers.equal import decide, equivalent
from ttcli.answers.normal import Canonical, canonical
from ttcli.ballot import Ballot, Vote
from ttcli.tree import Candidate

Equivalence = Callable[[str, str], bool]


def majority(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Ballot:
    """Rank answers by how many candidates gave them."""
    return _ballot(candidates, same, lambda members: float(len(members)))


def weighted(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Ballot:
    """Rank answers by the summed scores of the candidates that gave them; ValueError where one of these has none."""
    return _ballot(candidates, same, lambda members: math.fsum(_scores(members)))


def best(candidates: Sequence[Candidate], same: Equivalence = equivalent) -> Ballot:
    """Rank answers by the highest score of a candidate that gave them; ValueError where one of these has no score."""
    return _ballot(candidates, same, lambda members: max(_scores(members)))


def _ballot(
    candidates: Sequence[Candidate], same: Equivalence, weigh: Callable[[Sequence[Candidate]], float]
) -> Ballot:
    voters = _voters(candidates)
    votes = [
        Vote(
            answer=members[0].answer,
            members=tuple(voter.candidate.index for voter in members),
            weight=weigh([voter.candidate for voter in members]),
            best=max((v.candidate.score for v in members if v.candidate.score is not None), default=None),
        )
        for members in _classes(voters, same)
    ]
    votes.sort(key=lambda vote: (-vote.weight, vote.members[0]))
    return Ballot(tuple(votes), abstained=len(candidates) - len(voters))


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
    return [_Voter(c, c.answer, canonical(c.answer)) for c in drawn if c.answer is not None]


def _classes(voters: Sequence[_Voter], same: Equivalence) -> list[list[_Voter]]:
    """The connected components of "is the same answer as": classes even where that relation is not transitive.

    Each key asks once, with the answer that was drawn first; pairs that are connected already need no question.
    """
    first: dict[Canonical, str] = {}
    for voter in voters:
        first.setdefault(voter.key, voter.answer)
    parent = {key: key for key in first}

    def root(key: Canonical) -> Canonical:
        while parent[key] != key:
            key = parent[key]
        return key

    for a, b in combinations(first, 2):
        if root(a) != root(b) and decide(a, b) is None and same(first[a], first[b]):
            parent[root(b)] = root(a)
    classes: dict[Canonical, list[_Voter]] = {}
    for voter in voters:
        classes.setdefault(root(voter.key), []).append(voter)
    return list(classes.values())
