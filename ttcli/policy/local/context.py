"""A context of the local policy: how large it is, and the branches that are held in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ttcli.engine import machine
from ttcli.engine.adapter import Adapter
from ttcli.engine.backend_sampling import top_of
from ttcli.engine.beginning import beginning
from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, JobUpdate
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import SPARE_SEQUENCES, Session
from ttcli.errors import ContextInUse, ModelError
from ttcli.policy.local.rewrite import Change
from ttcli.seams import Load

_CELLS_PER_TEXT = 384  # in one buffer for all: more is seldom needed, and preemption copes when it is
_CELL_BLOCK = 256  # llama.cpp rounds the cells of a stream up to these
_HELD = 2  # prefixes that wait for each that grows: the step it grew from, and those that have ended theirs
_ASKED = 48  # tokens that a solution takes besides where it is asked for its answer
_SPARE = 4  # streams beside the texts': prompts
_ENOUGH = 16  # texts in streams of their own are at least as fast as any number in one buffer
_MEMORY_SHARE = 0.5  # of what is available that the cells may take
_MODEST = 400_000_000  # bytes
_FEWEST = 4  # sequences: a prompt, a step on it, and two texts


class Context:
    """Made when its first prompt is known.

    Args:
        sampling: how tokens are drawn, but for the temperature and top-p.
        max_tokens: sampled tokens of one solution at most.
        width: texts that grow in one batch at most.
        cells: KV cells; None: enough for `width` usual solutions, within the memory that is free.
        beams: prefixes that a search has side by side; 0: there will be no searches.
        attempts: earlier solutions that a prompt shows at most.
        turn: tokens around each of those.
        adapter: what changes the weights here.
        streams: whether each text has a buffer of its own, where the memory allows it; None: by the size of the model.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        sampling: SamplingParams,
        max_tokens: int,
        width: int,
        cells: int | None,
        beams: int,
        attempts: int,
        turn: int,
        adapter: Adapter | None,
        observe: Sequence[int],
        streams: bool | None,
        threads: int | None,
        interrupted: Callable[[], bool],
    ) -> None:
        self.model = model
        self.width = width
        self.branches: dict[int, Branch] = {}  # of prefixes that can be extended, by their ids
        self.finished: dict[int, Branch] = {}  # of texts that revisions can go on from
        self._name = name
        self._top = top_of(model, sampling)
        self._max_tokens = max_tokens
        self._cells = cells
        self._beams = beams
        self._held = _HELD * max(beams, width) if beams else 0
        self._attempts = attempts
        self._turn = turn
        self._adapter = adapter
        self._observe = observe
        self._streams = streams
        self._threads = threads
        self._interrupted = interrupted
        self._scheduler: Scheduler | None = None
        self._usual_prompts = (0, 0)  # tokens of the longest, how many at once

    def expect(self, lengths: Iterable[int]) -> None:
        """Learn how long the prompts will be, those that show attempts left aside."""
        fitting = [length for length in lengths if length + self._max_tokens <= self.model.context]
        if fitting:
            self._usual_prompts = (max(fitting), min(len(fitting), self.width))

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler.

        Raises:
            ModelError: nothing has been started.
        """
        if self._scheduler is None:
            raise ModelError(f"{self._name} has not been given a problem")
        return self._scheduler

    @property
    def load(self) -> Load:
        """How full its batches were."""
        return Load(self._scheduler.session.decodes, self._scheduler.rows) if self._scheduler else Load()

    @property
    def room(self) -> int:
        """Texts that could begin to grow at once."""
        return self._scheduler.room if self._scheduler else self.width

    def holds(self, problems: int) -> bool:
        """Whether the beams of so many problems find room side by side: each problem has a prompt besides."""
        if self._scheduler is None or not self._beams:
            return True
        # what others stand on needs no sequence of its own, unless it is the only place to fork them from
        growing = self.width if self.model.memory.fork_at == "tip" else 0
        return problems * (self._beams + 1) + growing <= self._scheduler.session.sequences

    @property
    def longest(self) -> int:
        """Tokens that a text can have, prompt and answer: a context that holds something cannot be replaced."""
        return self._scheduler.session.longest if self._scheduler and self._in_use else self.model.context

    # -- branches

    def root(self, ids: Sequence[int]) -> Branch:
        """A prompt of its own."""
        self._reserve(len(ids))
        return Branch(None, ids)

    def revision(self, ids: Sequence[int]) -> tuple[Branch, int]:
        """A prompt on whatever cells hold its beginning already, and how many of its tokens these are.

        A finished text that goes on otherwise than the prompt does is cut back to what they have in common, where the
        model's memory can be.
        """
        self._reserve(len(ids))
        found, length = beginning(ids, self.branches.values(), self.finished.values(), self.model.memory)
        if found is not None and found.length > length:
            self.scheduler.session.shorten(found, length - found.start)
        for number in [number for number, branch in self.finished.items() if branch is found]:
            self.branches[number] = self.finished.pop(number)  # what stands on it needs it as it is
        return Branch(found, ids[length:]), length

    def rewrite(self, branch: Branch, change: Change) -> tuple[Branch, int]:
        """A branch with another end, and how many tokens of it have to be decoded.

        One that nothing stands on is cut back, where the model's memory can be; else it is written anew on what it
        stands on, and freed.
        """
        size = len(branch.tokens) - change.dropped
        if self.model.memory.trim and branch.standing <= 1:
            if size <= branch.cached:
                self.scheduler.session.shorten(branch, size)
            else:
                del branch.tokens[size:]
                branch.forget()
            branch.tokens += change.tokens
            return branch, branch.pending
        new = Branch(branch.above, [*branch.tokens[:size], *change.tokens])
        self.scheduler.release(branch)
        return new, new.pending

    def release(self, number: int) -> None:
        """Give up the branch of this number, if there is one."""
        branch = self.branches.pop(number, None) or self.finished.pop(number, None)
        if branch is not None:
            self.scheduler.release(branch)

    def cancel(self, jobs: Iterable[Job]) -> None:
        """Stop jobs and free their cells."""
        if self._scheduler is not None:
            self._scheduler.cancel(jobs)

    def step(self) -> list[JobUpdate]:
        """Let the texts grow by a token; see the scheduler."""
        return self._scheduler.step() if self._scheduler and self._scheduler.busy else []

    def close(self) -> None:
        """Free it."""
        if self._scheduler is not None:
            self._scheduler.session.close()
            self._scheduler = None
            self.branches.clear()
            self.finished.clear()

    # -- size

    @property
    def _in_use(self) -> bool:
        return bool(self.branches or self.finished or (self._scheduler and self._scheduler.busy))

    def _reserve(self, prompt: int) -> None:
        """Have a context that holds this prompt and an answer; a small one is replaced while it holds nothing."""
        need = prompt + self._max_tokens
        if self._scheduler is not None:
            if need <= self._scheduler.session.longest:
                return
            if self._in_use:
                raise ContextInUse(
                    f"the prompt takes {prompt} tokens and the answer up to {self._max_tokens}, "
                    f"but the context in use has {self._scheduler.session.longest} cells",
                    hint="give it a run of its own",
                )
            self.close()
        longest, prompts = self._usual_prompts
        self._scheduler = Scheduler(self._session(max(longest, prompt), max(prompts, 1)))

    def _session(self, prompt: int, prompts: int) -> Session:
        """A context for so many prompts of this length: in streams on a CPU that has the memory, else in one buffer."""
        shown = self._attempts * (self._turn + self._max_tokens)
        need = max(prompt, min(prompt + shown, self.model.context - self._max_tokens)) + self._max_tokens
        need = max(need, min(need + _ASKED, self.model.context))
        memory, affordable = self.model.memory, self._affordable(prompts)  # bytes
        stream = (need + _CELL_BLOCK) * memory.cell_bytes + memory.state_bytes
        texts = affordable // stream - _SPARE - self._held - 1  # that the session keeps
        streams = self._cells is None and texts >= min(self.width, _ENOUGH) and self._faster_in_streams
        if streams:
            self.width = min(self.width, texts)
        sequences = self.width + self._held + (_SPARE if streams else SPARE_SEQUENCES)
        if not streams and memory.state_bytes:
            sequences = self._fitting(sequences, affordable - need * memory.cell_bytes)
        solutions = self.width * (1 + self._attempts) + self._held
        usual = prompts * prompt + solutions * min(self._max_tokens, _CELLS_PER_TEXT)
        affordable_cells = (affordable - sequences * memory.state_bytes) // memory.cell_bytes
        return Session(
            self.model,
            cells=need if streams else max(need, self._cells or min(usual, affordable_cells)),
            width=self.width,
            sequences=sequences,
            streams=streams,
            threads=self._threads,
            adapter=self._adapter,
            observe=self._observe,
            top=self._top,
            halted=self._interrupted,
        )

    @property
    def _faster_in_streams(self) -> bool:
        return machine.streams(self.model.parameters) if self._streams is None else self._streams

    def _fitting(self, wanted: int, space: int) -> int:
        """Sequences whose states fit so many bytes; where not all do, at most half of them for texts that grow."""
        sequences = max(_FEWEST, min(wanted, space // self.model.memory.state_bytes))
        if sequences < wanted:
            self.width = min(self.width, sequences // 2)
        return sequences

    def _affordable(self, prompts: int) -> int:
        """Bytes that may be taken: for one problem a modest part of any machine, for many as much as half of it.

        As much as half, too, for a model with a state per sequence: it cannot do with less for each.
        """
        available, memory = machine.available_memory(), self.model.memory
        if available is None:
            return self.width * (self.model.context * memory.cell_bytes + memory.state_bytes)
        share = int(available * _MEMORY_SHARE)
        return share if prompts > 1 or memory.state_bytes else min(share, _MODEST)
