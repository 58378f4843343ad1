"""How the facts of a run read, on a terminal and in a pipe alike."""

from __future__ import annotations

from ttcli.cost import Budget, Cost, Stopped, Unit
from ttcli.events import Began, Outcome
from ttcli.tree import Candidate, Ended


def heading(began: Began) -> str:
    """Who works on the problem, and with what budget."""
    budget = began.budget
    parts = [began.method, began.model, f"budget {budget.amount:g} {budget.unit}", f"seed {began.seed}"]
    if began.verifier:
        parts.insert(2, f"verifier {began.verifier}")
    return ", ".join(parts)


def fate(candidate: Candidate) -> str:
    """Why a candidate ended, where that is worth saying; "" if it simply came to its end."""
    if candidate.ended is Ended.LENGTH:
        return "token limit"
    return "cut short" if candidate.ended is Ended.CUT else ""


def answer(candidate: Candidate) -> str:
    """The candidate's answer on one line."""
    return one_line(candidate.answer) if candidate.answer is not None else "no answer"


def one_line(text: str) -> str:
    """Text without line breaks or control characters."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split())


def spending(cost: Cost) -> str:
    """Tokens, speed and time."""
    speed = f", {cost.policy_tokens / cost.seconds:.0f} tokens/s" if cost.seconds > 0 else ""
    return f"{cost.tokens:,} tokens{speed}, {cost.seconds:.1f} s"


def used(cost: Cost, budget: Budget) -> str:
    """The part of the budget that is spent."""
    spent = {Unit.GENERATIONS: cost.generations, Unit.TOKENS: cost.tokens, Unit.SECONDS: cost.seconds}[budget.unit]
    return f"{spent:,.0f} of {budget.amount:,g} {budget.unit}"


def support(outcome: Outcome) -> str:
    """How many candidates stand behind the answer, and how the run ended."""
    ballot = outcome.ballot
    leader = ballot.leader
    drawn = len(outcome.candidates)
    if leader is None:
        words = f"no answer from {drawn} candidate{'s' * (drawn != 1)}"
    else:
        words = f"{len(leader.members)} of {drawn} candidate{'s agree' if drawn != 1 else ''}"
    if outcome.stopped is Stopped.INTERRUPT:
        words += ", interrupted"
    return words


def tally(outcome: Outcome) -> str:
    """The vote on one line."""
    votes = [f"{one_line(vote.answer)} x {len(vote.members)}" for vote in outcome.ballot.votes]
    if outcome.ballot.abstained:
        votes.append(f"no answer x {outcome.ballot.abstained}")
    return "; ".join(votes)
