"""What a head or an adapter is trained from: problems, the source of their solutions, and which are for judging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ttcli.bench.plan import USUAL_TOKENS
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.data.dataset import Row, select
from ttcli.data.solutions import GivenSolutions
from ttcli.errors import UsageError
from ttcli.runtime.runtime import SCRIPTED
from ttcli.runtime.settings import Settings
from ttcli.train.fit import FOLDS


class Source(NamedTuple):
    """A data set, as a card names it."""

    name: str  # of the file, without its folder
    sha256: str


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """What a user asked for.

    Raises:
        UsageError: a policy whose hidden states cannot be seen, or whose tokens cannot be counted.
    """

    settings: Settings
    data: Source
    rows: tuple[Row, ...]
    samples: int  # per problem, where they are drawn
    held_out: frozenset[int]  # positions of the problems that are kept for judging
    command: tuple[str, ...]
    rollouts: int = 0  # besides, of each solution to train on
    solutions: GivenSolutions | None = None  # instead of drawing those of the problems that they are of
    states: bool = True  # whether hidden states are looked at; else what is seen of a solution alone

    def __post_init__(self) -> None:
        settings = self.settings
        scripted = settings.model is not None and settings.model.startswith(SCRIPTED)
        if settings.policy is None and not scripted:
            return
        who, local = "a script" if scripted else "a server", "--model, a GGUF on this machine, and no --policy"
        if self.states:
            other = "a verifier can do without: ttc train verifier --looks-at visible"
            raise UsageError(f"{who} shows no hidden states", hint=f"{local}; {other}")
        if self.rollouts:
            raise UsageError(f"{who} draws no rollouts", hint=f"--rollouts 0, or {local}")
        if self.solutions is not None:
            raise UsageError(
                f"{who} does not count the tokens of a file's solutions", hint=f"no --solutions, or {local}"
            )

    @property
    def training(self) -> list[int]:
        """Positions of the problems that are trained on."""
        return [at for at in range(len(self.rows)) if at not in self.held_out]

    @property
    def given(self) -> frozenset[int]:
        """Positions of the problems whose solutions come from a file; those of all others are drawn.

        Raises:
            DatasetError: the file has no solution of these problems.
        """
        return frozenset(at for at, _, _ in self.solutions.of(self.rows)) if self.solutions else frozenset()

    @property
    def task(self) -> Task:
        """That draws solutions."""
        return Task("majority", "", Budget(self.samples))

    @property
    def drawn(self) -> int:
        """Of how many problems solutions are drawn; raises as `given` does."""
        return len(self.rows) - len(self.given)

    @property
    def expected(self) -> float:
        """Tokens to sample for these, more or less."""
        return self.drawn * self.samples * min(USUAL_TOKENS, self.settings.max_tokens)


def split(rows: Sequence[Row], part: float, *, seed: int, what: str) -> frozenset[int]:
    """Positions of the problems to hold out: about this part of them, chosen by the seed and their texts alone.

    Args:
        what: is trained, for messages: a head, a reviser.

    Raises:
        UsageError: that leaves nothing to train on, or nothing to judge by.
    """
    if not 0 < part < 1:
        raise UsageError(f"--held-out must be between 0 and 1, not {part:g}", hint="--held-out 0.3")
    number = round(part * len(rows))
    if not number or len(rows) - number < FOLDS:
        raise UsageError(
            f"of {len(rows)} problems {number} would be held out to judge the {what} by, and {len(rows) - number} are "
            f"left to train on: it takes 1 and {FOLDS}",
            hint="more problems: a larger --limit or --sample",
        )
    chosen = {row.line for row in select(rows, sample=number, seed=seed)}
    return frozenset(at for at, row in enumerate(rows) if row.line in chosen)
