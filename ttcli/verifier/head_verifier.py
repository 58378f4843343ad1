"""A trained head as a verifier: it reads the hidden states that the policy's own decodes leave, and so costs nothing.

Solutions that carry none, because they come from a file, a server or another model, or from a store that has none of
them, are read by a prefill in a context of the verifier's own; see `states`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ttcli.engine.branch import States
from ttcli.engine.model import Model
from ttcli.errors import ModelError
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix
from ttcli.verifier.aggregate import aggregate
from ttcli.verifier.growing import Reading
from ttcli.verifier.head import Head
from ttcli.verifier.states import StateReader


class HeadVerifier:
    """Scores steps by their hidden states, and the whole by these as the head was trained to.

    Args:
        name: as the user calls it.
        model: what the head was made for; the caller's to close.
        encode: the tokens of a problem as that model is asked it.
        carried: whether the states that steps carry are those of this model.
        interrupted: asked during every decode.

    Raises:
        ModelError: the head cannot be for this model.
    """

    partial = True

    def __init__(
        self,
        head: Head,
        name: str,
        model: Model,
        encode: Callable[[Problem], list[int]],
        *,
        carried: bool,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        if head.layer >= model.layers - 1 or len(head.mean) != model.width:
            raise ModelError(
                f"{name} reads {len(head.mean)} numbers from layer {head.layer}, "
                f"but {model.path.name} has {model.layers} layers of {model.width}",
                hint="train one for it: ttc train verifier --help",
            )
        self.name = name
        self.parameters = model.matmul_parameters
        self._head = head
        self._carried = carried
        self._reader = StateReader(model, name, encode, [head.layer], threads=threads, interrupted=interrupted)

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Tokens of those that carry no states."""
        return self._reader.price([prefix for prefix in prefixes if self._own(prefix) is None])

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One score per step.

        Raises:
            Interrupted: the reading of states was called off.
            PromptTooLong: a solution that carries none does not fit the model's context.
        """
        own = [self._own(prefix) for prefix in prefixes]
        asked = [prefix for prefix, found in zip(prefixes, own, strict=True) if found is None]
        read = iter(self._reader.read(asked) if asked else ())
        return [self._opinion(found or next(read)) for found in own]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget what was read for these."""
        self._reader.release(prefixes)

    def close(self) -> None:
        """Free the context, if there is one."""
        self._reader.close()

    def _own(self, prefix: Prefix) -> Reading[States] | None:
        """What a prefix carries; None: not the states of the head's model, or not those of every step.

        Those of a revision were computed with other solutions in view, which the head has not been trained on.
        """
        states = tuple(step.states for step in prefix.steps)
        carries = self._carried and not prefix.attempts and all(self._head.layer in state for state in states)
        return Reading(states, 0) if carries else None

    def _opinion(self, reading: Reading[States]) -> StepScores:
        if not reading.steps:
            return StepScores(1.0, (), reading.tokens)
        states = np.stack([step[self._head.layer] for step in reading.steps])
        steps = tuple(map(float, self._head.scores(states)))
        return StepScores(aggregate(steps, self._head.aggregation), steps, reading.tokens)
