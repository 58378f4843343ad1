"""What the searches down a tree have in common: steps are drawn and scored, some are kept, the others are given up.

A search is a loop on a `Tree`, and a turn of it is a round: `grow` draws steps, `score` asks the verifier about them in
one call, `select` says which go on and frees the others at once. Whatever ends the loop, the method, the budget or
Ctrl-C, `conclude` votes over the solutions that have come to their end. `fit` comes before: where tokens or seconds are
the budget, it draws a whole solution and says how many beams the rest is enough for (see `reserve`).
"""
# over 300 lines: the tree, its rounds and how they end share one state

# over 300 lines: a round, its steps and what is kept of them are one account

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Literal

from ttcli.cost import Cost, Meter
from ttcli.errors import PromptTooLong
from ttcli.events import CostUpdated, Event, StepFinished, StepScored, StepsSelected, StepStarted, StepToken, TextMended
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Interrupted, Mended, Policy, StepScores, Verifier
from ttcli.search.finals import Finals
from ttcli.search.parameters import TreeVote
from ttcli.search.prefixes import Beam
from ttcli.search.reserve import FIRST, Reserve
from ttcli.search.sampling import begin, conclude
from ttcli.solution import Ended, Node, Prefix

ROUNDS = 40  # at most (Snell et al. 2024, s. 5.2)
_USUAL = 4  # M, where a method has none: the best N / M are finished in any case


