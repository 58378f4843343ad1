"""What a run comes to where no candidate has an answer to vote for: one of the finished texts."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from ttcli.answers.final import spoken
from ttcli.cost import Meter
from ttcli.events import Event, Outcome
from ttcli.problem import Problem
from ttcli.seams import Verifier
from ttcli.search.sampling import Count, scored_text
from ttcli.solution import AnswerKind, Candidate, Ended, Prefix


def with_texts(
    outcome: Outcome, problem: Problem, verifier: Verifier | None, meter: Meter, *, count: Count
) -> Generator[Event, None, Outcome]:
    """The outcome with its finished texts as answers, where it has no other.

    Equal texts vote as equal answers do: by their scores where there is a verifier, else by their number. Where no two
    are alike that is the best-scored one, or the one that the policy was most confident of.
    """
    if outcome.answer is not None:
        return outcome
    before = meter.total()
    candidates = [_as_text(candidate) for candidate in outcome.candidates]
    for at, each in enumerate(candidates):
        if each.answer is not None and each.score is None:
            candidates[at] = yield from scored_text(each, problem, verifier, meter)
    if verifier is not None:
        verifier.release([Prefix(problem, 0)])
    ballot = count(candidates)
    if ballot.leader is None:
        return outcome
    cost = outcome.cost + (meter.total() - before)
    return replace(outcome, answer=ballot.leader.answer, ballot=ballot, candidates=tuple(candidates), cost=cost)


def _as_text(candidate: Candidate) -> Candidate:
    text = spoken(candidate.text) if candidate.ended is Ended.STOP else None
    return candidate if text is None else replace(candidate, answer=text, kind=AnswerKind.TEXT)
