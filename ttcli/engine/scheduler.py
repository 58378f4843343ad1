"""Continuous batching: many texts grow in one batch, and a place is refilled the moment its text ends.

`step()` reads as what it does: admit, make room, decode, draw. Everything in it is deterministic; no clock is read.
"""

# over 300 lines: who has a place, who waits and who makes room are one account

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate

import numpy as np

from ttcli.engine.branch import Branch, Piece, States
from ttcli.engine.certainty import certainty_of
from ttcli.engine.job import Job, JobUpdate
from ttcli.engine.likelihood import logprobs
from ttcli.engine.overview import Logits, TopRows
from ttcli.engine.sampling import Sampler
from ttcli.engine.session import Session
from ttcli.errors import BackendError, PromptTooLong
from ttcli.solution import Ended

_FIRST_GUESS = 256  # tokens a text is expected to take before any has ended
_LITTLE_MORE = 32  # tokens a text that outgrew the expectation is expected to take still


class Scheduler:
    """Runs jobs on a session, at most `session.width` rows at a time."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._sampler = Sampler(session.model.vocabulary)
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._filling: list[Branch] = []  # branches whose last row of logits somebody waits for
        self._idle: set[Branch] = set()  # resident, held by the policy: the first to be evicted
        self._grown: list[JobUpdate] = []  # not reported yet
        self._clock = 0  # steps taken
        self._expected = float(_FIRST_GUESS)  # tokens per job, learned from those that ended
        self.rows = 0  # drawn from, summed over the decodes: how full the batches were
        self.again = 0  # tokens decoded a second time, after an eviction

    # -- what the policy asks for

    @property
    def room(self) -> int:
        """Jobs that could be submitted without waiting for a place."""
        return self.session.width - len(self._running) - len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._running or self._waiting or self._filling)

    def kept(self, parents: Collection[Branch] = ()) -> int:
        """Idle branches that would be decoded again if they lost their sequence ids, besides such parents of new ones.

        Where texts can be forked anywhere, what others stand on needs no sequence id of its own.
        """
        if self.session.memory.fork_at == "tip":
            return len(self._idle)
        return sum(branch.standing == 1 and branch not in parents for branch in self._idle)

    def submit(self, job: Job) -> None:
        """Queue a job.

        Raises:
            PromptTooLong: it could not fit even if it were alone.
        """
        need = job.parent.length + job.until.most
        if need > self.session.longest:
            raise PromptTooLong(
                f"{job.parent.length} tokens of prompt and {job.until.most} of answer "
                f"exceed the {self.session.longest} cells of the context",
                hint="lower --max-tokens",
            )
        self._waiting.append(job)

    def prefill(self, branch: Branch) -> None:
        """Have the branch decoded to its end and its row of logits kept in `branch.row`, its states beside it.

        And the log-probabilities of `branch.following` in `branch.logprobs`, in a session that gives every row.
        It and all that it stands on count as used just now.
        """
        if not branch.filled and branch not in self._filling:
            self._filling.append(branch)
        node: Branch | None = branch
        while node is not None:
            self._touch(node)
            node = node.parent

    def cancel(self, jobs: Iterable[Job]) -> None:
        """Stop jobs wherever they are and free their cells."""
        for job in jobs:
            if job in self._running:
                self._running.remove(job)
            elif job in self._waiting:
                self._waiting.remove(job)
            self._grown = [growth for growth in self._grown if growth.job is not job]
            self._idle.discard(job.branch)
            self.session.detach(job.branch)

    def release(self, branch: Branch) -> None:
        """Give up a branch: it will not be extended again."""
        self._idle.discard(branch)
        if branch in self._filling:
            self._filling.remove(branch)
        branch.released = True
        if all(job.parent is not branch for job in self._waiting):
            branch.forget()
        self.session.detach(branch)

    # -- one step

    def step(self) -> list[JobUpdate]:
        """Advance every text by a token, a new one by two; return what grew. Finished jobs have left the batch.

        Raises:
            Aborted: the session was halted; everything could go on.
        """
        self._clock += 1
        self._admit()
        pieces = self._batch()
        if pieces:
            try:
                rows = self.session.decode_top(pieces) if self.session.top else self.session.decode(pieces)
            except BaseException:
                self._requeue()
                raise
            self.rows += len(rows)
            self._draw(pieces, rows)
        grown, self._grown = self._grown, []
        return grown

    def _admit(self) -> None:
        """Give free places to waiting jobs whose parent is filled; their first token comes from the parent's row."""
        delayed: list[Job] = []
        fresh: list[tuple[Job, Logits | TopRows, States]] = []  # room for the next one may cost a parent its row
        while self._waiting and len(self._running) + len(self._filling) < self.session.width:
            job = self._waiting.popleft()
            if not job.parent.filled and not job.parent.released:
                self._touch(job.parent)
                self.prefill(job.parent)
                delayed.append(job)
            elif self._fits(job):
                self.session.attach(job.branch)
                self._touch(job.parent)
                self._running.append(job)
                if (row := job.parent.any_row) is not None and not job.grown:
                    fresh.append((job, row, job.parent.states))
            else:
                delayed.append(job)
                break
        self._waiting.extendleft(reversed(delayed))
        if fresh:
            jobs, rows, states = zip(*fresh, strict=True)
            self._advance(jobs, TopRows.joined(rows) if self.session.top else np.concatenate(rows), states)

    def _fits(self, job: Job) -> bool:
        """Whether the running jobs and this one are expected to find cells to their end."""
        if not self._running:
            room = self._make_room(self.session.missing(job.branch) + 1, keep=job.parent)
        else:
            everybody = (*self._running, job)
            need = sum(self._outlook(other, max(self._expected - other.grown, _LITTLE_MORE)) for other in everybody)
            room = need <= self._unclaimed(job.parent)
        return room and self._make_sequence(job.parent)

    def _outlook(self, job: Job, more: float) -> float:
        """Cells that a job will take if it grows by so many tokens more, or to its limit."""
        known = job.branch.pending if job.branch.resident else self.session.missing(job.branch)
        return known + min(more, job.until.most - job.grown)

    def _unclaimed(self, keep: Branch | None = None) -> int:
        """Cells that are not promised, and free or could be."""
        evictable = sum(branch.cached for branch in self._evictable(keep))
        return self.session.cells_free - self._promised + evictable

    @property
    def _promised(self) -> int:
        """Cells that branches being filled will still take."""
        return sum(branch.pending for branch in self._filling if branch.resident)

    def _batch(self) -> list[Piece]:
        """The pieces of the next decode: a token of each running job, and as much of new prompts as fits beside."""
        pieces = self._pieces()
        while not self._make_room(sum(piece.size for piece in pieces)):
            self._preempt()
            pieces = self._pieces()
        self.session.gather(job.branch for job in self._running)
        return sorted(pieces, key=lambda piece: piece.branch.seq)

    def _pieces(self) -> list[Piece]:
        space = self.session.batch - len(self._running)
        pieces = []
        for job in self._running:
            count = min(job.branch.pending, space + 1)
            space -= count - 1
            pieces.append(Piece(job.branch, count, count == job.branch.pending))
        for branch in self._filling[: self.session.width - len(self._running)]:
            count = min(branch.pending, space) if self._readied(branch) else 0
            if count:
                space -= count
                pieces.append(Piece(branch, count, count == branch.pending, bool(branch.following)))
        return pieces

    def _readied(self, branch: Branch) -> bool:
        """Whether a branch to be filled is resident, with cells for all of it promised."""
        if branch.resident:
            return True
        base, need = self.session.base(branch), self.session.missing(branch)
        # a prefill that crowds out a text under way would be evicted for that text, and filled, and evicted ...
        growth = sum(self._outlook(job, _LITTLE_MORE) for job in self._running)
        if self._running and need + growth > self._unclaimed(base):
            return False
        if not (self._make_room(self._promised + need, keep=base) and self._make_sequence(base)):
            return False
        known = len(branch.tokens)
        self.session.attach(branch, aside=True)
        self.again += len(branch.tokens) - known
        self._idle.add(branch)
        return True

    def _evictable(self, keep: Branch | None = None) -> list[Branch]:
        """Idle branches that nobody stands on, least recently used first."""
        idle = (b for b in self._idle if b.standing == 1 and b is not keep and b not in self._filling)
        return sorted(idle, key=lambda branch: (branch.used, branch.seq))

    def _make_room(self, cells: int, *, keep: Branch | None = None) -> bool:
        """Evict idle branches until so many cells are free; False if that is not enough."""
        while self.session.cells_free < cells:
            idle = self._evictable(keep)
            if not idle:
                return False
            self._evict(idle[0])
        return True

    def _make_sequence(self, keep: Branch | None = None) -> bool:
        """Have a sequence id free: that of an idle branch whose cells others hold too, or else of one to evict.

        At the price of decoding again whichever it is, where forks are at the tip only: the one used longest ago then.
        """
        if self.session.sequences_free:
            return True
        if self.session.memory.fork_at == "tip":
            idle = [branch for branch in self._idle if branch is not keep and branch not in self._filling]
            if idle:
                self._evict(min(idle, key=lambda branch: (branch.used, branch.seq)))
            return bool(idle)
        held = [branch for branch in self._idle if branch.standing > 1]
        if held:
            oldest = min(held, key=lambda branch: (branch.used, branch.seq))
            self.session.detach(oldest)
            self._idle.discard(oldest)
            return True
        idle = self._evictable(keep)
        if idle:
            self._evict(idle[0])
        return bool(idle)

    def _evict(self, branch: Branch) -> None:
        self.again += branch.cached
        self.session.detach(branch)
        branch.forget()
        self._idle.discard(branch)

    def _requeue(self) -> None:
        """Have what lost its cells with a failed decode decoded again, once its turn comes."""
        self._waiting.extendleft(job for job in reversed(self._running) if not job.branch.resident)
        self._running = [job for job in self._running if job.branch.resident]
        for branch in [branch for branch in self._idle if not branch.resident]:
            self._idle.discard(branch)
            branch.forget()

    def _preempt(self) -> None:
        """Send the job that has grown least back to the queue; it will decode its own tokens again and go on."""
        if not self._running:
            raise BackendError("the KV cells do not suffice for the prompts in work", hint="a smaller --width")
        victim = min(reversed(self._running), key=lambda job: job.grown)
        self._running.remove(victim)
        self.again += victim.branch.cached
        self.session.detach(victim.branch)
        self._waiting.appendleft(victim)

    def _draw(self, pieces: list[Piece], rows: Logits | TopRows) -> None:
        jobs = {id(job.branch): job for job in self._running}
        growing: list[int] = []  # rows of jobs
        growers: list[Job] = []
        for piece, end in zip(pieces, accumulate(piece.rows for piece in pieces), strict=True):
            branch = piece.branch
            if piece.every and isinstance(rows, np.ndarray):
                _listen(branch, rows[end - piece.size : end])
            if piece.wants_row and id(branch) in jobs:
                growing.append(end - 1)
                growers.append(jobs[id(branch)])
            elif piece.wants_row:
                branch.keep(rows[end - 1 : end], self.session.states[end - 1])
                self._filling.remove(branch)
        if growing:
            drawn = rows if len(growing) == len(rows) else rows[growing]
            self._advance(growers, drawn, [self.session.states[number] for number in growing])

    def _advance(self, jobs: Sequence[Job], rows: Logits | TopRows, states: Sequence[States]) -> None:
        """Let each job take a token drawn from its row."""
        model = self.session.model
        draws = self._sampler.draw(rows, [job.sampling for job in jobs], [job.rng for job in jobs])
        for number, (job, (token, logprob), state) in enumerate(zip(jobs, draws, states, strict=True)):
            sure = certainty_of(rows, number, token, logprob) if job.traced else None
            text = job.take(token, None if model.ends_generation(token) else model.piece(token), logprob, state, sure)
            forced = job.force() if job.due else []
            if job.finished:
                self._running.remove(job)
                self._expected += (job.grown - self._expected) / 8
                if job.ended is Ended.OPEN or job.keep:
                    self._idle.add(job.branch)
                    self._touch(job.branch)
                else:
                    self.session.detach(job.branch)
            self._grown.append(JobUpdate(job, text, not job.aloud))
            self._grown.extend(JobUpdate(job, words, thought=True) for words in forced)

    def _touch(self, branch: Branch) -> None:
        branch.used = self._clock


def _listen(branch: Branch, rows: Logits) -> None:
    """Note what the rows behind a branch's last decoded tokens say of those that follow these."""
    ahead = len(branch.tokens) - len(branch.following)  # own tokens, of an ancestor perhaps, that nobody asks about
    if len(branch.logprobs) != len(branch.following):
        branch.logprobs = np.empty(len(branch.following))
    begin = branch.cached - len(rows) - ahead
    skipped = max(0, -begin)
    told = slice(begin + skipped, begin + len(rows))
    branch.logprobs[told] = logprobs(rows[skipped:], branch.following[told])
