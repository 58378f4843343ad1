"""A run as one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ttcli import __version__
from ttcli.events import Began, Outcome


def record(began: Began, outcome: Outcome) -> dict[str, Any]:
    """The object that `ttc solve --json` prints; its keys are stable, `version` counts their changes."""
    leader = outcome.ballot.leader
    return {
        "version": 1,
        "ttc": __version__,
        "problem": began.problem.text,
        "answer": outcome.answer,
        "support": outcome.ballot.support,
        "method": began.method,
        "model": began.model,
        "verifier": began.verifier,
        "budget": str(began.budget),
        "seed": began.seed,
        "stopped": outcome.stopped,
        "winner": leader.members[0] if leader else None,
        "votes": [asdict(vote) for vote in outcome.ballot.votes],
        "no_answer": outcome.ballot.abstained,
        "candidates": [asdict(candidate) for candidate in outcome.candidates],
        "cost": {**asdict(outcome.cost), "tokens": outcome.cost.tokens},
    }
