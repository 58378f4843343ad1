"""When more candidates will not change the vote (Aggarwal et al. 2023, "Let's Sample Step by Step", arXiv 2305.11860).

With a votes for the leader and b for the runner-up, and a uniform prior over which of the two a further candidate sides
with, the chance that the leader is the more frequent one in the long run is

    P(p > 1/2),  p ~ Beta(a + 1, b + 1)  =  1 - I_{1/2}(a + 1, b + 1)

which for whole a and b is the chance that Binomial(a + b + 1, 1/2) is at most a.
"""

from __future__ import annotations

from ttcli.tally import Tally

CONFIDENCE = 0.95  # the paper's threshold


def leader_stays(leader: int, runner_up: int) -> float:
    """The chance, in [0, 1], that the leading answer is the more frequent one of the first two."""
    tosses = leader + runner_up + 1
    favourable, ways = 0, 1  # of C(tosses, heads), the next from the last
    for heads in range(leader + 1):
        favourable += ways
        ways = ways * (tosses - heads) // (heads + 1)
    return favourable / (1 << tosses)


def votes_needed(ballot: Tally, confidence: float = CONFIDENCE) -> int:
    """The fewest further candidates, all for the leader, that would settle the vote; 0 if it is settled."""
    counts = [len(vote.members) for vote in ballot.votes]
    leader, runner_up = (*counts, 0, 0)[:2]
    needed = 0
    while leader_stays(leader + needed, runner_up) < confidence:
        needed += 1
    return needed
