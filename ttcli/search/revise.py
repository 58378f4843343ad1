"""Chains of revisions (Snell et al. 2024, arXiv 2408.03314, s. 6).

A later attempt may spoil what an earlier one had right, so all attempts of all chains vote, never the last ones alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from ttcli.answers import vote
from ttcli.cost import Cost, Meter
from ttcli.errors import UsageError
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy, Verifier, writer
from ttcli.search.best_of_n import scored_by
from ttcli.search.parameters import Beginning
from ttcli.search.sampling import CandidateStart, Count, begin, conclude, grow
from ttcli.solution import Attempt, Candidate, Ended, Prefix

_STEPS = "--verifier arithmetic, or --method revise"
WINDOW = 4  # attempts that the next one has in view at most: the paper's revision model was trained on so many


def revise(
    problem: Problem,
    policy: Policy,
    meter: Meter,
    *,
    seed: int,
    chains: int,
    length: int,
    begins: Beginning = "nothing",
) -> Iterator[Event]:
    """Grow chains side by side, each attempt with the last four before it in view; the most frequent answer wins.

    `begins` "step": an attempt sees none before it, and goes on from the steps of the last one before the step that is
    most in doubt; see `before_doubt`.
    """
    sizes = {"seed": seed, "chains": chains, "length": length}
    yield from _revise(problem, policy, None, meter, vote.majority, begins=begins, **sizes)


def revise_scored(
    problem: Problem,
    policy: Policy,
    verifier: Verifier,
    meter: Meter,
    *,
    seed: int,
    chains: int,
    length: int,
    begins: Beginning = "nothing",
    tell: float | None = None,
) -> Iterator[Event]:
    """The same with a verifier: the best answer by summed scores of each chain, and of these winners the best one.

    `tell`: an attempt is in view down to its first step that is scored below it, which is told; see `shown_to_doubt`.
    """
    sizes = {"seed": seed, "chains": chains, "length": length}
    count = scored_by(vote.hierarchical)
    yield from _revise(problem, policy, verifier, meter, count, begins=begins, tell=tell, **sizes)


def _revise(
    problem: Problem,
    policy: Policy,
    verifier: Verifier | None,
    meter: Meter,
    count: Count,
    *,
    begins: Beginning,
    tell: float | None = None,
    seed: int,
    chains: int,
    length: int,
) -> Iterator[Event]:
    """Attempt k of chain c is candidate k C + c of C chains, so that the first attempts are the usual first samples."""
    root = policy.start(problem)
    begin(root, policy, meter)
    own = [Chain(number, [attempt * chains + number for attempt in range(length)]) for number in range(chains)]
    try:
        candidates = yield from draw_chains(
            own, root, policy, meter, count=count, seed=seed, verifier=verifier, begins=begins, tell=tell
        )
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
    attempts: list[Attempt] = field(default_factory=list)  # so far
    root: Prefix | None = None  # of the next attempt, or of the one under way
    growing: bool = False  # whether one is under way
    left: list[Prefix] = field(default_factory=list)  # by the last attempt, for the next one to go on from
    last: Prefix | None = None  # the last attempt
    sound: int = 0  # steps of it before the one that is most in doubt


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
    begins: Beginning = "nothing",
    tell: float | None = None,
) -> Generator[Event, None, list[Candidate]]:
    """Draw the attempts of all chains, after the candidates drawn `before`; return the new ones by index.

    Each chain goes on at its own pace, all in one batch; the run ends when the meter admits no more. `root` is of
    attempts that have none before them.
    """
    work = _ChainWork(chains, root, policy, meter, begins, tell)
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
                told=work.doubt,
            )
        )
    finally:
        work.release()


class _ChainWork:
    """Which attempt is begun next, and what the policy keeps for which chain."""

    def __init__(
        self,
        chains: Sequence[Chain],
        root: Prefix,
        policy: Policy,
        meter: Meter,
        begins: Beginning,
        tell: float | None,
    ) -> None:
        self._begins = begins
        self._tell = tell
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
        chain.root, chain.growing, chain.last = None, False, prefix
        chain.attempts.append(Attempt(prefix.text))
        if prefix.ended is Ended.CUT:
            chain.indices.clear()

    def doubt(self, candidate: Candidate) -> None:
        """An attempt that is over has been scored, if it is."""
        chain = next(chain for chain in self._chains if chain.number == candidate.chain)
        if chain.last is None:
            return
        chain.sound = before_doubt(chain.last, candidate.step_scores)
        if self._tell is not None:
            if candidate.score is not None and not candidate.step_scores:
                raise UsageError("which step is in doubt is told by scores of steps, and there are none", hint=_STEPS)
            chain.attempts[-1] = shown_to_doubt(chain.last, candidate.step_scores, self._tell)

    def release(self) -> None:
        """Give up all that is kept, but for the root."""
        for chain in self._chains:
            self._let_go(chain)
            if chain.root is not None and chain.root is not self._root:
                self._policy.release([chain.root])

    def _begin(self, chain: Chain) -> CandidateStart | None:
        """None: the meter does not admit it now."""
        if chain.root is None:
            chain.root = self._opened(chain)
        root = chain.root
        prompt = 0 if root is self._root else root.tokens if root.steps else root.prompt_tokens - root.known_tokens
        if not self._meter.admits(list(self.under_way.values()), prompt=prompt):
            return None
        self._meter.add(Cost(prompt_tokens=prompt, flops=2.0 * writer(self._policy, root) * prompt))
        index = chain.indices.pop(0)
        chain.growing = True
        self._by_index[index] = chain
        keep = bool(chain.indices) and self._begins == "nothing"
        return CandidateStart(index, root, chain.number, len(chain.attempts), keep=keep)

    def _opened(self, chain: Chain) -> Prefix:
        """What the next attempt grows from."""
        if self._begins == "step":
            if chain.last is None or not chain.sound:
                return self._root
            return self._policy.resume(self._root, chain.last.steps[: chain.sound])
        shown = chain.attempts[-WINDOW:]
        return self._policy.start(self._root.problem, attempts=shown) if shown else self._root

    def _let_go(self, chain: Chain) -> None:
        self._policy.release(chain.left)
        chain.left = []


def before_doubt(prefix: Prefix, scores: Sequence[float]) -> int:
    """How many steps come before the one that is most in doubt: with the lowest score, or else confidence; the first.

    0 where nothing is known of some step, and where the first one is that.
    """
    if len(scores) != len(prefix.steps):
        known = [step.confidence for step in prefix.steps]
        scores = [each for each in known if each is not None] if None not in known else []
    return min(range(len(scores)), key=lambda at: scores[at], default=0)


def shown_to_doubt(prefix: Prefix, scores: Sequence[float], floor: float) -> Attempt:
    """A solution as the next attempt has it in view: up to its first step that is scored below a floor, which is told.

    What comes behind a wrong step is built on it. All of it where no step is scored so low, or steps have no scores.
    """
    texts = [step.text for step in prefix.steps]
    scored = scores if len(scores) == len(texts) else ()
    at = next((at for at, score in enumerate(scored) if score < floor and texts[at].strip()), None)
    return Attempt(prefix.text) if at is None else Attempt("".join(texts[:at]), texts[at])
