"""Matches of a user's pattern, looked for in a worker: `(a+)+$` takes for ever on a text that almost fits."""

from __future__ import annotations

import threading
import weakref
from functools import lru_cache

from ttcli.answers.process import SILENCE, START_LIMIT, WorkerProcess, worker_command
from ttcli.errors import GradingError, UsageError

LIMIT = 2.0  # seconds of processor time for one text


class PatternSearch:
    """Looks patterns up in texts; safe to call from any thread. The worker starts with the first question."""

    def __init__(self, *, limit: float = LIMIT) -> None:
        """`limit`: seconds of processor time."""
        self._limit = limit
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None

    def last(self, form: str, text: str) -> str | None:
        """What `matched` says of a form `regex:PATTERN` and a text.

        Raises:
            UsageError: it takes longer than it may.
            GradingError: the worker does not start, or is ended by somebody else again and again.
        """
        with self._lock:
            try:
                for _ in range(2):  # a worker may be ended by somebody else
                    worker = self._running()
                    reply = worker.ask({"form": form, "text": text}, SILENCE)
                    if "found" in reply:
                        found: str | None = reply["found"]
                        return found
                    if worker.alive or worker.over_limit:
                        told = f"takes longer than {self._limit:g} s for a text of {len(text):,} letters"
                        hint = "a pattern without repetitions inside repetitions"
                        raise UsageError(f"--answer {form!r} {told}", hint=hint)
            except BaseException:  # a reply that comes later must not answer the next question
                self.close()
                raise
        raise GradingError("the program that looks for patterns ends before it replies", hint="more memory may help")

    def close(self) -> None:
        """End the worker, if one runs; a later question starts another."""
        if self._worker:
            self._end()
            self._worker = None

    def _running(self) -> WorkerProcess:
        if self._worker and self._worker.alive:
            return self._worker
        self.close()
        try:
            self._worker = WorkerProcess(worker_command(self._limit))
        except OSError as error:
            raise GradingError(f"the program that looks for patterns does not start: {error.strerror}") from error
        self._end = weakref.finalize(self, self._worker.stop)  # at the latest when Python exits
        if self._worker.line(START_LIMIT) != b"ready":
            raise GradingError("the program that looks for patterns does not start")
        return self._worker


SEARCH = PatternSearch()  # that all share


@lru_cache(maxsize=64)
def last_match(form: str, text: str) -> str | None:
    """What the last match of `regex:PATTERN` has in its first group, or all of it where it has none; None: nothing.

    Raises:
        UsageError: it takes longer than LIMIT.
    """
    return SEARCH.last(form, text)
