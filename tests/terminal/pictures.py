"""Runs to draw, and how a picture reads at width 60 without colour."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console

from ttcli.cost import Budget, Cost, Stopped
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.solution import Candidate, Ended
from ttcli.tally import AnswerClass, Tally
from ttcli.terminal.live import draw
from ttcli.terminal.marks import ASCII, UNICODE, Marks
from ttcli.terminal.state import RunState

BEGAN = RunStarted(Problem("What is 17 * 23?"), "best-of-n", "tiny", "judge:tiny", Budget(16), 0)
EVIL = "[red]\x1b[2J\x1b]0;owned\x07\x9b31m[/b] [link=file:///x] \r\n\x00\u202e:smile:"


def candidate(
    index: int, answer: str | None, score: float | None = None, ended: Ended = Ended.STOP, tokens: int = 80
) -> Candidate:
    return Candidate(index, f"It is {answer}.", answer, ended, tokens, -1.0, score)


def ballot(*votes: tuple[str, Sequence[int]], weights: Sequence[float] = (), abstained: int = 0) -> Tally:
    weigh = list(weights) or [float(len(members)) for _, members in votes]
    return Tally(
        tuple(
            AnswerClass(answer, tuple(members), weight, None)
            for (answer, members), weight in zip(votes, weigh, strict=True)
        ),
        abstained,
    )


def growing(index: int, text: str, tokens: int = 1) -> list[Event]:
    return [CandidateStarted(index), *[CandidateToken(index, "")] * (tokens - 1), CandidateToken(index, text)]


def ended(each: Candidate) -> list[Event]:
    scored: list[Event] = [CandidateScored(each)] if each.score is not None else []
    return [CandidateFinished(each), *scored, VoteUpdated(Tally())]


def solved(
    candidates: Sequence[Candidate], result: Tally, cost: Cost | None = None, stopped: Stopped | None = None
) -> RunFinished:
    leader = result.leader
    return RunFinished(Outcome(leader.answer if leader else None, result, tuple(candidates), cost or COST, stopped))


COST = Cost(generations=16, prompt_tokens=40, policy_tokens=1280, verifier_tokens=300, seconds=20.0)
IN_WORK: list[Event] = [
    BEGAN,
    *growing(0, "x"),
    *growing(1, "First multiply 17 by 20,\n\nwhich is 340, and then 17 by 3, which is 51", 31),
    *growing(2, "17 * 23 = ", 4),
    *growing(3, "", 1),
    *ended(candidate(0, "391", 0.75)),
    VoteUpdated(ballot(("391", [0]), weights=[0.75])),
    CostUpdated(Cost(generations=4, prompt_tokens=40, policy_tokens=116, seconds=2.0)),
]
SIX = [
    candidate(0, "391", 0.91),
    candidate(1, "401", 0.25, tokens=1),
    candidate(2, "391", 1.0),
    candidate(3, None, 0.0, Ended.LENGTH, 1024),
    candidate(4, "\\frac{782}{2}", 0.5),
    candidate(5, None, None, Ended.CUT, 12),
]
DONE: list[Event] = [
    BEGAN,
    *(event for each in SIX for event in ended(each)),
    solved(SIX, ballot(("391", [0, 2, 4]), ("401", [1]), weights=[2.41, 0.25], abstained=2)),
]


def picture(events: Sequence[Event], *, lines: int = 24, columns: int = 60, marks: Marks = UNICODE) -> list[str]:
    """The lines of the picture after these events."""
    state = RunState()
    for event in events:
        state.take(event)
    # Rich chooses the guides of a tree by the encoding
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if marks is ASCII else "utf-8", newline="\n")
    console = Console(file=stream, width=columns, no_color=True, force_terminal=False)
    console.print(draw(state, lines=lines, columns=columns, marks=marks))
    stream.seek(0)
    return [line.rstrip() for line in stream.read().split("\n")[:-1]]
