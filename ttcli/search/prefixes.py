"""Prefixes with their place in a tree of steps: what a search keeps, gives up and ranks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ttcli.search.sampling import candidate
from ttcli.solution import Candidate, Ended, Prefix


@dataclass(frozen=True, slots=True)
class Beam:
    """A path from the prompt down to a step."""

    node: int  # the number of that step; 0: the prompt alone
    prefix: Prefix
    score: float | None = None  # that the search goes by, of the current step, in [0, 1]; None: not scored
    whole: float | None = None  # that it votes with as a solution, in [0, 1]; None: the same
    step_scores: tuple[float, ...] = ()  # in [0, 1], one per step where the verifier gives them
    lineage: int = 0  # the number of the first step that it comes down from

    @classmethod
    def at(cls, node: int, prefix: Prefix, lineage: int = 0) -> Beam:
        """A path that has just come to a node.

        An end of turn right after a separator is no step of its own, as it is none in a solution drawn in one go.
        """
        if prefix.ended is not Ended.OPEN and len(prefix.steps) > 1 and not prefix.steps[-1].text.strip():
            *steps, last, blank = prefix.steps
            prefix = replace(prefix, steps=(*steps, last.joined(blank)))
        return cls(node, prefix, lineage=lineage)

    @property
    def open(self) -> bool:
        """Whether it can go on."""
        return self.prefix.ended is Ended.OPEN

    @property
    def answer(self) -> str | None:
        """What it answers so far, as it would in a vote."""
        return self.as_candidate(0).answer

    def as_candidate(self, index: int) -> Candidate:
        """The solution for a vote; one that could go on counts as cut, and has no score yet."""
        prefix = replace(self.prefix, ended=Ended.CUT) if self.open else self.prefix
        return replace(candidate(index, prefix), node=self.node, lineage=self.lineage)


def contenders(beams: Iterable[Beam], floor: float = 0.0) -> list[tuple[Beam, float]]:
    """Those that may have a place in the next round, with their scores: not what ended without an answer.

    A prefix that is scored below the floor is given up, whoever would have its place; where all are, the verifier is
    rather out of its scale than sure, and none is.
    """
    able = [(beam, beam.score) for beam in beams if beam.score is not None and (beam.open or beam.answer is not None)]
    return [(beam, score) for beam, score in able if score >= floor] or able


def best(beams: Iterable[Beam], places: int, floor: float = 0.0) -> list[Beam]:
    """So many of the contenders, the best first; ties go to the first drawn."""
    ranked = sorted(contenders(beams, floor), key=lambda pair: (-pair[1], pair[0].node))
    return [beam for beam, _ in ranked[:places]]
