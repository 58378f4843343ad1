"""A verifier's own context: branches are read to their ends, many at once, and kept for what will grow on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ttcli.engine import machine
from ttcli.engine.adapter import Adapter
from ttcli.engine.branch import Branch, States
from ttcli.engine.model import Model
from ttcli.engine.overview import NO_NUMBERS, Logits
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Aborted, Session
from ttcli.errors import BackendError, ModelError, PromptTooLong
from ttcli.seams import Interrupted

_TOKENS = 1024  # that a text may have before the context is made anew
_SPARE = 8  # branches besides those of one call and as many that are kept
_USUAL = 64  # branches that hold cells at once, where the first call has no more
_SEQUENCES = 240  # at most: llama.cpp knows 256; those used longest ago give theirs up
_FEWEST = 4
_WORTH = 1.5  # times as many branches, or all of them: for less a context is not made anew, which loses its cells
_MEMORY_SHARE = 0.25  # of what is available that the cells may take
_SLACK = 8  # cells beyond what a text takes


class Reader:
    """Decodes branches and reads the logits of a few labels behind each, or the hidden states at its last token.

    Or, with `every`, the log-probabilities of the tokens that follow.

    The context is made when the first texts are known, and anew when there come longer ones, or more of them than find
    room beside those that are kept: what several searches in one process have read is not to be read again in turns.

    What is read off a single row must not depend on what else is in the context. So every branch has a stream of its
    own: in one buffer for all, attention adds up in the order of the cells, which is enough to flip the rounding of
    quantised activations, and P(Yes) of a small model shifts by some hundredths. And no flash attention, for which
    llama.cpp's CPU kernel accumulates in 16 bits.

    Args:
        model: the weights, the caller's to close.
        name: of the verifier, for messages.
        labels: tokens.
        observe: layers whose outputs are the states.
        adapter: what changes the weights here; None: nothing.
        every: whether branches have tokens to be judged, see `Branch.following`.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model cannot be branched.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        labels: Sequence[int] = (),
        *,
        observe: Sequence[int] = (),
        adapter: Adapter | None = None,
        every: bool = False,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        model.require_branching()
        self._model = model
        self._name = name
        self._labels = list(labels)
        self._observe = tuple(observe)
        self._adapter = adapter
        self._every = every
        self._threads = threads
        self._interrupted = interrupted
        self._scheduler: Scheduler | None = None

    @property
    def decoded(self) -> int:
        """Tokens put through the model in the context now in use."""
        return self._scheduler.session.decoded if self._scheduler else 0

    @property
    def cells_used(self) -> int:
        """Cells that hold something."""
        return self._scheduler.session.cells_used if self._scheduler else 0

    def reserve(self, tokens: int, texts: int, parents: Collection[Branch] = ()) -> bool:
        """Have a context for so many texts of so many tokens; whether it is a new one, which holds nothing yet.

        `parents`: what these texts go on from, as far as it is kept.

        Raises:
            PromptTooLong: the model's own context is shorter.
        """
        need, limit = tokens + _SLACK, self._model.context
        if need > limit:
            raise PromptTooLong(
                f"a solution takes {tokens} tokens as {self._name} reads it, but that has a context of {limit}",
                hint="lower --max-tokens, or choose a verifier with a longer context",
            )
        session = self._scheduler.session if self._scheduler else None
        together = texts + 1 + (self._scheduler.kept(parents) if self._scheduler else 0)
        if session and session.longest >= need and session.sequences >= together:
            return False
        longest = min(max(_TOKENS, need + need // 2, session.longest if session else 0), limit)
        sequences = self._sequences(longest, texts, together)
        if session and session.longest >= need and sequences < min(together, _WORTH * session.sequences):
            return False  # there is no memory for more
        self.close()
        session = Session(
            self._model,
            cells=longest,
            width=sequences,
            sequences=sequences,
            streams=True,
            flash_attention=False,
            adapter=self._adapter,
            observe=self._observe,
            every=self._every,
            threads=self._threads,
            halted=self._interrupted,
        )
        self._scheduler = Scheduler(session)
        return True

    def _sequences(self, longest: int, texts: int, together: int) -> int:
        """Streams of that length for texts of a call, and all that stay beside them; fewer where memory is short."""
        usual = min(2 * texts + _SPARE, _USUAL)
        wanted = min(max(usual, together + together // 4 + _SPARE if together > usual else 0), _SEQUENCES)
        available = machine.available_memory()
        if available is None:
            return wanted
        if self._scheduler is not None:  # its context makes place
            session = self._scheduler.session
            available += session.sequences * self._stream(session.longest)
        return max(_FEWEST, min(wanted, int(available * _MEMORY_SHARE) // self._stream(longest)))

    def _stream(self, tokens: int) -> int:
        """Bytes of a stream of so many tokens."""
        return tokens * self._model.memory.cell_bytes + self._model.memory.state_bytes

    def holds(self, branch: Branch | None) -> bool:
        """Whether a branch has all its cells, so that others can go on from it."""
        return branch is not None and branch.standing > 0 and not branch.pending

    def missing(self, branch: Branch) -> int:
        """Tokens to decode before something can grow on a branch."""
        if self._scheduler is None:
            return branch.length
        return 0 if self.holds(branch) else self._scheduler.session.missing(branch)

    def read(self, branches: Sequence[Branch]) -> NDArray[np.float64]:
        """Decode branches, none of which has cells, to their ends; the logits of the labels there, [branches, labels].

        They keep their cells until others need them. Where this fails, none of them has any.

        Raises:
            Interrupted: `interrupted` said so.
        """
        logits = np.empty((len(branches), len(self._labels)))

        def take(number: int, row: Logits, _states: States) -> None:
            logits[number] = row[self._labels]

        self._read(branches, take)
        return logits

    def states(self, branches: Sequence[Branch]) -> list[States]:
        """Decode branches as `read` does; the hidden states at the last token of each, of the layers observed."""
        found: list[States] = [{} for _ in branches]

        def take(number: int, _row: Logits, states: States) -> None:
            found[number] = states

        self._read(branches, take)
        return found

    def _read(self, branches: Sequence[Branch], take: Callable[[int, Logits, States], None]) -> None:
        """Decode branches, and give away what is behind each, by its number."""
        try:
            for together in self._batches(branches):
                self._decode(together, take)
        except BaseException as error:
            self.release(branches)
            if isinstance(error, Aborted):
                raise Interrupted from error
            raise

    def _batches(self, branches: Sequence[Branch]) -> Iterator[dict[int, Branch]]:
        """Branches of one length together, by their numbers.

        llama.cpp would cut a batch of streams of several lengths into as many parts all the same, but then a step may
        end in a part of one token, which other kernels compute in another order.
        """
        assert self._scheduler is not None  # `reserve` has made it
        lengths: dict[int, list[int]] = {}
        for number, branch in enumerate(branches):
            lengths.setdefault(self._scheduler.session.missing(branch), []).append(number)
        for length, numbers in sorted(lengths.items()):
            most = max(1, self._scheduler.session.batch // length)
            for first in range(0, len(numbers), most):
                yield {number: branches[number] for number in numbers[first : first + most]}

    def _decode(self, waiting: dict[int, Branch], take: Callable[[int, Logits, States], None]) -> None:
        assert self._scheduler is not None
        scheduler, session = self._scheduler, self._scheduler.session
        for branch in waiting.values():
            scheduler.prefill(branch)
        while waiting:
            before = session.decodes
            scheduler.step()
            if session.decodes == before:
                raise BackendError(f"the cells of {self._name} do not suffice", hint="a shorter --max-tokens")
            for number, branch in list(waiting.items()):
                if branch.row is not None:
                    take(number, branch.row, branch.states)
                    del waiting[number]
                    branch.forget()

    def release(self, branches: Iterable[Branch | None]) -> None:
        """Free the cells of branches, but for those that others stand on."""
        for branch in branches:
            if branch is not None and self._scheduler is not None:
                self._scheduler.release(branch)

    def close(self) -> None:
        """Free the context."""
        if self._scheduler is not None:
            self._scheduler.session.close()
            self._scheduler = None


def share(logits: NDArray[np.float64], good: int) -> NDArray[np.float64]:
    """The probability of the first `good` labels among all of them, by row.

    Raises:
        ModelError: a row holds what is no number.
    """
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = odds[:, :good].sum(axis=1) / odds.sum(axis=1)
    if not np.isfinite(shares).all():
        raise ModelError("the model computes what are no numbers", hint=NO_NUMBERS)
    return shares
