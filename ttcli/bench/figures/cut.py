"""What was cut: a method that came to no answer because what it drew ran into a token limit has not been wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.samples import Facts
from ttcli.solution import Ended

MANY = 0.1  # of the samples; more are worth a warning


def cut_vote(facts: Sequence[Facts], n: int) -> float:
    """The chance, in [0, 1], that n of the samples have no answer, and one of them is cut.

    Of N samples S have none, U of these came to their end: (C(S, n) - C(U, n)) / C(N, n).
    """
    silent = [fact for fact in facts if fact.answer is None]
    ended = sum(fact.ended is not Ended.LENGTH for fact in silent)
    return (math.comb(len(silent), n) - math.comb(ended, n)) / math.comb(len(facts), n)


def cut_outcome(outcome: Mapping[str, Any]) -> bool:
    """Whether a recorded outcome has no answer, and a candidate that is cut."""
    return outcome["answer"] is None and any(each["ended"] == Ended.LENGTH for each in outcome["candidates"])


def cut_warning(config: RunConfig, truncated: float) -> str | None:
    """A line where more than a tenth of the samples were cut, with what lets them grow longer."""
    if truncated <= MANY:
        return None
    most, thinking = config.recipe.get("max_tokens"), config.recipe.get("thinking")
    hint = f"--max-tokens {2 * most}" if isinstance(most, int) else "a larger --max-tokens"
    budget = thinking.get("budget") if isinstance(thinking, Mapping) else None
    more = f", or --think-budget {2 * budget} where thoughts are" if isinstance(budget, int) else ""
    share = f"{100 * truncated:.0f} %"
    return f"{share} of the samples ran into the token limit, so figures are too low; {hint} lets them end{more}"
