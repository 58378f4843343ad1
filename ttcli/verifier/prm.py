"""A process reward model that says + or - behind each step: P(+) / (P(+) + P(-)), as plain GGUF.

The forms stand in `form`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from ttcli.engine.adapter import Adapter
from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix
from ttcli.verifier.form import Form
from ttcli.verifier.growing import GrowingVerifier, GrownPlace, Reading, Spelling
from ttcli.verifier.reader import Reader, share


class Prm(GrowingVerifier[float]):
    """Scores steps by the model's label behind each; the score of the whole is that of the last step.

    Args:
        model: the weights; the caller's to close.
        form: how the model wants a solution put.
        adapter: what makes a process reward model of these weights; None: they are one.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model cannot be branched.
    """

    def __init__(
        self,
        model: Model,
        form: Form,
        *,
        adapter: Adapter | None = None,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        self.name = f"prm:{(adapter.path if adapter else model.path).stem}"
        self.parameters = model.matmul_parameters
        self._form = form
        super().__init__(
            Reader(model, self.name, form.labels, adapter=adapter, threads=threads, interrupted=interrupted)
        )

    def _opinion(self, _prefix: Prefix, reading: Reading[float]) -> StepScores:
        return StepScores(reading.steps[-1] if reading.steps else 1.0, reading.steps, reading.tokens)

    def _head(self, problem: Problem) -> Spelling:
        return Spelling(self._form.head(problem.text))

    def _key(self, prefix: Prefix, number: int) -> Hashable:
        return prefix.steps[number].text

    def _spell(self, above: GrownPlace[float], prefix: Prefix, number: int) -> Spelling:
        return Spelling(self._form.step(prefix.steps[number].text, first=above.above is None))

    def _values(self, branches: Sequence[Branch], _places: Sequence[GrownPlace[float]]) -> list[float]:
        return [float(score) for score in share(self._reader.read(branches), 1)]
