"""The vote at the end of a search down a tree: over what has finished, the best by score, or the last population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ttcli.answers import vote
from ttcli.events import CandidateFinished, CandidateScored, Event, VoteUpdated
from ttcli.search.best_of_n import COUNTS, scored_by
from ttcli.search.method import Method
from ttcli.search.parameters import TreeParameters, TreeVote
from ttcli.search.prefixes import Beam
from ttcli.search.sampling import Count
from ttcli.solution import Candidate
from ttcli.tally import Tally

VOTES: Mapping[TreeVote, Count] = {
    "weighted": COUNTS["weighted"],
    "best": COUNTS["best"],
    "lineage": scored_by(vote.by_lineage),
    "places": vote.by_places,
}


def count_of(method: Method) -> Count:
    """The vote over all that a method came to, of which some may have been asked again."""
    if isinstance(method.parameters, TreeParameters):
        return VOTES[method.parameters.vote]
    # without scores they are votes by majority
    by_sum = vote.hierarchical if method.by_chains else vote.weighted
    return COUNTS["best"] if method.vote == "best" else scored_by(by_sum)


class Finals:
    """The solutions of a search, as they come."""

    def __init__(self, places: int, rule: TreeVote = "weighted") -> None:
        self.candidates: list[Candidate] = []
        self._places = places  # solutions that vote at most
        self._count = VOTES[rule]
        self._settled = False  # it is known which vote, and with how many places each

    def take(self, beams: Sequence[Beam]) -> Iterator[Event]:
        """Have these solutions take part, the first drawn first."""
        for beam in sorted(beams, key=lambda each: each.node):
            drawn = beam.as_candidate(len(self.candidates))
            if beam.score is None:
                self.candidates.append(drawn)
                yield CandidateFinished(drawn)
            else:
                score = beam.score if beam.whole is None else beam.whole
                scored = replace(drawn, score=score, step_scores=beam.step_scores)
                self.candidates.append(scored)
                yield CandidateFinished(drawn)
                yield CandidateScored(scored)
        if beams:
            yield VoteUpdated(self.count(self.candidates))

    def settle(self, population: Sequence[Beam]) -> None:
        """Have those vote that are in this population, each as often as it is; where none has an answer, all do."""
        nodes = [beam.node for beam in population]
        placed = [replace(each, places=nodes.count(each.node or 0)) for each in self.candidates]
        if any(each.places and each.answer is not None for each in placed):
            self.candidates, self._settled = placed, True

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
        """The vote over those that take part in it."""
        return self._count(self._voting(candidates))

    def _voting(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those with an answer before those without, then by score; once it is settled, those with places."""
        if self._settled:
            return [candidate for candidate in candidates if candidate.places]
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
