"""What a client gets: texts, the best supported one first, how many tokens they took, and what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ttcli.answers.thinking import aloud
from ttcli.cost import Stopped
from ttcli.events import Outcome, RunStarted
from ttcli.serve.plan import Plan
from ttcli.solution import AnswerKind, Candidate, Ended

_VOTES = 16  # told at most, the leading ones
_CANDIDATES = 256

Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A text of a reply."""

    text: str
    finish: Finish
    tokens: int  # sampled for it, those of its thought not counted
    thought: str | None = None  # before it; None: there was none


def choices_of(
    outcome: Outcome, plan: Plan, n: int, stops: Sequence[str] = (), *, concludes: bool = True
) -> list[Choice]:
    """The texts of a reply, up to `n` and no two of the same candidate.

    `concludes`: a solution whose last line does not have its answer in it gets a line that does.

    Of plain texts in the order of drawing; of a search the winner first, then those that answer otherwise, then the
    rest, always the best-scored first, or the one that the model was surest of.
    """
    ranked = list(outcome.candidates) if plan.plain else _ranked(outcome)
    return [_choice(each, each.text if plan.plain else _told(each, concludes=concludes), stops) for each in ranked[:n]]


def _ranked(outcome: Outcome) -> list[Candidate]:
    by_index = {candidate.index: candidate for candidate in outcome.candidates}
    classes = [sorted((by_index[index] for index in vote.members), key=_rank) for vote in outcome.ballot.votes]
    first = [members[0] for members in classes]
    known = {candidate.index for candidate in first}
    return [*first, *sorted((each for each in outcome.candidates if each.index not in known), key=_rank)]


def _rank(candidate: Candidate) -> tuple[bool, bool, float, float, int]:
    """What has come to its end before what has not, then by score, confidence and order of drawing."""
    score, confidence = candidate.score, candidate.confidence
    return (
        candidate.answer is None,
        candidate.ended is not Ended.STOP,
        -1.0 if score is None else -score,
        -(confidence or 0.0),
        candidate.index,
    )


def _choice(candidate: Candidate, text: str, stops: Sequence[str]) -> Choice:
    end = min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)
    finish: Finish = "stop" if candidate.ended is Ended.STOP or end is not None else "length"
    said = text if end is None else text[:end]
    return Choice(said, finish, candidate.tokens - candidate.thought_tokens, candidate.thought)


def _told(candidate: Candidate, *, concludes: bool) -> str:
    """A solution without its thoughts, and with its answer last."""
    text = aloud(candidate.text).strip() or candidate.text.strip()
    answer = candidate.answer
    if not concludes or answer is None or candidate.kind is not AnswerKind.SHORT or answer in text.rpartition("\n")[2]:
        return text
    return f"{text}\n\n{answer}"


def usage_of(outcome: Outcome, choices: Sequence[Choice]) -> dict[str, Any]:
    """All tokens: those that a model read besides what it wrote count as a prompt where they are one."""
    cost = outcome.cost
    completion = cost.policy_tokens + cost.verifier_tokens
    return {
        "prompt_tokens": cost.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": cost.prompt_tokens + completion,
        "completion_tokens_details": {"reasoning_tokens": max(completion - sum(each.tokens for each in choices), 0)},
    }


def account(
    began: RunStarted, outcome: Outcome, plan: Plan, *, stopped: str | None, warnings: Sequence[str]
) -> Mapping[str, Any]:
    """The field `ttc` of a reply."""
    ballot, cost = outcome.ballot, outcome.cost
    return {
        "version": 1,
        "method": plan.method if not plan.plain else "plain",
        "budget": str(plan.budget),
        "verifier": began.verifier,
        "seed": began.seed,
        "answer": None if plan.plain else outcome.answer,
        "support": ballot.support,
        "confidence": ballot.confidence,
        "votes": [asdict(vote) for vote in ballot.votes[:_VOTES]] if not plan.plain else [],
        "no_answer": ballot.abstained,
        "candidates": [
            {"index": each.index, "score": each.score, "tokens": each.tokens, "ended": each.ended}
            for each in outcome.candidates[:_CANDIDATES]
        ],
        "stopped": stopped,
        "cost": {
            "generations": cost.generations,
            "prompt_tokens": cost.prompt_tokens,
            "policy_tokens": cost.policy_tokens,
            "verifier_tokens": cost.verifier_tokens,
            "shared_tokens": cost.shared_tokens,
            "flops": cost.flops,
            "seconds": cost.seconds,
        },
        "warnings": list(warnings),
    }


def stopped_of(outcome: Outcome, *, expired: bool) -> str | None:
    """Why it ended before its method was done: the budget, or the time of the request; None: it was done."""
    if outcome.stopped is Stopped.INTERRUPT:
        return "time" if expired else None
    return outcome.stopped
