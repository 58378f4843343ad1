"""Search and revisions combined: one proposes, the other has a second look at what seems wrong.

Snell et al. 2024 (arXiv 2408.03314, s. 8) leave this open.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from ttcli.answers import vote
from ttcli.cost import Meter
from ttcli.events import CandidateFinished, CandidateScored, Event, Outcome, RunFinished
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.beam import beam
from ttcli.search.best_of_n import scored_by
from ttcli.search.parameters import Proposer, nearest_root
from ttcli.search.revise import Chain, draw_chains
from ttcli.search.sampling import begin, conclude
from ttcli.solution import Attempt, Candidate, Node
from ttcli.tally import Tally

_COUNT = scored_by(vote.weighted)


def search_revise(
    problem: Problem,
    policy: Policy,
    verifier: Verifier,
    meter: Meter,
    *,
    seed: int,
    proposals: int,
    revisions: int,
    by: Proposer,
) -> Iterator[Event]:
    """Let best-of-N or beam search propose, revise what looks wrong of that, let all solutions vote with their scores.

    What looks wrong is what the weighted vote over the proposals is against: see `doubtful`. Each of these solutions
    begins a chain, and the revisions are dealt out over the chains in equal parts; where the vote is of one mind, there
    are none. A beam search expands M = sqrt(N) of its N proposals.
    """
    if by == "beam":
        proposed, tree = yield from _beams(problem, policy, verifier, meter, seed, proposals)
    else:
        proposed, tree = (), ()
    root = policy.start(problem)
    try:
        if by == "best-of-n":
            begin(root, policy, meter)
            alone = [Chain(number, [number]) for number in range(proposals)]
            proposed = yield from draw_chains(alone, root, policy, meter, count=_COUNT, seed=seed, verifier=verifier)
        chains = _chains(proposed, revisions)
        revised = yield from draw_chains(
            chains, root, policy, meter, count=_COUNT, seed=seed, before=proposed, verifier=verifier
        )
    finally:
        policy.release([root])
        verifier.release([root])
    yield from conclude([*proposed, *revised], _COUNT, meter, tree=tree)


def doubtful(ballot: Tally, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best-scored solution of every answer but the leading one, in the order of the vote; ties: the first drawn.

    So solutions that few agree with, or that are thought little of, and of these the best of each kind.
    """
    by_index = {candidate.index: candidate for candidate in candidates}
    losing = [[by_index[index] for index in each.members] for each in ballot.votes[1:]]
    return [max(members, key=lambda member: (member.score or 0.0, -member.index)) for members in losing]


def _chains(proposed: Sequence[Candidate], revisions: int) -> list[Chain]:
    """A chain for each doubtful proposal; the first revisions of all have the first numbers."""
    chosen = doubtful(_COUNT(proposed), proposed)[:revisions]
    first = 1 + max((each.index for each in proposed), default=-1)
    return [
        Chain(each.index, [*range(first + at, first + revisions, len(chosen))], attempts=[Attempt(each.text)])
        for at, each in enumerate(chosen)
    ]


def _beams(
    problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, seed: int, beams: int
) -> Generator[Event, None, tuple[Sequence[Candidate], Sequence[Node]]]:
    """A beam search up to its end: what finished, each the first of a chain, and the tree."""
    outcome: Outcome | None = None
    search = beam(problem, policy, verifier, meter, seed=seed, beams=beams, expand=nearest_root(beams))
    for event in search:
        match event:
            case RunFinished(outcome=outcome):
                pass
            case CandidateFinished(candidate=candidate) | CandidateScored(candidate=candidate):
                yield type(event)(_first(candidate))
            case _:
                yield event
    assert outcome is not None  # a search ends with it
    return [_first(each) for each in outcome.candidates], outcome.tree


def _first(candidate: Candidate) -> Candidate:
    return replace(candidate, chain=candidate.index, attempt=0)
