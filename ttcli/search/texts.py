"""What a run comes to where no candidate has an answer to vote for: one of the finished texts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from ttcli.answers import vote
from ttcli.answers.final import spoken
from ttcli.cost import Cost, Meter
from ttcli.events import Event, Outcome
from ttcli.problem import Problem
from ttcli.seams import Verifier
from ttcli.search.sampling import scored
from ttcli.solution import AnswerKind, Candidate, Ended, Prefix, Step
from ttcli.tally import Tally


def with_texts(
    outcome: Outcome, problem: Problem, verifier: Verifier | None, meter: Meter, *, best: bool
) -> Generator[Event, None, Outcome]:
    """The outcome with its finished texts as answers, where it has no other.

    Equal texts vote as equal answers do: by their scores where there is a verifier, else by their number. Where no two
    are alike that is the best-scored one, or the one that the policy was most confident of. `best`: the highest score
    counts, not the sum.
    """
    if outcome.answer is not None:
        return outcome
    before, began = meter.spent, meter.seconds
    candidates = [_as_text(each) for each in outcome.candidates]
    for at, each in enumerate(candidates):
        if each.answer is not None and each.score is None:
            step = Step(each.text, each.tokens, each.logprob)
            prefix = Prefix(problem, 0, steps=(step,), ended=each.ended)
            candidates[at] = yield from scored(each, prefix, verifier, meter)
    if verifier is not None:
        verifier.release([Prefix(problem, 0)])
    ballot = _count(candidates, best=best)
    if ballot.leader is None:
        return outcome
    spent = Cost(
        verifier_tokens=meter.spent.verifier_tokens - before.verifier_tokens,
        flops=meter.spent.flops - before.flops,
        seconds=meter.seconds - began,
    )
    answer, cost = ballot.leader.answer, outcome.cost + spent
    return replace(outcome, answer=answer, ballot=ballot, candidates=tuple(candidates), cost=cost)


def _as_text(candidate: Candidate) -> Candidate:
    text = spoken(candidate.text) if candidate.ended is Ended.STOP else None
    return candidate if text is None else replace(candidate, answer=text, kind=AnswerKind.TEXT)


def _count(candidates: Sequence[Candidate], *, best: bool) -> Tally:
    """The vote by score over the texts that have one; over all by their number where none has."""
    known = [each for each in candidates if each.score is not None or each.answer is None]
    if all(each.answer is None for each in known):
        return vote.majority(candidates)
    return vote.best(known) if best else vote.weighted(known)
