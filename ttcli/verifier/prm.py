"""A process reward model that says + or - behind each step: P(+) / (P(+) + P(-)), as plain GGUF.

The forms stand in `form`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix
from ttcli.verifier.form import Form
from ttcli.verifier.growing import GrowingReader, GrownPlace, Spelling
from ttcli.verifier.reader import Reader, share


class Prm(GrowingReader[float]):
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
        super().__init__(Reader(model, self.name, form.labels, threads=threads, interrupted=interrupted))

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One score per step.

        Raises:
            Interrupted: `interrupted` said so.
            PromptTooLong: a solution does not fit the model's context.
        """
        return [
            StepScores(reading.steps[-1] if reading.steps else 1.0, reading.steps, reading.tokens)
            for reading in self.read(prefixes)
        ]

    def _head(self, problem: Problem) -> Spelling:
        return Spelling(self._form.head(problem.text))

    def _key(self, prefix: Prefix, number: int) -> Hashable:
        return prefix.steps[number].text

    def _spell(self, above: GrownPlace[float], prefix: Prefix, number: int) -> Spelling:
        return Spelling(self._form.step(prefix.steps[number].text, first=above.above is None))

    def _values(self, branches: Sequence[Branch], _places: Sequence[GrownPlace[float]]) -> list[float]:
        return [float(score) for score in share(self._reader.read(branches), 1)]
