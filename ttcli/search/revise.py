"""Chains of revisions (Snell et al. 2024, arXiv 2408.03314, s. 6).

A later attempt may spoil what an earlier one had right, so all attempts of all chains vote, never the last ones alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from ttcli.answers import vote
from ttcli.cost import Cost, Meter
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier
from ttcli.search.best_of_n import scored_by
from ttcli.search.sampling import CandidateStart, Count, begin, conclude, grow
from ttcli.solution import Candidate, Ended, Prefix

WINDOW = 4  # attempts that the next one has in view at most: the paper's revision model was trained on so many


def revise(problem: Problem, policy: Policy, meter: Meter, *, seed: int, chains: int, length: int) -> Iterator[Event]:
    """Grow chains side by side, each attempt with the last four before it in view; the most frequent answer wins."""
    yield from _revise(problem, policy, None, meter, vote.majority, seed=seed, chains=chains, length=length)


def revise_scored(
    problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, *, seed: int, chains: int, length: int
) -> Iterator[Event]:
    """The same with a verifier: the best answer by summed scores of each chain, and of these winners the best one."""
    count = scored_by(vote.hierarchical)
    yield from _revise(problem, policy, verifier, meter, count, seed=seed, chains=chains, length=length)


def _revise(
    problem: Problem,
    policy: Policy,
    verifier: Verifier | None,
    meter: Meter,
    count: Count,
    *,
    seed: int,
    chains: int,
    length: int,
) -> Iterator[Event]:
    """Attempt k of chain c is candidate k C + c of C chains, so that the first attempts are the usual first samples."""
    root = policy.start(problem)
    begin(root, policy, meter)
    own = [Chain(number, [attempt * chains + number for attempt in range(length)]) for number in range(chains)]
    try:
        candidates = yield from draw_chains(own, root, policy, meter, count=count, seed=seed, verifier=verifier)
    finally:
        policy.release([root])
        if verifier is not None:
            verifier.release([root])
    yield from conclude(candidates, count, meter)


@dataclass(eq=False, slots=True)
class Chain:
    """Attempts at a problem, each with the last of those before it in view."""

    number: int
    indices: list[int]  # of the candidates that are to be drawn yet, in order
    attempts: list[str] = field(default_factory=list)  # so far
    root: Prefix | None = None  # of the next attempt, or of the one under way
    growing: bool = False  # whether one is under way
    left: list[Prefix] = field(default_factory=list)  # by the last attempt, for the next one to go on from


def draw_chains(
    chains: Sequence[Chain],
    root: Prefix,
    policy: Policy,
    meter: Meter,
    *,
    count: Count,
    seed: int,
    before: Sequence[Candidate] = (),
    verifier: Verifier | None = None,
) -> Generator[Event, None, list[Candidate]]:
    """Draw the attempts of all chains, after the candidates drawn `before`; return the new ones by index.

    Each chain goes on at its own pace, all in one batch; the run ends when the meter admits no more. `root` is of
    attempts that have none before them.
    """
    work = _ChainWork(chains, root, policy, meter)
    try:
        return (
            yield from grow(
                work.starts(),
                work.under_way,
                policy,
                meter,
                count=count,
                seed=seed,
                before=before,
                verifier=verifier,
                ended=work.end,
            )
        )
    finally:
        work.release()


class _ChainWork:
    """Which attempt is begun next, and what the policy keeps for which chain."""

    def __init__(self, chains: Sequence[Chain], root: Prefix, policy: Policy, meter: Meter) -> None:
        self.under_way: dict[int, int] = {}  # index -> tokens
        self._chains = chains
        self._root = root
        self._policy = policy
        self._meter = meter
        self._by_index: dict[int, Chain] = {}  # of the attempts under way

    def starts(self) -> Iterator[CandidateStart | None]:
        """The next attempt of whichever chain is furthest behind, as the meter admits it."""
        while any(chain.indices for chain in self._chains):
            for index, chain in self._by_index.items():
                if self.under_way[index]:  # it has taken over the cells that it shares
                    self._let_go(chain)
            ready = [chain for chain in self._chains if chain.indices and not chain.growing]
            yield self._begin(min(ready, key=lambda chain: chain.indices[0])) if ready else None

    def end(self, start: CandidateStart, prefix: Prefix) -> None:
        """An attempt is over."""
        chain = self._by_index.pop(start.index)
        self._let_go(chain)
        chain.left = [each for each in (chain.root, prefix) if each is not None and each.id != self._root.id]
        chain.root, chain.growing = None, False
        chain.attempts.append(prefix.text)
        if prefix.ended is Ended.CUT:
            chain.indices.clear()

    def release(self) -> None:
        """Give up all that is kept, but for the root."""
        for chain in self._chains:
            self._let_go(chain)
            if chain.root is not None and chain.root is not self._root:
                self._policy.release([chain.root])

    def _begin(self, chain: Chain) -> CandidateStart | None:
        """None: the meter does not admit it now."""
        if chain.root is None:
            shown = chain.attempts[-WINDOW:]
            chain.root = self._policy.start(self._root.problem, attempts=shown) if shown else self._root
        root = chain.root
        prompt = 0 if root is self._root else root.prompt_tokens - root.known_tokens
        if not self._meter.admits(list(self.under_way.values()), prompt=prompt):
            return None
        self._meter.add(Cost(prompt_tokens=prompt, flops=2.0 * self._policy.parameters * prompt))
        index = chain.indices.pop(0)
        chain.growing = True
        self._by_index[index] = chain
        return CandidateStart(index, root, chain.number, len(chain.attempts), keep=bool(chain.indices))

    def _let_go(self, chain: Chain) -> None:
        self._policy.release(chain.left)
        chain.left = []
