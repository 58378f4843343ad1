"""Problems spread over the workers of a Ray cluster: what a worker had in hand when it died, the others do.

Workers only draw and score. What comes of it goes to the one process that has the store, as records: a worker is asked
for them again and again, and answers when it has some. It always has one problem more than it works on, so that its
batch need not wait for the driver.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace

from ttcli import __version__
from ttcli.bench.cluster.connection import WorkerPlace, places
from ttcli.bench.cluster.handle import WorkerHandle
from ttcli.bench.execute.worker import Description, Note, Over, Reply, Taken, Worker
from ttcli.bench.store.task import Record, Work
from ttcli.errors import BackendError, TtcError, UsageError
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.settings import Settings
from ttcli.seams import Load
from ttcli.search.method import NO_DEMAND, Demand
from ttcli.verifier.spec import VerifierSpec

WAIT = 0.1  # seconds between two looks at the interrupt
GRACE = 2.0  # seconds for the workers to end, after Ctrl-C
ROOM = 60.0  # seconds for the process of a worker to start
_THREADS = 4  # of an actor: `live`, `take`, and two for what is short


@contextmanager
def cluster(
    address: str,
    settings: Settings,
    verifiers: Sequence[VerifierSpec],
    interrupt: Interrupt,
    notice: Callable[[str], None],
    *,
    demand: Demand = NO_DEMAND,
) -> Iterator[Cluster]:
    """Workers on the Ray cluster at an address, loaded and alike; see `places` for what an address means.

    `notice`: hears what is worth a line, such as the death of a worker.
    `demand`: see `load_runtime`.

    Raises:
        UsageError, BackendError: as `places`; workers that are not alike; no worker could start.
        TtcError: as `load_runtime` does, in a worker.
    """
    with places(address, threads=settings.machine.threads) as found:
        executor = Cluster(found, settings, verifiers, interrupt, notice, demand)
        try:
            executor.wait()
            yield executor
        finally:
            executor.close()


class Cluster:
    """An executor of workers."""

    def __init__(
        self,
        found: Sequence[WorkerPlace],
        settings: Settings,
        verifiers: Sequence[VerifierSpec],
        interrupt: Interrupt,
        notice: Callable[[str], None],
        demand: Demand,
    ) -> None:
        self._interrupt = interrupt
        self._notice = notice
        self._handles = [_employ(place, settings, verifiers, demand) for place in found]
        self._asked = {handle.actor.take.remote(): handle for handle in self._handles}
        self._returned: deque[Work] = deque()  # from workers that died
        self._descriptions: list[Description] = []
        self._room = 0  # places in all the decodes so far
        self._rows = 0

    @property
    def description(self) -> Description:
        """What the workers say of themselves, with the width of all of them."""
        return replace(self._descriptions[0], width=self.width)

    @property
    def width(self) -> int:
        """Texts that grow at once at most, in all workers."""
        return sum(description.width for description in self._descriptions)

    @property
    def load(self) -> Load:
        """How full the batches were, as if all workers decoded together; stays at nothing where they cannot tell."""
        return Load(self._room // self.width, self._rows)

    @property
    def layers(self) -> tuple[int, ...]:
        """Whose hidden states the verifiers of the workers read off the steps of samples."""
        return self._descriptions[0].layers

    @property
    def pids(self) -> dict[str, int]:
        """The processes of the workers that are alive, by name."""
        return {handle.name: handle.pid for handle in self._handles}

    def wait(self) -> None:
        """Until all workers have loaded their models.

        Raises:
            UsageError: they are not alike.
            BackendError: none could start.
        """
        self._greet()
        while any(handle.description is None for handle in self._handles):
            for _ in self._hear():
                pass
        self._descriptions = [handle.description for handle in self._handles if handle.description]
        for handle in self._handles:
            if handle.description:
                _check_alike(self._handles[0].name, self._descriptions[0], handle.name, handle.description)

    def expect(self, problems: Sequence[Problem]) -> None:
        """Let the workers have room for the longest of these problems."""
        import ray

        told = ray.put(tuple(problems))
        for handle in self._handles:
            handle.actor.expect.remote(told)

    def run(self, works: Iterable[Work | None]) -> Iterator[Record]:
        """What comes of the works, as it comes; ends early, with nothing half-done, when the interrupt is requested.

        Raises:
            BackendError: no worker is left.
        """
        source = iter(works)
        while not self._interrupt.requested:
            for handle in sorted(self._handles, key=lambda handle: len(handle.open)):
                if handle.hungry and (work := self._returned.popleft() if self._returned else next(source, None)):
                    handle.give(work)
            if not any(handle.open for handle in self._handles):
                return
            yield from self._hear()
        for handle in self._handles:
            handle.actor.stop.remote()
        until = time.monotonic() + GRACE
        while self._handles and time.monotonic() < until:
            yield from self._hear()

    def close(self) -> None:
        """End the workers."""
        import ray

        for handle in self._handles:
            ray.kill(handle.actor)
        self._handles.clear()

    def _greet(self) -> None:
        """Learn which workers have a process; do without the others."""
        import ray

        pids = {handle.actor.pid.remote(): handle for handle in self._handles}
        _, missing = ray.wait([*pids], num_returns=len(pids), timeout=ROOM)
        for pid, handle in pids.items():
            if pid in missing:
                self._lose(handle, BackendError(f"{handle.name} has no room for a worker", hint="ray status"))
            else:
                try:
                    handle.pid = ray.get(pid)
                except ray.exceptions.RayError as error:
                    self._lose(handle, _death(handle, error))

    def _hear(self) -> Iterator[Record]:
        """Records of the next worker that has something to tell, if one has soon."""
        import ray

        ready, _ = ray.wait([*self._asked], timeout=WAIT)
        for answer in ready:
            handle = self._asked.pop(answer)
            try:
                reply: Reply = ray.get(answer)
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.RayError as error:  # the process, its node, or what it said last is lost
                self._lose(handle, _death(handle, error))
            else:
                yield from self._read(handle, reply)

    def _read(self, handle: WorkerHandle, reply: Reply) -> Iterator[Record]:
        over = False
        for message in reply.messages:
            match message:
                case Description():
                    handle.description = message
                case Note(text):
                    self._notice(f"{handle.name}: {text}")
                case Taken():
                    handle.waiting -= 1
                case Over():
                    over = True
                case _:
                    handle.hear(message)
                    yield message
        self._measure(handle, reply.load)
        if over:
            self._part(handle)
        else:
            self._asked[handle.actor.take.remote()] = handle

    def _measure(self, handle: WorkerHandle, load: Load | None) -> None:
        if load is None or handle.description is None:
            return
        before = handle.load if load.decodes >= handle.load.decodes else Load()  # else its context was replaced
        self._room += (load.decodes - before.decodes) * handle.description.width
        self._rows += load.rows - before.rows
        handle.load = load

    def _part(self, handle: WorkerHandle) -> None:
        """Take leave of a worker that has stopped, and hear what went wrong if anything did."""
        import ray

        try:
            ray.get(handle.life)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, BackendError) and handle.description is not None:
                self._lose(handle, error.cause)
            elif isinstance(error.cause, TtcError):
                raise error.cause from None
            else:
                raise
        except ray.exceptions.RayError as error:
            self._lose(handle, _death(handle, error))
        else:
            self._handles.remove(handle)

    def _lose(self, handle: WorkerHandle, reason: BackendError) -> None:
        """Do without a worker; what it had in hand is done first by the others."""
        import ray

        self._handles.remove(handle)
        self._asked = {answer: other for answer, other in self._asked.items() if other is not handle}
        ray.kill(handle.actor)
        self._returned.extendleft(each.left for each in reversed(handle.open.values()))
        if self._interrupt.requested:
            return
        if not self._handles:
            raise BackendError(f"{reason}, and no worker is left", hint=reason.hint)
        others = "the other does" if len(self._handles) == 1 else "the others do"
        self._notice(f"{reason}; {others} its problems")


def _employ(place: WorkerPlace, settings: Settings, verifiers: Sequence[VerifierSpec], demand: Demand) -> WorkerHandle:
    import ray

    settings = replace(settings, machine=replace(settings.machine, threads=place.threads))
    options = {**place.options, "max_concurrency": _THREADS}
    actor = ray.remote(Worker).options(**options).remote(settings, tuple(verifiers), demand)
    return WorkerHandle(place.name, actor, actor.live.remote())


def _death(handle: WorkerHandle, error: Exception) -> BackendError:
    """What Ray says of a dead actor, in a line."""
    if "No module named 'ttcli" in str(error):
        return BackendError(f"{handle.name} has no ttcli", hint=f"pip install ttcli=={__version__}, on every node")
    return BackendError(f"{handle.name} died", hint="fewer workers need less memory; `ray status` tells of a cluster")


def _check_alike(name: str, one: Description, other_name: str, other: Description) -> None:
    for field in fields(Description):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if field.name != "width" and first != second:
            values = f": {first} and {second}" if isinstance(first, str) else ""
            raise UsageError(
                f"{name} and {other_name} differ in {field.name}{values}",
                hint="the same ttc and the same model on every node",
            )
    if other.ttc != __version__:
        raise UsageError(f"{other_name} has ttc {other.ttc}, this is {__version__}", hint="the same ttc on every node")
