"""When more candidates will not change the vote (Aggarwal et al. 2023, "Let's Sample Step by Step", arXiv 2305.11860).

That hangs on the chance that the leader stays ahead of the runner-up: see `tally.leader_stays`.
"""

from __future__ import annotations

from ttcli.tally import Tally, leader_stays

CONFIDENCE = 0.95  # the paper's threshold


def votes_needed(ballot: Tally, confidence: float = CONFIDENCE) -> int:
    """The fewest further candidates, all for the leader, that would settle the vote; 0 if it is settled."""
    counts = [len(vote.members) for vote in ballot.votes]
    leader, runner_up = (*counts, 0, 0)[:2]
    needed = 0
    while leader_stays(leader + needed, runner_up) < confidence:
        needed += 1
    return needed
