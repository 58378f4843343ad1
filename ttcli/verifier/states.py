"""Hidden states of solutions that come without them, by prefill: what `Step.states` holds for those drawn here.

A step's states are those from which its last token was drawn, so they are read at the token before it; where the model
ended its turn, that was the last token of the text. Each step is tokenized by itself, so that it is read once, however
many solutions go on from it. That may differ from the tokens that were drawn, of which the text does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ttcli.engine.branch import Branch, States
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.tree import Ended, Prefix
from ttcli.verifier.reader import Reader


class Reading(NamedTuple):
    """The states of a solution."""

    steps: tuple[States, ...]  # of each step
    tokens: int  # decoded for it


class StateReader:
    """Reads the states of solutions; what is new since the last call is decoded, equally deep steps together.

    Args:
        model: the weights; the caller's to close.
        name: of whoever wants the states, for messages.
        encode: the tokens of a problem up to where its solution begins, as the model is asked when it writes one.
        layers: whose outputs are read; the model's last is none of them.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model cannot be branched.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        encode: Callable[[Problem], list[int]],
        layers: Sequence[int],
        *,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self._model = model
        self._encode = encode
        self._reader = Reader(model, name, observe=layers, threads=threads, interrupted=interrupted)
        self._roots: dict[Problem, _Place] = {}

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Tokens to decode for these, without those that have lost their cells since they were read."""
        fresh = dict.fromkeys(place for prefix in prefixes for place in self._path(prefix) if place.states is None)
        return sum(len(place.ids) for place in fresh)

    def read(self, prefixes: Sequence[Prefix]) -> list[Reading]:
        """The states of every step of these.

        Raises:
            Interrupted: `interrupted` said so.
            PromptTooLong: one of them does not fit the model's context.
        """
        paths = [self._path(prefix) for prefix in prefixes]
        longest = max((sum(len(place.ids) for place in path) for path in paths), default=0)
        if self._reader.reserve(longest, len(paths)):
            for root in self._roots.values():
                for place in root.all():
                    place.branch = place.unknown()
        fresh = dict.fromkeys(place for path in paths for place in path if place.states is None)
        for depth in sorted({place.depth for place in fresh}):
            self._fill([place for place in fresh if place.depth == depth])
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

    def _path(self, prefix: Prefix) -> list[_Place]:
        """The places of a prefix from its problem down."""
        place = self._roots.get(prefix.problem)
        if place is None:
            place = self._roots[prefix.problem] = _Place(None, ("", True), self._encode(prefix.problem))
        path = [place]
        last = len(prefix.steps) - 1
        for number, step in enumerate(prefix.steps):
            key = (step.text, number == last and prefix.ended is Ended.STOP)
            below = place.below.get(key)
            if below is None:
                below = place.below[key] = _Place(place, key, self._model.tokenize(step.text, special=False))
            path.append(place := below)
        place.given_up = False
        return path

    def _fill(self, places: Sequence[_Place]) -> None:
        """Decode places that stand on decoded ones, to where their states are."""
        for place in places:
            if not place.ids and place.above is not None:  # a step of one token is drawn where the one above ends
                place.states = place.above.states
        decoded = [place for place in places if place.states is None]
        for place, states in zip(decoded, self._reader.states([place.branch for place in decoded]), strict=True):
            place.states = states
            place.tokens = len(place.branch.tokens)


class _Place:
    """Where the states of a step are: its branch ends there, and begins where that of the step above ends."""

    __slots__ = ("above", "below", "branch", "depth", "given_up", "ids", "key", "rest", "states", "tokens")

    def __init__(self, above: _Place | None, key: tuple[str, bool], own: list[int]) -> None:
        self.above = above
        self.key = key  # the text of the step, and whether the model ended its turn with it
        line = [*(above.rest if above else ()), *own]
        end = len(line) if key[1] else max(len(line) - 1, 0)
        self.ids: list[int] = line[:end]  # from where the one above ends
        self.rest: list[int] = line[end:]  # between its end and the next step
        self.depth: int = above.depth + 1 if above else 0
        self.below: dict[tuple[str, bool], _Place] = {}
        self.states: States | None = None
        self.tokens = 0  # decoded for it and not charged to anybody yet
        self.given_up = False  # nobody holds it any more; it goes when nothing is below it
        self.branch = self.unknown()

    def unknown(self) -> Branch:
        """Its branch as no context knows it yet."""
        return Branch(self.above.branch if self.above else None, self.ids)

    def all(self) -> Iterator[_Place]:
        """Itself and all below, each after the one above it."""
        yield self
        for below in self.below.values():
            yield from below.all()


def _reading(path: Sequence[_Place]) -> Reading:
    """The states along a path, charged with those decodes that no path before it was charged with."""
    tokens = sum(place.tokens for place in path)
    for place in path:
        place.tokens = 0
    return Reading(tuple(place.states for place in path[1:] if place.states is not None), tokens)
