"""The vote at the end of a search down a tree: over what has finished, the best by score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ttcli.answers import vote
from ttcli.events import CandidateFinished, CandidateScored, Event, VoteUpdated
from ttcli.search.best_of_n import scored_by
from ttcli.search.prefixes import Beam
from ttcli.solution import Candidate
from ttcli.tally import Tally


class Finals:
    """The solutions of a search, as they come."""

    def __init__(self, places: int) -> None:
        self.candidates: list[Candidate] = []
        self._places = places  # solutions that vote at most

    def take(self, beams: Sequence[Beam]) -> Iterator[Event]:
        """Have these solutions take part, the first drawn first."""
        for beam in sorted(beams, key=lambda each: each.node):
            drawn = beam.as_candidate(len(self.candidates))
            if beam.score is None:
                self.candidates.append(drawn)
                yield CandidateFinished(drawn)
            else:
                scored = replace(drawn, score=beam.score, step_scores=beam.step_scores)
                self.candidates.append(scored)
                yield CandidateFinished(drawn)
                yield CandidateScored(scored)
        if beams:
            yield VoteUpdated(self.count(self.candidates))

    @property
    def answered(self) -> bool:
        """Whether one of them has an answer."""
        return any(candidate.answer is not None for candidate in self.candidates)

    @property
    def beaten(self) -> list[int]:
        """The nodes of those that do not vote because enough others are better."""
        voting = self._voting(self.candidates)
        return [
            candidate.node for candidate in self.candidates if candidate not in voting and candidate.node is not None
        ]

    def count(self, candidates: Sequence[Candidate]) -> Tally:
        """The weighted vote."""
        return scored_by(vote.weighted)(self._voting(candidates))

    def _voting(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those with an answer before those without, then by score."""
        ranked = sorted(
            candidates,
            key=lambda candidate: (
                candidate.answer is None,
                candidate.score is None,
                -(candidate.score or 0.0),
                candidate.index,
            ),
        )
        return ranked[: self._places]