class Tree:
    """The steps under one problem, from `with` on until its end; afterwards it can still conclude.

    Args:
        finals: finished solutions that vote at most, the best by score.
        rule: how they vote.
        generations: that a beam counts for.
    """

    def __init__(
        self,
        problem: Problem,
        policy: Policy,
        verifier: Verifier,
        meter: Meter,
        *,
        seed: int,
        finals: int,
        rule: TreeVote = "weighted",
        generations: int = 1,
    ) -> None:
        self._policy = policy
        self._verifier = verifier
        self._meter = meter
        self._seed = seed
        self._finals = Finals(finals, rule)
        self._distinct = rule == "best"  # where nobody counts, a copy is of no use
        self._redrawn = 0  # steps drawn again that no later round has paid for yet
        self._places = finals
        self._reserve = Reserve(meter, verifier)
        self._whole_ones: list[Beam] = []  # solutions drawn, or brought to their end, to have an answer in time
        self._generations = generations
        self._nodes: dict[int, Node] = {}
        self._undecided: dict[int, Beam] = {}  # by node: neither grown from, nor given up, nor a candidate yet
        self._last = 0  # number of a node
        self._round = 0
        self._halted = False  # in the middle of a round
        self.root = Beam(0, policy.start(problem))
        self._held = {0: self.root}  # by node: for whose prefix the policy keeps something
        begin(self.root.prefix, policy, meter)

    def __enter__(self) -> Tree:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._policy.release([beam.prefix for beam in self._held.values()])
        self._verifier.release([self.root.prefix])

    def goes_on(self, growing: Sequence[Beam]) -> bool:
        """Whether there is to be another round, in which these grow."""
        return bool(growing) and self._round < ROUNDS and not self._halted and self._meter.stopped is None

    def fit(self, beams: int, expand: int = 1) -> Generator[Event, None, int]:
        """How many of these beams to begin with: as many, in multiples of `expand`, as the budget can bring to an end.

        A budget in generations is for all of them. Where it is in tokens or seconds, and nobody knows how long
        solutions are, whole ones come first, the first samples of a vote, until one has an answer.
        """
        reserve = self._reserve
        if not reserve.wanted(self.root.prefix, beams * self._generations):
            return beams
        if self._meter.length is None:
            for _ in range(FIRST):
                if not self._finals.answered and self._meter.stopped is None and not self._halted:
                    yield from self._sample(1, usual=True)
        fitting = min(beams, reserve.room(self._generations) // expand * expand)
        if not fitting:
            yield from self._fill()
        reserve.plan(min(max(fitting // (expand if expand > 1 else _USUAL), 1), fitting // 2))
        return fitting

    # -- a round

    def grow(self, parents: Sequence[Beam], *, beside: Sequence[Beam] = ()) -> Generator[Event, None, list[Beam]]:
        """Draw a step from each of these, as often as it is named; the steps in that order.

        Copies count in a vote, and drawing them again would flatten it. Where there is none, a step that reads like an
        earlier one from the same prefix, or like one of those `beside`, is given up and drawn again, once; the next
        rounds draw as many fewer.
        """
        parents = self._paying(parents)
        for parent in parents:
            self._undecided.pop(parent.node, None)
        self._reserve.begin(
            [beam.prefix.tokens for beam in self._ranked(parents)] if self._round else [0] * len(parents)
        )
        steps = yield from self._draw(parents, generations=0 if self._round else self._generations)
        repeats = self._repeats([*beside, *steps]) if self._distinct and not self._halted else []
        if not repeats:
            return steps
        self._redrawn += len(repeats)
        self._give_up(repeats)
        by_node = {parent.node: parent for parent in parents}
        again = yield from self._draw([by_node[self._nodes[repeat.node].parent] for repeat in repeats])
        redrawn = dict(zip((repeat.node for repeat in repeats), again, strict=False))  # fewer where that was cut short
        return [redrawn.get(step.node, step) for step in steps if step.node in redrawn or step not in repeats]

    def roll(self, beams: Sequence[Beam]) -> Generator[Event, None, dict[int, Beam]]:
        """Draw the likeliest next step of each of these, to look ahead; by the node that it comes from."""
        steps = yield from self._draw(beams, temperature=0.0, rollout=True)
        return {self._nodes[step.node].parent: step for step in steps}

    def adopt(self, rollout: Beam) -> Beam:
        """Take a rollout for a step like those that `grow` draws."""
        node = self._nodes[rollout.node] = replace(self._nodes[rollout.node], rollout=False)
        self._undecided.pop(node.parent, None)
        return rollout

    def score(self, beams: Sequence[Beam]) -> Generator[Event, None, list[Beam]]:
        """The same with their scores; without where the verifier cannot tell. One that has a score keeps it."""
        asked = [beam for beam in beams if beam.score is None]
        opinions = dict(zip((beam.node for beam in asked), self._ask([beam.prefix for beam in asked]), strict=True))
        given = {node: opinion for node, opinion in opinions.items() if opinion is not None}
        tokens = sum(opinion.tokens for opinion in given.values())
        self._meter.add(Cost(verifier_tokens=tokens, flops=2.0 * self._verifier.parameters * tokens))
        scored = [self._note(_rated(beam, given[beam.node])) if beam.node in given else beam for beam in beams]
        self._free(beam for beam in asked if not beam.open)  # nothing comes after them
        self._halted |= bool(asked) and not given
        yield from (StepScored(node, opinion.current) for node, opinion in given.items())
        if asked:
            yield CostUpdated(self._meter.total())
        return scored

    def value(self, beam: Beam, score: float) -> Generator[Event, None, Beam]:
        """The same with a score that comes from elsewhere in the tree."""
        valued = self._note(replace(beam, score=score))
        yield StepScored(beam.node, score)
        return valued

    def select(self, kept: Sequence[Beam], *, aside: Sequence[Beam] = ()) -> Iterator[Event]:
        """End a round: these go on, and those `aside` stay; other steps are given up, or are solutions now.

        A round that was cut short decides nothing.
        """
        if self._halted:
            if self._reserve.touched and self._meter.stopped is None:
                yield from self._finish([beam for node, beam in self._held.items() if beam.open and node])
            return
        self._round += 1
        finished = self._finished()
        staying = {beam.node for beam in (*kept, *aside)} | ({0} if self._reserve.active else set())
        given_up = [beam for node, beam in self._undecided.items() if node not in staying and beam not in finished]
        self._give_up(given_up)
        self._free([beam for node, beam in self._held.items() if node not in staying])
        self._undecided = {n: beam for n, beam in self._undecided.items() if n in staying and beam not in finished}
        yield StepsSelected(self._round, tuple(beam.node for beam in kept), tuple(beam.node for beam in given_up))
        yield from self._finals.take(finished)
        going = self._ranked(beam for beam in kept if beam.open)
        if self._reserve.active and (not going or self._round == ROUNDS):
            yield from self._fill()
        elif not self._reserve.suffices([beam.prefix.tokens for beam in going]):
            yield from self._finish(going)

    # -- the end

    def _finish(self, beams: Sequence[Beam]) -> Iterator[Event]:
        """End the search while there is enough for it: the best prefixes grow to their end, and nothing else does."""
        self._halted = False
        self._reserve.let_go()
        ranked = self._ranked(beams)
        if ranked:
            best = ranked[: self._reserve.finishing([beam.prefix.tokens for beam in ranked])]
            yield from self._whole((yield from self._draw(best, until="answer")))
        yield from self._fill()
        self._halted = True

    def _fill(self) -> Iterator[Event]:
        """Have as many whole solutions as are still wanted and can be paid."""
        self._reserve.let_go()
        while not self._halted and self._meter.stopped is None and (room := self._reserve.room()):
            wanted = self._places - len(self._finals.candidates) or int(not self._finals.answered)
            if wanted <= 0:
                return
            yield from self._sample(min(room, wanted))

    def _sample(self, count: int, *, usual: bool = False) -> Iterator[Event]:
        """So many whole solutions; `usual`: the samples that a vote begins with, if nothing else was drawn before."""
        drawn = yield from self._draw([self.root] * count, generations=1, until="answer", usual=usual)
        yield from self._whole(drawn)

    def _whole(self, beams: Sequence[Beam]) -> Iterator[Event]:
        """Score solutions, where that can be paid, and have them vote."""
        ended = [beam for beam in beams if beam.prefix.ended in (Ended.STOP, Ended.LENGTH)]
        for beam in ended:
            self._reserve.learn(beam.prefix)
        answered = [beam for beam in ended if beam.answer is not None]
        if self._verifier.price([beam.prefix for beam in answered]) <= self._meter.left:
            yield from self.score(answered)
        yield from self._finals.take(self._finished())
        self._whole_ones += ended
        for beam in ended:
            self._undecided.pop(beam.node, None)

    def _ranked(self, beams: Iterable[Beam]) -> list[Beam]:
        """Each of these once, the best first; one without a score has that of the step above."""

        def rank(beam: Beam) -> tuple[float, int]:
            parent = self._nodes[beam.node].parent if beam.node else 0
            above = self._nodes[parent].score if parent else None
            score = beam.score if beam.score is not None else above
            return -(score or 0.0), beam.node

        return sorted({beam.node: beam for beam in beams}.values(), key=rank)

    def conclude(self, population: Sequence[Beam] | None = None) -> Iterator[Event]:
        """Vote over what has finished; where none of it has an answer, let the best unfinished solution vote too.

        `population`: those that have places at the end, each as often as it has one; what was drawn whole, or brought
        to its end, has one besides. None: places mean nothing.
        """
        finals = self._finals
        yield from finals.take(self._finished())
        if population is not None:
            finals.settle([*population, *self._whole_ones])
        if not finals.answered and (best := self._best_unfinished()):
            yield from finals.take([best])
        for node in finals.beaten:
            self._nodes[node] = replace(self._nodes[node], pruned=True)
        tree = [self._nodes[number] for number in sorted(self._nodes)]
        yield from conclude(finals.candidates, finals.count, self._meter, tree=tree)

    def _finished(self) -> list[Beam]:
        """What has come to its end and is no candidate yet."""
        ended = (Ended.STOP, Ended.LENGTH)
        return [
            beam
            for node, beam in self._undecided.items()
            if beam.prefix.ended in ended and not (self._nodes[node].rollout or self._nodes[node].pruned)
        ]

    def _best_unfinished(self) -> Beam | None:
        """One with an answer before one without, then by score, or by that of the steps above, then the longest."""

        def rank(beam: Beam) -> tuple[bool, float, int]:
            node = self._nodes[beam.node]
            while node.score is None and node.parent:
                node = self._nodes[node.parent]
            return beam.answer is not None, node.score or 0.0, beam.prefix.tokens

        finished = {candidate.node for candidate in self._finals.candidates}
        left = {node: beam for node, beam in {**self._held, **self._undecided}.items() if node and node not in finished}
        return max((left[node] for node in sorted(left) if not self._nodes[node].pruned), key=rank, default=None)

    # -- steps

    def _draw(  # over 60 lines: one loop over what happens, in the order in which it is told
        self,
        parents: Sequence[Beam],
        *,
        generations: int = 0,
        temperature: float | None = None,
        rollout: bool = False,
        until: Literal["step", "answer"] = "step",
        usual: bool = False,
    ) -> Generator[Event, None, list[Beam]]:
        """A step from each of these, or all up to the answer.

        Node i draws from the generator keyed by (seed, problem, i); `usual`, by the one of sample i - 1.
        """
        if self._halted or self._meter.stopped is not None:
            self._halted |= bool(parents)
            return []
        first = self._last + 1
        seen = [0] * len(parents)  # tokens that a step was seen to take
        drawn: dict[int, Beam] = {}  # by request
        forked: list[Event] = []

        def requests() -> Iterator[Extend]:
            for parent in parents:
                self._last += 1
                forked.append(StepStarted(self._last, parent.node, rollout))
                self._meter.add(Cost(generations=generations))
                key = (self._seed, parent.prefix.problem.key, self._last - usual)
                yield Extend(parent.prefix, key, until=until, temperature=temperature)

        for happenings in self._policy.extend(requests(), stop=lambda tokens: not self._reserve.allows(tokens)):
            events = [*forked]  # told when all that came is in the tree: a reader may leave at any of them
            forked.clear()
            grown = shared = 0
            for happening in happenings:
                at = happening.request
                if isinstance(happening, Extension):
                    grown += happening.tokens - seen[at]
                    shared += happening.shared
                    drawn[at] = self._plant(first + at, parents[at], happening, rollout=rollout)
                    events.append(StepFinished(self._nodes[first + at]))
                elif isinstance(happening, Mended):
                    grown += happening.tokens
                    seen[at] += happening.tokens
                    events.append(TextMended(None, first + at, happening.repair))
                else:
                    grown += 1
                    seen[at] += 1
                    events.append(StepToken(first + at, happening.text, happening.thought))
            flops = 2.0 * self._policy.parameters * grown
            self._meter.add(Cost(policy_tokens=grown, shared_tokens=shared, flops=flops))
            yield from events
            yield CostUpdated(self._meter.total())
        cut = any(beam.prefix.ended is Ended.CUT for beam in drawn.values())
        self._halted |= cut or len(drawn) < len(parents)
        return [drawn[at] for at in sorted(drawn)]

    def _plant(self, number: int, parent: Beam, extension: Extension, *, rollout: bool) -> Beam:
        prefix = extension.prefix
        new = replace(prefix, steps=prefix.steps[len(parent.prefix.steps) :])
        told = (number, parent.node, new.text, extension.tokens, new.logprob, prefix.ended)
        repairs = prefix.repairs[len(parent.prefix.repairs) :]
        self._nodes[number] = Node(*told, rollout=rollout, repairs=repairs)
        beam = self._undecided[number] = Beam.at(number, prefix, parent.lineage or number)
        if beam.open:
            self._held[number] = beam
        return beam

    def _paying(self, parents: Sequence[Beam]) -> Sequence[Beam]:
        """These without the last of those that are named several times, one for each step that was drawn again."""
        paid = [*parents]
        while self._redrawn and len({parent.node for parent in paid}) < len(paid):
            at = max(at for at, parent in enumerate(paid) if sum(each.node == parent.node for each in paid) > 1)
            del paid[at]
            self._redrawn -= 1
        return paid

    def _repeats(self, steps: Sequence[Beam]) -> list[Beam]:
        """The steps that read like an earlier one from the same prefix."""
        seen: set[tuple[int, str, Ended]] = set()
        found = []
        for step in steps:
            node = self._nodes[step.node]
            known = len(seen)
            seen.add((node.parent, node.text, node.ended))
            if len(seen) == known:
                found.append(step)
        return found

    def _ask(self, prefixes: Sequence[Prefix]) -> Sequence[StepScores | None]:
        """The verifier's opinions; None for what is too long for it, and for all where they cannot be had any more."""
        nobody = [None] * len(prefixes)
        price = self._verifier.price(prefixes) if prefixes else 0
        if price and (self._halted or not self._reserve.allows(price)):
            self._halted = True
            return nobody
        try:
            return self._verifier.score(prefixes) if prefixes else nobody
        except Interrupted:
            self._halted = True
            return nobody
        except PromptTooLong:
            return nobody if len(prefixes) == 1 else [self._ask([prefix])[0] for prefix in prefixes]

    def _note(self, beam: Beam) -> Beam:
        """Remember a beam as it is now."""
        self._nodes[beam.node] = replace(self._nodes[beam.node], score=beam.score)
        for known in (self._held, self._undecided):
            if beam.node in known:
                known[beam.node] = beam
        return beam

    def _give_up(self, beams: Sequence[Beam]) -> None:
        for beam in beams:
            self._nodes[beam.node] = replace(self._nodes[beam.node], pruned=True)
        self._free(beams)

    def _free(self, beams: Iterable[Beam]) -> None:
        """Have policy and verifier forget what they keep for these."""
        freed = [*beams]
        for beam in freed:
            self._held.pop(beam.node, None)
        self._policy.release([beam.prefix for beam in freed if beam.open])
        # a verifier may know a prefix by its text, and under the root it would forget everything
        needed = {beam.prefix.text for beam in self._held.values()}
        self._verifier.release([each.prefix for each in freed if each.node and each.prefix.text not in needed])


def _rated(beam: Beam, opinion: StepScores) -> Beam:
    """A beam with what is thought of its current step, and of the whole."""
    return replace(beam, score=opinion.current, whole=opinion.score, step_scores=opinion.steps)
