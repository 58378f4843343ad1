"""A trained head as a verifier: it reads the hidden states that the policy's own decodes leave, and so costs nothing.

Solutions that carry none, because they come from a file, a server or another model, or from a store that has none of
them, are read by a prefill in a context of the verifier's own; see `states`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ttcli.engine.branch import States
from ttcli.engine.model import Model
from ttcli.errors import ModelError
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Prefix
from ttcli.verifier.growing import Reading
from ttcli.verifier.head import Head
from ttcli.verifier.stack import Stack
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
        head: Head | Stack,
        name: str,
        model: Model,
        encode: Callable[[Problem], list[int]],
        *,
        carried: bool,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        deepest = max(head.observed)
        if deepest >= model.layers - 1 or head.state_width != model.width:
            raise ModelError(
                f"{name} reads {head.state_width} numbers from layer {deepest}, "
                f"but {model.path.name} has {model.layers} layers of {model.width}",
                hint="train one for it: ttc train verifier --help",
            )
        self.name = name
        self.parameters = model.matmul_parameters
        self._head = head
        self._carried = carried
        self._reader = StateReader(model, name, encode, head.observed, threads=threads, interrupted=interrupted)

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
        readings = [found or next(read) for found in own]
        return [
            StepScores(*self._head.judge(prefix, reading.steps), reading.tokens)
            for prefix, reading in zip(prefixes, readings, strict=True)
        ]

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
        states, layers = tuple(step.states for step in prefix.steps), {*self._head.observed}
        carries = self._carried and not prefix.attempts and all(layers <= state.keys() for state in states)
        return Reading(states, 0) if carries else None


class VisibleVerifier:
    """A head that looks at no states: it goes with whatever writes solutions, servers too.

    Args:
        name: as the user calls it.
    """

    parameters = 0
    partial = True

    def __init__(self, head: Head | Stack, name: str) -> None:
        self.name = name
        self._head = head

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """One score per step: of all that stands down to there."""
        return [StepScores(*self._head.judge(prefix, ()), 0) for prefix in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free."""
