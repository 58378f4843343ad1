"""Problems interleaved in one engine: the texts of all that are open share the decodes, so the batch stays full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ttcli.bench.execute.pool import Flight, Pool, PooledPolicy, PooledVerifier
from ttcli.bench.store.task import Failed, Finished, Happened, News, Record, Task, Work
from ttcli.cost import Meter, Stopped, Unit
from ttcli.errors import BackendError, TtcError, UsageError
from ttcli.events import CostUpdated, RunFinished
from ttcli.problem import AnswerForm, Problem
from ttcli.runtime.rotation import Rotation, Turns
from ttcli.runtime.runtime import Runtime
from ttcli.seams import Load
from ttcli.search.methods import parse_method

ATTEMPTS = 2  # at a task, before it counts as failed
_PATIENCE = 3  # failures of the engine or a server in a row, before the bench gives up rather than fail every problem


class Engine:
    """Works through problems.

    Args:
        temperature: of the policy's own sampler.
        max_tokens: of one solution.
        form: of the answers that are wanted.
    """

    def __init__(
        self, runtime: Runtime, *, seed: int, temperature: float, max_tokens: int, form: AnswerForm = "auto"
    ) -> None:
        self._runtime = runtime
        self._seed = seed
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._form: AnswerForm = form
        self._flight = Flight()
        self._failures = 0  # in a row

    @property
    def width(self) -> int:
        """Texts that grow at once at most."""
        return self._runtime.policy.width

    @property
    def load(self) -> Load | None:
        """How full the batches were."""
        return self._runtime.policy.load

    @property
    def layers(self) -> Sequence[int]:
        """Whose hidden states its verifiers read off the steps of samples."""
        return self._runtime.layers

    def expect(self, problems: Sequence[Problem]) -> None:
        """Have room for the longest of these problems."""
        self._runtime.policy.expect(problems)

    def run(self, works: Iterable[Work | None]) -> Iterator[Record]:
        """What comes of the works, as it comes; ends early, with nothing half-done, when the interrupt is requested.

        The next problem is opened when those that are open leave places in the batch, and room in the context. None
        from the works means "none now, ask again after the next turn", and ends the call when no problem is open. No
        clock decides anything: the same works give the same records.

        Raises:
            BackendError: the engine or the server failed again and again.
            UsageError: a method cannot work with its verifier.
        """
        policy, waiting, active = self._runtime.policy, iter(works), Rotation[Record](self._runtime.interrupt)
        alone = False  # a budget in seconds is for one problem at a time
        try:
            while not self._runtime.interrupt.requested:
                places = not alone and self._flight.under_way < policy.width
                if not active or (places and policy.holds(len(active) + 1)):
                    work = next(waiting, None)
                    if work is not None:
                        alone = any(task.budget.unit is Unit.SECONDS for task in work.tasks)
                        while alone and active and not self._runtime.interrupt.requested:
                            yield from active.round()
                        yield from active.open(self._solve(work))
                        continue
                if not active:
                    return
                yield from active.round()
        finally:
            active.close()

    def _solve(self, work: Work) -> Turns[Record]:
        """The tasks of a problem one after the other; None after each decode."""
        pool = Pool.of(work.samples, work.ratings)
        work = replace(work, problem=replace(work.problem, form=self._form))
        for task in work.tasks:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    yield from self._attempt(work, task, pool)
                except UsageError:
                    raise  # it would be the same with every problem
                except TtcError as error:
                    if attempt == ATTEMPTS:
                        self._count_failure(error)
                        yield Failed(work.position, task, str(error))
                else:
                    break

    def _count_failure(self, error: TtcError) -> None:
        self._failures = self._failures + 1 if isinstance(error, BackendError) else 0
        if self._failures >= _PATIENCE:
            raise error

    def _attempt(self, work: Work, task: Task, pool: Pool) -> Iterator[Record | None]:
        runtime, timed = self._runtime, task.budget.unit is Unit.SECONDS
        method = parse_method(task.method)
        # known solutions come all at once and whole: where tokens or seconds are the budget, others would fit into it,
        # and what grows step by step is no sample, even if it reads like one
        whole = not method.stepwise or method.then is not None  # or at least its probes are
        known = pool if task.budget.unit is Unit.GENERATIONS and whole else Pool()
        policy = PooledPolicy(runtime.policy, known, self._flight, temperature=self._temperature)
        verifier = PooledVerifier(runtime.verifiers[task.verifier], known, task.verifier) if task.verifier else None
        meter = Meter(task.budget, max_tokens=self._max_tokens, interrupted=lambda: runtime.interrupt.requested)
        if timed:
            runtime.interrupt.after(task.budget.amount)
        try:
            for event in method.run(work.problem, policy, verifier, meter, seed=self._seed, adviser=runtime.adviser):
                if not timed:  # the few that grew there had the machine to themselves: their seconds are no usual ones
                    yield from (News(work.position, each) for each in known.news)
                known.news.clear()
                if isinstance(event, RunFinished):
                    if event.outcome.stopped is not Stopped.INTERRUPT:
                        self._failures = 0
                        seconds = policy.seconds + (verifier.seconds if verifier else 0.0)
                        yield _finished(work, task, event, meter.seconds if timed else seconds)
                    return
                yield Happened(work.position, task, event)
                if isinstance(event, CostUpdated):
                    yield None
        finally:
            runtime.interrupt.lift()


def _finished(work: Work, task: Task, event: RunFinished, seconds: float) -> Finished:
    cost = replace(event.outcome.cost, seconds=seconds)
    return Finished(work.position, task, replace(event.outcome, cost=cost))
