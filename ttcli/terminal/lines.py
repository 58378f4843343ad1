"""A run as plain lines: for pipes and logs."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    Event,
    MethodChosen,
    RunFinished,
    RunStarted,
    StepFinished,
    StepScored,
    StepsSelected,
    VoteUpdated,
)
from ttcli.solution import Candidate, Node
from ttcli.terminal import words


class NoDisplay:
    """Shows nothing."""

    def __enter__(self) -> NoDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        """Nothing."""


class LineDisplay(NoDisplay):
    """One line per round of a search, one per candidate, one for the vote and one for the cost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._steps: dict[int, Node] = {}  # of the round, by number
        self._scores: dict[int, float] = {}  # of those
        self._round = 0  # the last one that was told
        self._ended: dict[int, Candidate] = {}  # whose score, if it gets one, may still come

    def show(self, event: Event) -> None:
        """Write the line of an event that has one."""
        match event:
            case RunStarted():
                self._write(words.heading(event))
            case MethodChosen():
                self._write(words.choice(event))
            case StepFinished(node=node):
                self._steps[node.number] = node
            case StepScored(node=number, score=score):
                self._scores[number] = score
            case StepsSelected(round=number, kept=kept):
                self._tell_round(number, len(set(kept)))
            case CandidateFinished(candidate=candidate) | CandidateScored(candidate=candidate):
                self._ended[candidate.index] = candidate
            case VoteUpdated():
                for candidate in self._ended.values():
                    self._candidate(candidate)
                self._ended.clear()
            case RunFinished(outcome=outcome):
                if self._steps:  # the run was stopped before the round was over
                    self._tell_round(self._round + 1, None)
                self._write(f"votes: {words.tally(outcome) or 'none'}")
                self._write(f"{words.support(outcome)}; {words.spending(outcome.cost)}")

    def _tell_round(self, number: int, kept: int | None) -> None:
        """`kept`: how many steps go on; None: there was no choice any more."""
        ahead = sum(step.rollout for step in self._steps.values())
        tokens = sum(step.tokens for step in self._steps.values())
        told = [words.counted(len(self._steps) - ahead, "step")]
        told += [f"{ahead} to look ahead"] if ahead else []
        told += [f"kept {kept}"] if kept is not None else []
        told += [f"best {max(self._scores.values()):.2f}"] if self._scores else []
        self._write(f"round {number}: {', '.join(told)}, {words.counted(tokens, 'token')}")
        self._round = number
        self._steps.clear()
        self._scores.clear()

    def _candidate(self, candidate: Candidate) -> None:
        score = [] if candidate.score is None else [f"score {candidate.score:.2f}"]
        told = ", ".join([*score, words.length(candidate)])
        self._write(f"{words.name(candidate)}: {words.answer(candidate)} ({told})")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()
