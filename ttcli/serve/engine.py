"""One engine for all clients: what each asks for takes turns with the others', and all grow in one batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing

from ttcli.cost import Meter
from ttcli.errors import ContextInUse, TtcError
from ttcli.events import CostUpdated, Event, RunFinished
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.rotation import Rotation, Turns
from ttcli.runtime.runtime import Runtime
from ttcli.serve.job import Job, JobPolicy
from ttcli.serve.refusal import Refusal, refusal_of

_SAMPLE_PROMPTS = 8  # chats at once that the first context has room for
_ENDING = "the server is shutting down"


class TurnInterrupt(Interrupt):
    """Says yes to whoever works for a client that has left or waited enough, and pauses a decode for others to go on.

    It is read in the engine's thread, in the middle of decodes, and written in others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turn: Job | None = None  # whose turn it is
        self.on_request: Callable[[], None] = lambda: None  # told of a request to stop everything
        self._paused = False

    def request(self) -> None:
        """Stop everything, as Ctrl-C does."""
        super().request()
        self.on_request()

    def __call__(self) -> bool:
        """Whether to stop what is being worked on."""
        turn = self.turn
        return super().__call__() or (turn is not None and (turn.left or turn.expired))

    @property
    def paused(self) -> bool:
        """Whether somebody has left."""
        return self._paused

    def pause(self) -> None:
        """Have the engine look who has left."""
        self._paused = True

    def resume(self) -> None:
        """It is looking."""
        self._paused = False


class ServingEngine:
    """Works on jobs in a thread of its own, `live`; the other methods may be called in any thread.

    Args:
        runtime: whose interrupt is this one.
        queue: jobs that wait at most; more are refused.
        failed: told of what should not have happened.
    """

    def __init__(
        self,
        runtime: Runtime,
        interrupt: TurnInterrupt,
        *,
        queue: int,
        failed: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        self._runtime = runtime
        self._interrupt = interrupt
        self._queue = queue
        self._failed = failed
        self._waiting: deque[Job] = deque()
        self._active: dict[Job, Turns[None]] = {}
        self._rotation = Rotation[None](interrupt)
        self._changed = threading.Condition()
        self._ended = False

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """Jobs that have."""
        return len(self._active)

    @property
    def alive(self) -> bool:
        """Whether jobs are taken."""
        return not self._ended

    def expect(self, words: int) -> None:
        """Have room for chats of so many words at once, before `live`; longer ones wait until they can have more."""
        usual = Problem(" ".join(["word"] * words), bare=True)
        self._runtime.policy.expect([usual] * _SAMPLE_PROMPTS)

    def submit(self, job: Job) -> None:
        """Queue a job.

        Raises:
            Refusal: too many wait already, or the server is shutting down.
        """
        with self._changed:
            if self._ended:
                raise Refusal(503, _ENDING, retry_after=10)
            if len(self._waiting) >= self._queue:
                message = f"{len(self._waiting)} requests wait already"
                raise Refusal(429, message, code="queue_full", retry_after=self._patience())
            self._waiting.append(job)
            self._changed.notify()

    def leave(self, job: Job) -> None:
        """Nobody waits for a job any more: its work ends, and what it holds is freed."""
        job.left = True
        self._interrupt.pause()
        with self._changed:
            self._changed.notify()

    def stop(self) -> None:
        """End `live`; jobs that are not done are refused."""
        self._interrupt.request()
        with self._changed:
            self._changed.notify()

    def live(self) -> None:
        """Work until `stop`."""
        try:
            while not self._interrupt.requested:
                self._tidy()
                self._admit()
                for _ in self._rotation.round():
                    pass
                with self._changed:
                    idle = not self._active and not self._waiting and not self._interrupt.requested
                    if idle:
                        self._changed.wait()
        finally:
            self._end()

    def _tidy(self) -> None:
        """Let go of jobs that nobody waits for, and of those that have waited too long."""
        self._interrupt.resume()  # before the look: who leaves later pauses again
        for job in [job for job in self._active if job.left]:
            self._rotation.close(self._active.pop(job))
        with self._changed:
            expired = [job for job in self._waiting if job.expired]
            self._waiting = deque(job for job in self._waiting if not (job.left or job.expired))
        for job in expired:
            job.tell(Refusal(503, "its time was up before its turn came", retry_after=self._patience()))

    def _admit(self) -> None:
        """Begin what has waited, as far as the batch and the context have room; each holds a place in the batch."""
        policy = self._runtime.policy
        while self._waiting and not self._interrupt.requested:
            beside = len(self._active)
            room = beside < policy.width and policy.holds(beside + 1)
            if beside and (not room or self._waiting[0].alone):
                return
            with self._changed:
                job = self._waiting.popleft()
            turns = self._active[job] = self._work(job)
            for _ in self._rotation.open(turns):
                pass

    def _work(self, job: Job) -> Turns[None]:
        """Do what a job asks for; None after each decode."""
        try:
            yield from self._solve(job)
        except ContextInUse as error:
            if job.alone:
                job.tell(refusal_of(error))
            else:
                job.alone = True
                with self._changed:
                    self._waiting.appendleft(job)
        except TtcError as error:
            job.tell(refusal_of(error))
        except Exception as error:  # noqa: BLE001  # one request must not end the others'; it is told, and logged
            self._failed(error)
            job.tell(Refusal(500, f"unexpected {type(error).__name__}"))
        self._active.pop(job, None)

    def _solve(self, job: Job) -> Turns[None]:
        policy = JobPolicy(self._runtime.policy, job.drawing)
        settings = job.settings
        limit = min(settings.max_tokens, job.drawing.max_tokens or settings.max_tokens)
        meter = Meter(settings.budget, max_tokens=limit, interrupted=job.over)
        events = self._runtime.solve_with(settings, job.problem, policy, meter)
        with closing(events):
            while (event := self._next(events, job)) is not None:
                if isinstance(event, RunFinished) and not event.outcome.candidates:
                    job.tell(Refusal(503, self._why_nothing(), retry_after=self._patience()))
                    return
                job.tell(event)
                if isinstance(event, CostUpdated):
                    yield None

    def _next(self, events: Generator[Event, None, None], job: Job) -> Event | None:
        self._interrupt.turn = job
        try:
            return next(events, None)
        finally:
            self._interrupt.turn = None

    def _why_nothing(self) -> str:
        return _ENDING if self._interrupt.requested else "its time was up before anything was drawn"

    def _patience(self) -> int:
        """Seconds after which another try may have more luck: a guess, by how many wait."""
        return min(60, 2 + len(self._waiting))

    def _end(self) -> None:
        self._rotation.close()
        with self._changed:
            self._ended = True
            left = [*self._active, *self._waiting]
            self._active.clear()
            self._waiting.clear()
        for job in left:
            job.tell(Refusal(503, _ENDING, retry_after=10))
