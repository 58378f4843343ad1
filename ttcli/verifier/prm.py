"""A process reward model that says + or - behind each step: P(+) / (P(+) + P(-)), as plain GGUF.

The forms stand in `form`. What has been scored is a tree of steps by problem: a step is decoded once, however many
solutions go on from it and whenever they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.tree import Prefix
from ttcli.verifier.form import Form
from ttcli.verifier.protocol import StepScores
from ttcli.verifier.reader import Reader, share


class Prm:
    """Scores steps by the model's label behind each; the score of the whole is that of the last step.

    Args:
        model: the weights; the caller's to close.
        form: how the model wants a solution put.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model cannot be branched.
    """

    partial = True

    def __init__(
        self,
        model: Model,
        form: Form,
        *,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        self.name = f"prm:{model.path.stem}"
        self.parameters = model.matmul_parameters
        self._form = form
        self._reader = Reader(model, self.name, form.labels, threads=threads, interrupted=interrupted)
        self._roots: dict[Problem, _Place] = {}

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Tokens of the steps not scored yet, and of what they stand on where that has lost its cells."""
        work = self._work([self._path(prefix) for prefix in prefixes])
        return sum(self._reader.missing(place.branch) if place.branch else len(place.ids) for place in work)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One score per step; new steps of all prefixes that are equally deep are decoded together.

        Raises:
            Interrupted: `interrupted` said so.
            PromptTooLong: a solution does not fit the model's context.
        """
        paths = [self._path(prefix) for prefix in prefixes]
        longest = max((sum(len(place.ids) for place in path) for path in paths), default=0)
        if self._reader.reserve(longest, len(paths)):
            for root in self._roots.values():
                root.lose_cells()
        work = self._work(paths)
        for depth in sorted({place.depth for place in work}):
            self._read([place for place in work if place.depth == depth])
        return [_opinion(path) for path in paths]

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
                del place.above.below[place.text]
                place = place.above

    def close(self) -> None:
        """Free the context."""
        self._roots.clear()
        self._reader.close()

    def _path(self, prefix: Prefix) -> list[_Place]:
        """The places of a prefix from the problem down."""
        place = self._roots.get(prefix.problem)
        if place is None:
            place = self._roots[prefix.problem] = _Place(None, "", self._form.head(prefix.problem.text))
        path = [place]
        for step in prefix.steps:
            below = place.below.get(step.text)
            if below is None:
                ids = self._form.step(step.text, first=place.above is None)
                below = place.below[step.text] = _Place(place, step.text, ids)
            path.append(place := below)
        place.given_up = False
        return path

    def _work(self, paths: Sequence[Sequence[_Place]]) -> list[_Place]:
        """The places to decode: steps without a score, and where they begin if that has lost its cells."""
        fresh = dict.fromkeys(place for path in paths for place in path if place.fresh)
        lost = (place.above for place in fresh if place.above not in fresh)
        return [*dict.fromkeys(above for above in lost if above and not self._reader.holds(above.branch)), *fresh]

    def _read(self, places: Sequence[_Place]) -> None:
        """Decode places whose parents have been decoded; take the scores."""
        branches = [Branch(place.above.branch if place.above else None, place.ids) for place in places]
        scores = share(self._reader.read(branches), 1)
        for place, branch, score in zip(places, branches, scores, strict=True):
            place.branch = branch
            place.tokens = len(branch.tokens)
            if place.fresh:
                place.score = float(score)


class _Place:
    """A step that ends one beginning of a solution; the root is the problem."""

    __slots__ = ("above", "below", "branch", "depth", "given_up", "ids", "score", "text", "tokens")

    def __init__(self, above: _Place | None, text: str, ids: list[int]) -> None:
        self.above = above
        self.text = text
        self.ids = ids  # its own tokens, without those above
        self.depth: int = above.depth + 1 if above else 0
        self.below: dict[str, _Place] = {}  # by text
        self.branch: Branch | None = None  # once it has been decoded; it may have lost its cells since
        self.score: float | None = None  # in [0, 1]
        self.tokens = 0  # decoded for it and not charged to anybody yet
        self.given_up = False  # nobody holds it any more; it goes when nothing is below it

    @property
    def fresh(self) -> bool:
        """Whether it is still to be scored."""
        return self.above is not None and self.score is None

    def all(self) -> Iterator[_Place]:
        """Itself and all below."""
        yield self
        for below in self.below.values():
            yield from below.all()

    def lose_cells(self) -> None:
        """Begin anew in a context that knows nothing of the branches."""
        for place in self.all():
            if place.branch is not None:
                place.branch = Branch(place.above.branch if place.above else None, place.ids)


def _opinion(path: Sequence[_Place]) -> StepScores:
    """The scores along a path, charged with those decodes that no path before it was charged with."""
    tokens = sum(place.tokens for place in path)
    for place in path:
        place.tokens = 0
    steps = tuple(place.score for place in path[1:] if place.score is not None)
    return StepScores(steps[-1] if steps else 1.0, steps, tokens)
