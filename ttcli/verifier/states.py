"""Hidden states of solutions that come without them, by prefill: what `Step.states` holds for those drawn here.

A step's states are those from which its last token was drawn, so they are read at the token before it; where the model
ended its turn, that was the last token of the text. Each step is tokenized by itself, so that it is read once, however
many solutions go on from it. That may differ from the tokens that were drawn, of which the text does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from ttcli.engine.branch import Branch, States
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.solution import Ended, Prefix
from ttcli.verifier.growing import GrowingReader, GrownPlace, Spelling
from ttcli.verifier.reader import Reader


class StateReader(GrowingReader[States]):
    """Reads the states of solutions.

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
        super().__init__(Reader(model, name, observe=layers, threads=threads, interrupted=interrupted))

    def _head(self, problem: Problem) -> Spelling:
        return Spelling(self._encode(problem))

    def _key(self, prefix: Prefix, number: int) -> Hashable:
        return prefix.steps[number].text, _closes(prefix, number)

    def _spell(self, above: GrownPlace[States], prefix: Prefix, number: int) -> Spelling:
        """A step of one token is drawn where the one above ends, so it has no tokens of its own before its states."""
        ids = [*above.rest, *self._model.tokenize(prefix.steps[number].text, special=False)]
        end = len(ids) if _closes(prefix, number) else max(len(ids) - 1, 0)
        return Spelling(ids[:end], ids[end:])

    def _values(self, branches: Sequence[Branch], _places: Sequence[GrownPlace[States]]) -> list[States]:
        return self._reader.states(branches)


def _closes(prefix: Prefix, number: int) -> bool:
    """Whether the model ended its turn with that step."""
    return prefix.ended is Ended.STOP and number == len(prefix.steps) - 1
