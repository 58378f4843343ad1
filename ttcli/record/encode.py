"""Runs, outcomes and events as JSON objects; their keys are stable, `version` counts their changes.

`recorded.py` reads them back.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ttcli import __version__
from ttcli.cost import Cost
from ttcli.events import Began, Event, Outcome

VERSION = 1


def record(began: Began, outcome: Outcome) -> dict[str, Any]:
    """The object that `ttc solve --json` prints."""
    told = outcome_record(outcome)
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
        **told,
    }


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
        "candidates": [asdict(candidate) for candidate in outcome.candidates],
        "tree": [asdict(node) for node in outcome.tree],
        "chose": asdict(outcome.chose) if outcome.chose else None,
        "cost": cost_record(outcome.cost),
    }


def cost_record(cost: Cost) -> dict[str, Any]:
    """What was spent, with the sum of all tokens."""
    return {**asdict(cost), "tokens": cost.tokens}


def event_record(event: Event) -> dict[str, Any]:
    """What happened."""
    return {"event": type(event).__name__.lower(), **asdict(event)}
