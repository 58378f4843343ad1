"""Runs, outcomes and events as JSON objects; their keys are stable, `version` counts their changes.

`recorded.py` reads them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ttcli import __version__
from ttcli.answers.normal import is_number
from ttcli.answers.question import Question
from ttcli.cost import Cost
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    MethodChosen,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    StepToken,
    TextMended,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.solution import AnswerKind, Candidate, Repair

VERSION = 1

KINDS: Mapping[type[Event], str] = {  # in a record: these stay, whatever the classes are called
    RunStarted: "began",
    CandidateStarted: "opened",
    CandidateToken: "grew",
    StepStarted: "forked",
    StepToken: "wrote",
    TextMended: "mended",
    StepFinished: "stepped",
    StepScored: "valued",
    StepsSelected: "selected",
    MethodChosen: "chose",
    CandidateFinished: "drawn",
    CandidateScored: "scored",
    VoteUpdated: "voted",
    CostUpdated: "spent",
    RunFinished: "solved",
}


def record(began: RunStarted, outcome: Outcome) -> dict[str, Any]:
    """The object that `ttc solve --json` prints."""
    told = outcome_record(outcome)
    # `index` counts from 0, as ever; `number` is what a person is shown
    told["candidates"] = [{"number": each["index"] + 1, **each} for each in told["candidates"]]
    return {
        "version": VERSION,
        "ttc": __version__,
        "problem": began.problem.text,
        "answer": told.pop("answer"),
        "support": told.pop("support"),
        "method": began.method,
        "model": began.model,
        "verifier": began.verifier,
        "budget": str(began.budget),
        "seed": began.seed,
        **({"repair": began.repair} if began.repair else {}),
        **({"reviser": began.reviser} if began.reviser else {}),
        **told,
        "answer_kind": answer_kind(began.problem, outcome),
        "confidence": outcome.ballot.confidence,
    }


def answer_kind(problem: Problem, outcome: Outcome) -> str | None:
    """What the answer is: number, choice, text or code; None: there is none."""
    answer, leader = outcome.answer, outcome.ballot.leader
    if answer is None or leader is None:
        return None
    winner = next(candidate for candidate in outcome.candidates if candidate.index == leader.members[0])
    if winner.kind is not AnswerKind.SHORT:
        return AnswerKind.CODE if winner.kind is AnswerKind.CODE else AnswerKind.TEXT
    question = Question.of(problem.text)
    if answer in question.options:
        return "choice"
    return "number" if question.kind == "number" or is_number(answer) else "text"


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """What a run came to."""
    leader = outcome.ballot.leader
    return {
        "answer": outcome.answer,
        "support": outcome.ballot.support,
        "stopped": outcome.stopped,
        "winner": leader.members[0] if leader else None,
        "votes": [asdict(vote) for vote in outcome.ballot.votes],
        "no_answer": outcome.ballot.abstained,
        "candidates": [candidate_record(candidate) for candidate in outcome.candidates],
        "tree": [_mended(asdict(node)) for node in outcome.tree],
        "chose": asdict(outcome.chose) if outcome.chose else None,
        "cost": cost_record(outcome.cost),
    }


def candidate_record(candidate: Candidate) -> dict[str, Any]:
    """A candidate; what is so of most, and was not told at first, is left out."""
    told = asdict(candidate)
    if candidate.kind is AnswerKind.SHORT:
        del told["kind"]
    if not candidate.asked_again:
        del told["asked_again"]
    del told["certainty"]  # what it is for is the score
    if candidate.thought is None:
        del told["thought"], told["thought_tokens"], told["thought_open"]
    for name in ("lineage", "places"):
        if told[name] is None:
            del told[name]
    return _mended(told)


def _mended(told: dict[str, Any]) -> dict[str, Any]:
    """A candidate or a step with what was repaired in it."""
    repairs = told.pop("repairs")
    return {**told, **_counted(repairs)}


def repairs_record(repairs: Sequence[Repair]) -> dict[str, Any]:
    """What was repaired in a sample."""
    return _counted([asdict(repair) for repair in repairs])


def _counted(repairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Their number and themselves; nothing where there are none."""
    return {"repaired": len(repairs), "repairs": repairs} if repairs else {}


def cost_record(cost: Cost) -> dict[str, Any]:
    """What was spent, with the sum of all tokens."""
    return {**asdict(cost), "tokens": cost.tokens}


def event_record(event: Event) -> dict[str, Any]:
    """What happened."""
    kind = {"event": KINDS[type(event)]}
    if isinstance(event, CandidateFinished | CandidateScored):
        return {**kind, "candidate": candidate_record(event.candidate)}
    if isinstance(event, StepFinished):
        return {**kind, "node": _mended(asdict(event.node))}
    return {**kind, **asdict(event)}
