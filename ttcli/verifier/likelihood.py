"""How likely another model finds a solution: exp of the mean log-probability of its tokens, by that model's own words.

The larger of two models as the verifier of the smaller one, for the price of reading: each step goes through it once,
on cells that all solutions of a problem share, and nothing is asked or written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix
from ttcli.verifier.growing import GrowingVerifier, GrownPlace, Reading, Spelling
from ttcli.verifier.reader import Reader


class Heard(NamedTuple):
    """What the model makes of a step."""

    logprob: float  # sum over its tokens at temperature 1, full vocabulary; <= 0
    tokens: int  # of them


class Likelihood(GrowingVerifier[Heard]):
    """Scores a step, and the solution so far, by the geometric mean of the probabilities of its tokens.

    Each step is tokenized by itself, as the model does it. How likely the end of the turn is does not count.

    Args:
        model: the weights; the caller's to close.
        encode: the tokens of a problem up to where its solution begins, as this model is asked.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model cannot be branched.
    """

    def __init__(
        self,
        model: Model,
        encode: Callable[[Problem], list[int]],
        *,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        self.name = f"likelihood:{model.path.stem}"
        self.parameters = model.matmul_parameters
        self._model = model
        self._encode = encode
        super().__init__(Reader(model, self.name, every=True, threads=threads, interrupted=interrupted))

    def _opinion(self, prefix: Prefix, reading: Reading[Heard]) -> StepScores:
        # a step without text is read where the one above is, and has nothing of its own
        pairs = zip(prefix.steps, reading.steps, strict=True)
        heard = [value if step.text else Heard(0.0, 0) for step, value in pairs]
        score = _mean(Heard(math.fsum(value.logprob for value in heard), sum(value.tokens for value in heard)))
        return StepScores(score, tuple(map(_mean, heard)), reading.tokens, value=score)

    def _head(self, problem: Problem) -> Spelling:
        """Up to before the token behind which the first one of a solution is judged."""
        return _spelling(self._encode(problem))

    def _key(self, prefix: Prefix, number: int) -> Hashable:
        return prefix.steps[number].text

    def _spell(self, above: GrownPlace[Heard], prefix: Prefix, number: int) -> Spelling:
        return _spelling([*above.rest, *self._model.tokenize(prefix.steps[number].text, special=False)])

    def _values(self, branches: Sequence[Branch], places: Sequence[GrownPlace[Heard]]) -> list[Heard]:
        for branch, place in zip(branches, places, strict=True):
            # of what is read a second time it is known already
            branch.following = () if place.above is None or place.value is not None else [*place.ids[1:], *place.rest]
        self._reader.read(branches)
        return [Heard(math.fsum(branch.logprobs), len(branch.logprobs)) for branch in branches]


def _spelling(ids: list[int]) -> Spelling:
    """Tokens whose last one is read with the next step, so that every token has the one before it in its own branch."""
    return Spelling(ids[:-1], ids[-1:]) if len(ids) > 1 else Spelling(ids)


def _mean(heard: Heard) -> float:
    return math.exp(heard.logprob / heard.tokens) if heard.tokens else 1.0
