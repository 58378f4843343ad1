"""Reads solutions that grow: what has been read is a tree of steps by problem.

A step is decoded once, however many solutions go on from it and whenever they come; equally deep steps of one call are
decoded together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from ttcli.engine.branch import Branch
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix
from ttcli.verifier.reader import Reader

Value = TypeVar("Value")  # what is read at the end of a step


class Reading(NamedTuple, Generic[Value]):
    """What was read of a solution."""

    steps: tuple[Value, ...]  # of each step
    tokens: int  # decoded for it


class Spelling(NamedTuple):
    """The tokens of a step, from where the one above is read."""

    ids: Sequence[int]  # up to where it is read; (): where the one above is
    rest: Sequence[int] = ()  # between there and the next step


class GrowingReader(ABC, Generic[Value]):
    """What is new since the last call is decoded, in the context of a `Reader`, which is this one's to close."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._roots: dict[Problem, GrownPlace[Value]] = {}

    @abstractmethod
    def _head(self, problem: Problem) -> Spelling:
        """The tokens that all solutions of a problem begin with."""

    @abstractmethod
    def _key(self, prefix: Prefix, number: int) -> Hashable:
        """What tells a step of a prefix from others that go on from the same one."""

    @abstractmethod
    def _spell(self, above: GrownPlace[Value], prefix: Prefix, number: int) -> Spelling:
        """The tokens of a step of a prefix that goes on from the place above."""

    @abstractmethod
    def _values(self, branches: Sequence[Branch], places: Sequence[GrownPlace[Value]]) -> Iterable[Value]:
        """Decode branches to their ends, and read what is there; each is to be that of the place in its position."""

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Tokens of the steps not read yet, and of what they stand on where that has lost its cells."""
        work = self._work([self._path(prefix) for prefix in prefixes])
        return sum(self._reader.missing(place.branch) if place.branch else len(place.ids) for place in work)

    def read(self, prefixes: Sequence[Prefix]) -> list[Reading[Value]]:
        """What is at the end of every step of these.

        Raises:
            Interrupted: the reader was called off.
            PromptTooLong: one of them does not fit the model's context.
        """
        paths = [self._path(prefix) for prefix in prefixes]
        longest = max((sum(len(place.ids) for place in path) for path in paths), default=0)
        if self._reader.reserve(longest, len(paths)):
            for root in self._roots.values():
                root.lose_cells()
        work = self._work(paths)
        for depth in sorted({place.depth for place in work}):
            self._decode([place for place in work if place.depth == depth])
        return [_reading(path) for path in paths]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget prefixes, and under a root all that grew from it."""
        for prefix in prefixes:
            root = self._roots.get(prefix.problem)
            if root is None:
                continue
            if not prefix.steps:
                self._reader.release(place.branch for place in root.all())
                del self._roots[prefix.problem]
                continue
            place = self._path(prefix)[-1]
            place.given_up = True
            while place.above is not None and place.given_up and not place.below:
                self._reader.release([place.branch])
                del place.above.below[place.key]
                place = place.above

    def close(self) -> None:
        """Free the context."""
        self._roots.clear()
        self._reader.close()

    def _path(self, prefix: Prefix) -> list[GrownPlace[Value]]:
        """The places of a prefix from its problem down."""
        place = self._roots.get(prefix.problem)
        if place is None:
            place = self._roots[prefix.problem] = GrownPlace(None, "", self._head(prefix.problem))
        path = [place]
        for number in range(len(prefix.steps)):
            key = self._key(prefix, number)
            below = place.below.get(key)
            if below is None:
                below = place.below[key] = GrownPlace(place, key, self._spell(place, prefix, number))
            path.append(place := below)
        place.given_up = False
        return path

    def _work(self, paths: Sequence[Sequence[GrownPlace[Value]]]) -> list[GrownPlace[Value]]:
        """The places to decode: those not read yet, and what they stand on if that has lost its cells."""
        fresh = dict.fromkeys(place.source for path in paths for place in path[1:] if place.source.value is None)
        bases = [place.above.source for place in fresh if place.above is not None]
        lost = (base for base in bases if base not in fresh and not self._reader.holds(base.branch))
        return [*dict.fromkeys(lost), *fresh]

    def _decode(self, places: Sequence[GrownPlace[Value]]) -> None:
        """Decode places whose parents have been decoded."""
        branches = [place.unread() for place in places]
        for place, branch, value in zip(places, branches, self._values(branches, places), strict=True):
            place.branch = branch
            place.tokens = len(branch.tokens)
            if place.value is None:
                place.value = value


class GrowingVerifier(GrowingReader[Value]):
    """A verifier that goes by what is read."""

    partial = True

    @abstractmethod
    def _opinion(self, prefix: Prefix, reading: Reading[Value]) -> StepScores:
        """What to think of a prefix."""

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One score per step, and one of all that stands.

        Raises:
            Interrupted: the reader was called off.
            PromptTooLong: a solution does not fit the model's context.
        """
        pairs = zip(prefixes, self.read(prefixes), strict=True)
        return [self._opinion(prefix, reading) for prefix, reading in pairs]


class GrownPlace(Generic[Value]):
    """Where a step of a solution is read; the root is the problem.

    Args:
        above: the place of the step before it.
        key: what tells it from others there.
        spelling: its tokens.
    """

    __slots__ = ("above", "below", "branch", "depth", "given_up", "ids", "key", "rest", "source", "tokens", "value")

    def __init__(self, above: GrownPlace[Value] | None, key: Hashable, spelling: Spelling) -> None:
        self.above = above
        self.key = key
        self.ids, self.rest = spelling
        self.source: GrownPlace[Value] = self if above is None or self.ids else above.source  # whose tokens end here
        self.depth: int = above.depth + 1 if above else 0
        self.below: dict[Hashable, GrownPlace[Value]] = {}  # by key
        self.branch: Branch | None = None  # once it has been decoded; it may have lost its cells since
        self.value: Value | None = None
        self.tokens = 0  # decoded for it and not charged to anybody yet
        self.given_up = False  # nobody holds it any more; it goes when nothing is below it

    def all(self) -> Iterator[GrownPlace[Value]]:
        """Itself and all below, each after the one above it."""
        yield self
        for below in self.below.values():
            yield from below.all()

    def unread(self) -> Branch:
        """Its branch as no context knows it yet."""
        return Branch(self.above.source.branch if self.above else None, self.ids)

    def lose_cells(self) -> None:
        """Begin anew in a context that knows nothing of the branches."""
        for place in self.all():
            if place.branch is not None:
                place.branch = place.unread()


def _reading(path: Sequence[GrownPlace[Value]]) -> Reading[Value]:
    """What is along a path, charged with those decodes that no path before it was charged with."""
    tokens = 0
    for place in path:
        tokens += place.tokens
        place.tokens = 0
    values = (place.source.value for place in path[1:])
    return Reading(tuple(value for value in values if value is not None), tokens)
