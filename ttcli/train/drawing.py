"""Solutions and rollouts being drawn into the store, as every training begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from ttcli.bench.execute.runner import Runner, WorkProgress, open_tasks
from ttcli.bench.execute.worker import describe, engine
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.store import Store
from ttcli.runtime.runtime import Runtime
from ttcli.train.parts import StoredPart, begin
from ttcli.train.rollouts import RolloutStart, roll_out
from ttcli.train.spec import TrainSpec

if TYPE_CHECKING:  # llama.cpp: not before it is needed
    from ttcli.policy.local.policy import LocalPolicy


class Stage(NamedTuple):
    """How far some part of the work has come, other than the drawing of samples."""

    what: str
    done: int
    total: int


@contextmanager
def parts_at_work(store: Store, spec: TrainSpec, runtime: Runtime) -> Iterator[tuple[StoredPart, ...]]:
    """The parts of a spec, on whose runs nobody else works meanwhile.

    Raises:
        StoreError: another process is at work on one of them.
    """

    def length(text: str) -> int:
        return len(cast("LocalPolicy", runtime.policy).model.tokenize(text, special=False))

    parts = begin(store, spec, describe(runtime), length)
    with ExitStack() as locks:
        for part in parts:
            locks.enter_context(store.working_on(part.run))
        yield parts


def draw_solutions(store: Store, parts: Sequence[StoredPart], runtime: Runtime) -> Iterator[WorkProgress]:
    """Draw what is missing of the solutions that no file has."""
    for part in parts:
        if part.drawn:
            yield from Runner(store, part.run).go(engine(runtime))


def all_drawn(figures: Sequence[ProblemFigures], parts: Sequence[StoredPart]) -> bool:
    """Whether none is missing; `figures`: of all problems, by their positions in the spec."""
    return not any(open_tasks(figures[at]) for part in parts if part.drawn for at in part.positions)


def draw_rollouts(store: Store, runtime: Runtime, starts: Sequence[RolloutStart], *, seed: int) -> Iterator[Stage]:
    """Draw rollouts; each is in the store before it is told."""
    total = sum(len(start.missing) for start in starts)
    if starts:
        for done, rollout in enumerate(roll_out(cast("LocalPolicy", runtime.policy), starts, seed=seed), 1):
            store.states.add_rollout(rollout)
            yield Stage("rollouts drawn", done, total)
