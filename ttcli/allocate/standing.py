"""How a vote stands after some samples, in the features that its prospects are told from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.solution import Candidate
from ttcli.stats.logistic import Array, logit
from ttcli.tally import Tally, leader_stays

Counts = NDArray[np.int64]

FEATURES = ("chance", "stays", "share", "second", "score", "rest", "lift", "standout", "excess")


class Tallies(NamedTuple):
    """Votes of problems; arrays have the shape (problems, classes), with zeros where a problem has fewer classes."""

    counts: Counts  # samples that gave the answer
    scored: Counts  # of these, the ones that the verifier scored
    sums: Array  # of these scores
    weights: Array  # what the vote ranks by, 0 or more
    leader: NDArray[np.intp]  # the winning class of each problem, shape (problems,)


def tallies(ballots: Sequence[Tally], candidates: Sequence[Sequence[Candidate]]) -> Tallies:
    """Votes over these candidates, problem by problem."""
    shape = (len(ballots), max((len(ballot.votes) for ballot in ballots), default=0) or 1)
    counts, scored = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    sums, weights = np.zeros(shape), np.zeros(shape)
    for row, (ballot, drawn) in enumerate(zip(ballots, candidates, strict=True)):
        scores = {each.index: each.score for each in drawn}
        for column, vote in enumerate(ballot.votes):
            known = [score for index in vote.members if (score := scores[index]) is not None]
            counts[row, column] = len(vote.members)
            scored[row, column], sums[row, column] = len(known), sum(known)
            weights[row, column] = vote.weight
    return Tallies(counts, scored, sums, weights, np.zeros(len(ballots), np.intp))


def stays(tallies: Tallies) -> Array:
    """The chance that each leader is more frequent in the long run than its strongest rival, shape (problems,)."""
    rows = np.arange(len(tallies.leader))
    rivals = tallies.counts.copy()
    rivals[rows, tallies.leader] = 0
    pairs = zip(tallies.counts[rows, tallies.leader].tolist(), rivals.max(axis=1).tolist(), strict=True)
    return np.array([_stays(leader, rival) for leader, rival in pairs])


_stays = lru_cache(maxsize=1 << 16)(leader_stays)


def view(tallies: Tallies, chance: Array) -> dict[str, Array]:
    """Features of votes, each of the shape (problems,); nan where a feature is not known.

    chance: log-odds that one sample is right, as told from the probes; stays: log-odds that the leader stays;
    share, second: the leader's and the next one's part of all weight; score, rest: mean of the verifier's scores of the
    leader's samples and of the others.
    The last three tell whether an answer stands out by its scores, be it the leader or not. With the mean m of all n
    scores and an answer's n_a scores, sum s_a: lift is (s_a - n_a m) / sqrt(n_a) of the leader, standout the largest of
    any answer, and excess the largest (s_a - n_a m) / sqrt(n).
    """
    rows, lead = np.arange(len(tallies.leader)), tallies.leader
    shares = tallies.weights / np.maximum(tallies.weights.sum(axis=1), 1e-12)[:, np.newaxis]
    others = shares.copy()
    others[rows, lead] = 0.0
    scored, sums = tallies.scored, tallies.sums
    number, total = scored.sum(axis=1), sums.sum(axis=1)
    surplus = sums - scored * _ratio(total, number)[:, np.newaxis]  # nan where nothing is scored
    lifts = np.where(scored > 0, surplus / np.sqrt(np.maximum(scored, 1)), -np.inf)
    standout = lifts.max(axis=1)
    return {
        "chance": logit(chance),
        "stays": logit(stays(tallies)),
        "share": shares[rows, lead],
        "second": others.max(axis=1),
        "score": _ratio(sums[rows, lead], scored[rows, lead]),
        "rest": _ratio(total - sums[rows, lead], number - scored[rows, lead]),
        "lift": _known(lifts[rows, lead]),
        "standout": _known(standout),
        "excess": surplus.max(axis=1) / np.sqrt(np.maximum(number, 1)),
    }


def _ratio(sums: Array, counts: Counts) -> Array:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _known(values: Array) -> Array:
    return np.where(np.isneginf(values), np.nan, values)
