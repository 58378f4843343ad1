"""What is drawn once and used by every method: a problem's independent samples, and the scores they were given.

A method runs on a `PooledPolicy` and a `PooledVerifier` as it would on those they stand before. Samples that the pool
has come back at once, at the price they had; the others are drawn, and stay in the pool.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.errors import PromptTooLong
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Growth, Mended, Policy, StepScores, Verifier
from ttcli.solution import Attempt, Ended, Prefix, Step


@dataclass(slots=True)
class Pool:
    """Samples and ratings of one problem: those known from before, and those that are news."""

    samples: dict[SampleKey, Sample] = field(default_factory=dict)
    ratings: dict[tuple[SampleKey, str], Rating] = field(default_factory=dict)  # by sample and verifier
    news: list[Sample | Rating] = field(default_factory=list)  # not told to anybody yet

    @classmethod
    def of(cls, samples: Iterable[Sample], ratings: Iterable[Rating]) -> Pool:
        """A pool of what is known."""
        return cls(
            {sample.key: sample for sample in samples}, {(rating.sample, rating.verifier): rating for rating in ratings}
        )

    def add(self, new: Sample | Rating) -> None:
        """Take in what is new."""
        if isinstance(new, Sample):
            self.samples[new.key] = new
        else:
            self.ratings[new.sample, new.verifier] = new
        self.news.append(new)

    def twins(self, prefix: Prefix) -> list[SampleKey]:
        """The samples that read like this: short ones may be drawn more than once."""
        told = (prefix.steps, prefix.thought)
        return [key for key, each in self.samples.items() if (each.steps, each.thought) == told]


@dataclass(slots=True)
class Flight:
    """Continuations that somebody waits for, over all problems in work."""

    under_way: int = 0


class PooledPolicy:
    """A policy that asks the pool first; one per method and problem, so that `seconds` is what that method cost."""

    def __init__(self, policy: Policy, pool: Pool, flight: Flight, *, temperature: float) -> None:
        self.parameters = policy.parameters
        self.reviser_parameters = policy.reviser_parameters
        self.seconds = 0.0  # of the machine, as if all had been drawn for this method alone
        self._policy = policy
        self._pool = pool
        self._flight = flight
        self._temperature = temperature  # of the policy's own sampler
        self._roots: set[int] = set()
        self._claimed: set[int] = set()  # roots whose prompt has been charged to an extension

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The root of a problem, or of a revision, which is no independent sample."""
        root = self._policy.start(problem, attempts=attempts)
        if not root.attempts:
            self._roots.add(root.id)
        return root

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[Sequence[Growth | Mended | Extension]]:
        """Continue prefixes; see the protocol."""
        source, numbers = iter(requests), itertools.count()
        known: list[Extension] = []  # from the pool, not yielded yet
        asked: list[tuple[int, Extend]] = []  # of the policy, in its numbering
        arrived = 0  # of those

        def fresh() -> Iterator[Extend | None]:
            for request in source:
                number = -1 if request is None else next(numbers)
                if request is not None and (sample := self._known(request)):
                    known.append(self._replay(number, request, sample))
                    continue
                if request is not None:
                    asked.append((number, request))
                    self._flight.under_way += 1
                yield request

        try:
            while True:
                for happenings in self._policy.extend(fresh(), stop=stop):
                    arrived += sum(isinstance(happening, Extension) for happening in happenings)
                    self._flight.under_way -= sum(isinstance(happening, Extension) for happening in happenings)
                    yield [*_taken(known), *(self._renumbered(happening, asked) for happening in happenings)]
                self._flight.under_way -= len(asked) - arrived  # called off before their first token
                asked, arrived = [], 0
                if not known:
                    return
                yield _taken(known)
        finally:
            self._flight.under_way -= len(asked) - arrived

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """The policy's."""
        return self._policy.resume(root, steps)

    def speak(self, prefix: Prefix, words: str) -> Prefix:
        """The policy's."""
        return self._policy.speak(prefix, words)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Tell the policy."""
        self._policy.release(prefixes)

    def _key(self, request: Extend) -> SampleKey | None:
        """The key of an independent sample; None where the request is for something else."""
        if request.prefix.id not in self._roots or request.until != "answer":
            return None
        seed, _, index = request.seed
        own = request.temperature is None
        return SampleKey(self._temperature if own else float(request.temperature or 0.0), seed, index)

    def _known(self, request: Extend) -> Sample | None:
        key = self._key(request)
        return self._pool.samples.get(key) if key else None

    def _replay(self, number: int, request: Extend, sample: Sample) -> Extension:
        self.seconds += sample.seconds
        prefix = sample.on(request.prefix)
        return Extension(number, prefix, sample.tokens, self._shared(request), sample.seconds)

    def _renumbered(
        self, happening: Growth | Mended | Extension, asked: Sequence[tuple[int, Extend]]
    ) -> Growth | Mended | Extension:
        number, request = asked[happening.request]
        if not isinstance(happening, Extension):
            return happening._replace(request=number)
        self.seconds += happening.seconds
        key = self._key(request)
        if key is None:
            return happening._replace(request=number)
        if happening.prefix.ended is not Ended.CUT:
            self._pool.add(Sample.of(key, happening))
        return happening._replace(request=number, shared=self._shared(request))

    def _shared(self, request: Extend) -> int:
        """Prompt tokens that were not decoded again for a sample: all of them but for the first of its root."""
        first = request.prefix.id not in self._claimed
        self._claimed.add(request.prefix.id)
        return 0 if first else request.prefix.prompt_tokens


class PooledVerifier:
    """A verifier that asks the pool first; one per method and problem."""

    def __init__(self, verifier: Verifier, pool: Pool, spec: str) -> None:
        self.name = verifier.name
        self.parameters = verifier.parameters
        self.partial = verifier.partial
        self.seconds = 0.0  # of the machine, as if all had been scored for this method alone
        self._verifier = verifier
        self._pool = pool
        self._spec = spec  # what the user called it

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """What the verifier would ask, for ratings that are known too: they count as if made for this method alone."""
        return self._verifier.price(prefixes)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One opinion per prefix, in order; see the protocol. Those that the pool has not are asked for together."""
        twins = [self._pool.twins(prefix) for prefix in prefixes]
        known = [self._known(keys) for keys in twins]
        asked = iter(self._ask([prefix for prefix, rating in zip(prefixes, known, strict=True) if rating is None]))
        scores = []
        for keys, rating in zip(twins, known, strict=True):
            opinion, seconds = next(asked) if rating is None else (rating.scores, rating.seconds)
            self.seconds += seconds
            for key in keys:
                if (key, self._spec) not in self._pool.ratings:
                    self._pool.add(Rating(key, self._spec, opinion, seconds))
            if opinion is None:
                raise PromptTooLong(f"the solution does not fit the context of {self.name}")
            scores.append(opinion)
        return scores

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Tell the verifier."""
        self._verifier.release(prefixes)

    def close(self) -> None:
        """Nothing: the verifier is somebody else's."""

    def _known(self, keys: Sequence[SampleKey]) -> Rating | None:
        ratings = (self._pool.ratings.get((key, self._spec)) for key in keys)
        return next((rating for rating in ratings if rating), None)

    def _ask(self, prefixes: Sequence[Prefix]) -> list[tuple[StepScores | None, float]]:
        """The verifier's opinions, and the seconds of each in equal parts; None: it is too long."""
        if not prefixes:
            return []
        began = time.perf_counter()
        try:
            opinions: Sequence[StepScores | None] = self._verifier.score(prefixes)
        except PromptTooLong:
            if len(prefixes) > 1:  # who asked finds out which it is, one by one
                self.seconds += time.perf_counter() - began
                raise
            opinions = [None]
        share = (time.perf_counter() - began) / len(prefixes)
        return [(opinion, share) for opinion in opinions]


def _taken(items: list[Extension]) -> list[Growth | Extension]:
    """The items of a list, which is empty afterwards."""
    taken: list[Growth | Extension] = [*items]
    items.clear()
    return taken
