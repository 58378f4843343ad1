"""Whether two answers are the same: exactly where both are plain, elsewhere by `compare` in a process of its own."""

from __future__ import annotations

import hashlib
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ttcli.answers.normal import MAX_LENGTH, Canonical, canonical, latex_of
from ttcli.answers.process import SILENCE, START_LIMIT, WorkerProcess, worker_command
from ttcli.answers.whole import answer_key, code_block
from ttcli.errors import GradingError
from ttcli.solution import AnswerKind

LIMIT = 5.0  # seconds of processor time for one question: how busy the machine is makes no difference
VOTE_LIMIT = 10.0  # seconds of processor time that questions without a reply may take in one vote
_MAX_STARTS = 3  # in a row that may fail before no more are tried
_MAX_HANGS = 2  # questions without a reply about an answer that never got one, before a vote asks no more about it

Verdicts = Mapping[tuple[str, str], bool | None]  # by pairs of LaTeX in order; None: it takes longer than the limit


def decide(a: Canonical, b: Canonical) -> bool | None:
    """Whether two keys are the same answer; None where only mathematics can tell."""
    if a == b:
        return True
    return False if a.exact and b.exact else None


class Checker:
    """Decides about pairs of answers and remembers what it decided; safe to call from any thread.

    The worker starts with the first question that needs it. A question that takes longer than `limit`, or brings the
    worker down twice, gets no reply: the answers count as different, `failures` counts it, and the next one gets a new
    worker.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        limit: float = LIMIT,
        silence: float = SILENCE,
        start_limit: float = START_LIMIT,
    ) -> None:
        """Limits are in seconds; `command` starts another program with the protocol of `ttcli.answers.worker`."""
        self.failures = 0  # questions that got no reply
        self._command = tuple(command or worker_command(limit))
        self._limit, self._silence, self._start_limit = limit, silence, start_limit
        self._failed_starts = 0  # in a row
        self._lock = threading.Lock()
        self._memo: dict[tuple[str, str], bool | None] = {}  # None: no reply
        self._passing: set[tuple[str, str]] = set()  # of those without a reply: another machine might have given one
        self._hung: Counter[str] = Counter()  # questions without a reply, by answer
        self._replied: set[str] = set()  # answers that a question about them was replied to
        self._vote = threading.local()  # `left`: seconds, while a vote is held
        self._worker: WorkerProcess | None = None

    def equivalent(self, a: str, b: str) -> bool:
        """Whether both are the same answer: reflexive, symmetric, and nothing is raised whatever they say."""
        return self.verdict(a, b) is True

    def verdict(self, a: str, b: str) -> bool | None:
        """Whether both are the same answer; None where that could not be found out."""
        decided = decide(canonical(a), canonical(b))
        if decided is not None:
            return decided
        if max(len(a), len(b)) > MAX_LENGTH:
            return False
        first, second = sorted((latex_of(a), latex_of(b)))
        with self._lock:
            if (first, second) not in self._memo and not self._spared(first, second):
                self._memo[first, second] = self._ask(first, second)
            return self._memo.get((first, second))

    @contextmanager
    def voting(self) -> Iterator[None]:
        """In this thread, pairs are not asked about any more once those without a reply have taken VOTE_LIMIT."""
        self._vote.left = VOTE_LIMIT
        try:
            yield
        finally:
            del self._vote.left

    def require(self) -> None:
        """Make sure that answers can be compared.

        Raises:
            GradingError: the worker does not start.
        """
        with self._lock:
            started = self._running()
        if not started:
            raise GradingError(
                "answers cannot be compared: the program that does it does not start",
                hint=f"{Path(sys.executable).name} -m ttcli.answers.worker 5 says why",
            )

    @property
    def verdicts(self) -> Verdicts:
        """What the questions that took mathematics came to, anywhere and at any time."""
        with self._lock:
            return {pair: same for pair, same in self._memo.items() if pair not in self._passing}

    def remember(self, verdicts: Verdicts) -> None:
        """Take over what a checker decided before: these questions are not asked again."""
        with self._lock:
            self._memo.update(verdicts)
            self._passing -= verdicts.keys()

    def close(self) -> None:
        """End the worker, if one runs; a later question starts another."""
        with self._lock:
            self._stop()

    def _spared(self, a: str, b: str) -> bool:
        """Whether a vote does without an answer to this question."""
        if not hasattr(self._vote, "left"):
            return False
        hopeless = any(self._hung[each] >= _MAX_HANGS and each not in self._replied for each in (a, b))
        return hopeless or self._vote.left <= 0

    def _ask(self, a: str, b: str) -> bool | None:
        reply = None
        try:
            for _ in range(2):  # a worker may be ended by somebody else: then the next one knows
                worker = self._running()
                told = worker.ask({"a": a, "b": b}, self._silence) if worker else {}
                reply = bool(told["same"]) if "same" in told else None
                if reply is not None or worker is None or worker.alive or worker.over_limit:
                    break
        except BaseException:  # Ctrl-C, say: a reply that comes later must not answer the next question
            self._stop()
            raise
        if reply is None:
            self.failures += 1
            self._hung.update((a, b))
            if hasattr(self._vote, "left"):
                self._vote.left -= self._limit
            if worker is None or worker.alive:
                self._passing.add((a, b))
            self._stop()
        else:
            self._replied |= {a, b}
        return reply

    def _running(self) -> WorkerProcess | None:
        """A worker that is ready; None where none will start."""
        if self._worker and self._worker.alive:
            return self._worker
        self._stop()
        if self._failed_starts >= _MAX_STARTS:
            return None
        self._failed_starts += 1
        try:
            self._worker = WorkerProcess(self._command)
        except OSError:
            return None
        self._end = weakref.finalize(self, self._worker.stop)  # at the latest when Python exits
        if self._worker.line(self._start_limit) != b"ready":
            return None
        self._failed_starts = 0
        return self._worker

    def _stop(self) -> None:
        if self._worker:
            self._end()
            self._worker = None


CHECKER = Checker()  # that all share


def equivalent(a: str, b: str) -> bool:
    """Whether two answers are the same, by the `Checker` all share: within LIMIT, and False where that did not do."""
    return CHECKER.equivalent(a, b)


def is_correct(answer: str | None, reference: str, kind: AnswerKind = AnswerKind.SHORT) -> bool:
    """Whether an answer was given and is the reference answer; what cannot be found out is not."""
    return grade(answer, reference, kind) is True


def grade(answer: str | None, reference: str, kind: AnswerKind = AnswerKind.SHORT) -> bool | None:
    """Whether an answer was given and is the reference answer; None where that could not be found out: ungraded.

    The code of a reference may stand in a fence.
    """
    if answer is None:
        return False
    if kind is AnswerKind.SHORT:
        return CHECKER.verdict(answer, reference)
    wanted = code_block(reference) or reference if kind is AnswerKind.CODE else reference
    return answer_key(answer, kind) == answer_key(wanted, kind)


@cache
def layer() -> str:
    """The version of all that a verdict hangs on: this package's own text, and mpmath's version."""
    digest = hashlib.blake2b(version("mpmath").encode(), digest_size=8)
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
