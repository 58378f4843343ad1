r"""Thoughts that end as soon as the answer stands (DEER, Yang et al. 2025, arXiv 2504.15895; Dynasor, 2412.20993).

At the end of a paragraph of a thought a fork of it is asked for a trial answer: its thought is closed there, and
`\boxed{` is written. The thought goes on from where it was, unless the trial answer is surer than 0.95, which is the
geometric mean of its token probabilities, or equals those of the last trials before it. Then its own thought is closed,
and it speaks. What a trial takes is charged. All candidates vote; without a thought a text comes to its end as usual.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ttcli.answers import equivalent, vote
from ttcli.answers.extract import extract_answer
from ttcli.cost import Budget, Cost, Meter, Unit
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import ASK, Extend, Extension, Policy
from ttcli.search.parameters import BEAMS, Setting, read_settings, whole
from ttcli.search.parts import Part, Parts
from ttcli.search.sampling import begin, conclude
from ttcli.solution import Candidate, Ended, Prefix, Step

SURE = 0.95  # DEER's threshold
AGREE = 3  # trials in a row with one answer
EVERY = 48  # tokens of a thought between two trials at least: Dynasor's are 32 to 128


@dataclass(frozen=True, slots=True)
class ProbeParameters:
    """When a thought is asked, and when it is stopped."""

    agree: int = AGREE  # trials in a row, at least 1
    every: int = EVERY  # tokens between trials, at least 1
    sure: float = SURE  # confidence of a trial, in (0, 1]; 1: never enough by itself

    def turned(self, name: str, settings: str) -> ProbeParameters:
        """These with what a user wrote after the name of the method.

        Raises:
            UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
        """
        return replace(self, **read_settings(name, settings, _SETTINGS))

    def text(self, usual: ProbeParameters) -> str:
        """The settings that differ from the usual ones, as `turned` reads them; "" where none does."""
        told = [f"{key}={getattr(self, key):g}" for key in _SETTINGS if getattr(self, key) != getattr(usual, key)]
        return ",".join(told)

    def sizes(self, name: str, budget: Budget) -> Mapping[str, int | float]:  # noqa: ARG002 - any budget is fine
        """The arguments of the method."""
        candidates = int(budget.amount) if budget.unit is Unit.GENERATIONS else BEAMS
        return {"candidates": candidates, "agree": self.agree, "every": self.every, "sure": self.sure}

    def beside(self, name: str, budget: Budget) -> int:
        """Prefixes that are held side by side: a thought, and its trial."""
        return 2 * int(self.sizes(name, budget)["candidates"])

    @property
    def stepwise(self) -> bool:
        """Whether it is about a search that draws and scores step by step."""
        return False


def _share(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number <= 1 else None


_SETTINGS = {
    "agree": Setting(whole, "a whole number from 1 on", f"{AGREE}"),
    "every": Setting(whole, "a whole number from 1 on", f"{EVERY}"),
    "sure": Setting(_share, "above 0, and at most 1", f"{SURE}"),
}


def probe(
    problem: Problem,
    policy: Policy,
    meter: Meter,
    *,
    seed: int,
    candidates: int,
    agree: int,
    every: int,
    sure: float,
) -> Iterator[Event]:
    """Draw so many candidates, each of which thinks until its answer stands; the most frequent answer wins."""
    root = policy.start(problem)
    begin(root, policy, meter)
    work = _ProbeWork(root, policy, meter, seed=seed, rule=ProbeParameters(agree, every, sure))
    try:
        yield from work.parts.draw(work.wanted(candidates), work.heard)
        drawn = yield from work.finish()
    finally:
        work.parts.release()
    yield from conclude(drawn, vote.majority, meter)


@dataclass(slots=True)
class _Thinking:
    """A candidate in the making."""

    prefix: Prefix
    asked_at: int = 0  # tokens of its thought when it was asked last
    trials: list[str | None] = field(default_factory=list)


class _ProbeWork:
    """Which part of which candidate is drawn next."""

    def __init__(self, root: Prefix, policy: Policy, meter: Meter, *, seed: int, rule: ProbeParameters) -> None:
        self.parts = Parts(root.problem, policy, meter, seed=seed)
        self.parts.held.append(root)
        self._root = root
        self._policy = policy
        self._meter = meter
        self._rule = rule
        self._queue: deque[Part] = deque()
        self._known: dict[int, _Thinking] = {}
        self._open = 0  # parts asked for, and not heard of

    def wanted(self, candidates: int) -> Iterator[Part | None]:
        """The next part: what goes on comes before what is new; ends when nothing can come any more."""
        fresh = iter(range(candidates))
        upcoming = next(fresh, None)
        while upcoming is not None or self._queue or self._open:
            if self._queue:
                self._open += 1
                yield self._queue.popleft()
            elif upcoming is not None and self._meter.admits(list(self.parts.under_way.values())):
                self.parts.begin(upcoming)
                self._known[upcoming] = _Thinking(self._root)
                self._open += 1
                yield self._paragraph(upcoming, self._root)
                upcoming = next(fresh, None)
            else:
                yield None

    def heard(self, part: Part, extension: Extension) -> None:
        """A part is over: what comes next of its candidate."""
        self._open -= 1
        state, prefix = self._known[part.candidate], extension.prefix
        if part.request.prefix.id != self._root.id:
            self.parts.let_go([part.request.prefix])
        if part.aside:
            self._judge(part.candidate, state, part.request.prefix, prefix)
            return
        state.prefix = prefix
        thought = prefix.thought
        if prefix.ended is not Ended.OPEN:
            return
        if thought is None or thought.closed:
            self._queue.append(Part(part.candidate, Extend(prefix, self.parts.key(part.candidate))))
        elif thought.tokens - state.asked_at >= self._rule.every:
            state.asked_at = thought.tokens
            fork = self._fork(prefix, ASK.lstrip())
            trial = Extend(fork, self.parts.key(part.candidate), until="box", temperature=0.0)
            self._queue.append(Part(part.candidate, trial, aside=True))
        else:
            self._queue.append(self._paragraph(part.candidate, prefix))

    def finish(self) -> Generator[Event, None, list[Candidate]]:
        """The candidates, in order; one that was called off in the middle counts as cut."""
        done: list[Candidate] = []
        for index, state in sorted(self._known.items()):
            prefix = state.prefix if state.prefix.ended is not Ended.OPEN else replace(state.prefix, ended=Ended.CUT)
            if prefix.tokens or prefix.ended is not Ended.CUT:
                done.append((yield from self.parts.finish(index, prefix, done, vote.majority, None)))
        return done

    def _judge(self, index: int, state: _Thinking, asked: Prefix, said: Prefix) -> None:
        """A trial answer has come, or was cut: whether the thought goes on."""
        steps = said.steps[len(asked.steps) :]
        answer = extract_answer(ASK + "".join(step.text for step in steps)) if said.ended is not Ended.CUT else None
        state.trials.append(answer)
        if answer is not None and (self._sure(steps) or self._settled(state.trials)):
            closed = self._fork(state.prefix, "")
            self.parts.let_go([state.prefix])
            state.prefix = closed
            self._queue.append(Part(index, Extend(closed, self.parts.key(index))))
        else:
            self._queue.append(self._paragraph(index, state.prefix))

    def _sure(self, steps: Sequence[Step]) -> bool:
        confidences = [step.confidence for step in steps]
        return bool(confidences) and all(each is not None and each > self._rule.sure for each in confidences)

    def _settled(self, trials: Sequence[str | None]) -> bool:
        last = trials[-self._rule.agree :]
        if len(last) < self._rule.agree:
            return False
        return all(each is not None and last[-1] is not None and equivalent(each, last[-1]) for each in last)

    def _paragraph(self, index: int, prefix: Prefix) -> Part:
        return Part(index, Extend(prefix, self.parts.key(index), until="paragraph"))

    def _fork(self, prefix: Prefix, words: str) -> Prefix:
        """The prefix with its thought closed; the tokens that do it are charged."""
        fork = self._policy.speak(prefix, words)
        self.parts.held.append(fork)
        tokens = fork.tokens - prefix.tokens
        self._meter.add(Cost(policy_tokens=tokens, flops=2.0 * self._policy.parameters * tokens))
        return fork
