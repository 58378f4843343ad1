"""Independent candidates and a vote: greedy, majority, best-of-N weighted and plain.

Majority is self-consistency (Wang et al. 2022, arXiv 2203.11171). Best-of-N weighted gives each answer the sum of its
candidates' scores, a* = argmax_a sum_{i: answer_i = a} score_i, and plain takes the one candidate with the highest
score (Snell et al. 2024, s. 5.1; Li et al. 2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ttcli.answers import vote
from ttcli.cost import Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.sampling import Count, begin, conclude, draw
from ttcli.solution import Candidate
from ttcli.tally import AnswerClass, Tally


def greedy(problem: Problem, policy: Policy, meter: Meter, *, seed: int) -> Iterator[Event]:
    """One candidate at temperature 0."""
    yield from _independent(problem, policy, None, meter, vote.majority, seed=seed, limit=1, temperature=0.0)


def majority(problem: Problem, policy: Policy, meter: Meter, *, seed: int) -> Iterator[Event]:
    """As many candidates as the budget allows; the most frequent answer wins."""
    yield from _independent(problem, policy, None, meter, vote.majority, seed=seed)


def best_of_n(problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, *, seed: int) -> Iterator[Event]:
    """As many candidates as the budget allows; the answer with the largest sum of scores wins."""
    yield from _independent(problem, policy, verifier, meter, scored_by(vote.weighted), seed=seed)


def best_of_n_plain(
    problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, *, seed: int
) -> Iterator[Event]:
    """As many candidates as the budget allows; the answer of the candidate with the highest score wins."""
    yield from _independent(problem, policy, verifier, meter, scored_by(vote.best), seed=seed)


def tie_break(problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, *, seed: int) -> Iterator[Event]:
    """As many candidates as the budget allows; the most frequent answer wins, of equally many the best-scored one."""
    yield from _independent(problem, policy, verifier, meter, vote.tied, seed=seed)


def scored_by(count: Count) -> Count:
    """The vote by scores; those that a verifier did not come to score count as the mean of those that it did.

    Where it came to none, all vote by majority.
    """

    def over_all(candidates: Sequence[Candidate]) -> Tally:
        known = [each.score for each in candidates if each.score is not None and each.answer is not None]
        if not known:
            return vote.majority(candidates)
        if all(each.score is not None for each in candidates if each.answer is not None):
            return count(candidates)
        mean = min(sum(known) / len(known), max(known))
        tally = count([each if each.score is not None else replace(each, score=mean) for each in candidates])
        scores = {each.index: each.score for each in candidates}
        return replace(tally, votes=tuple(replace(each, best=_best(each, scores)) for each in tally.votes))

    return over_all


def _best(answers: AnswerClass, scores: Mapping[int, float | None]) -> float | None:
    """The highest score that a verifier gave a member."""
    return max((score for index in answers.members if (score := scores[index]) is not None), default=None)


COUNTS: Mapping[str, Count] = {  # of votes over independent samples
    "majority": vote.majority,
    "weighted": scored_by(vote.weighted),
    "best": scored_by(vote.best),
}


def _independent(
    problem: Problem,
    policy: Policy,
    verifier: Verifier | None,
    meter: Meter,
    count: Count,
    *,
    seed: int,
    limit: int | None = None,
    temperature: float | None = None,
) -> Iterator[Event]:
    root = policy.start(problem)
    begin(root, policy, meter)
    try:
        candidates = yield from draw(
            root, policy, meter, count=count, seed=seed, limit=limit, temperature=temperature, verifier=verifier
        )
    finally:
        policy.release([root])
        if verifier is not None:
            verifier.release([root])
    yield from conclude(candidates, count, meter)
