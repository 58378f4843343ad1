"""The user's own check as a verifier: a program that is given a finished solution and says how good it is.

The solution, or its block of code, comes on its stdin, the problem in TTC_PROBLEM, the answer in TTC_ANSWER where there
is one; what is longer than a variable may be is in the file that TTC_PROBLEM_FILE or TTC_ANSWER_FILE names instead. It
ends with
status 0 (passed) or 1 (failed), or with status 0 and a number in [0, 1] alone on the last line of its stdout. Anything
else is an error, not a score. A program that ends leaves nobody behind: its process group is killed with it, and so are
all that run when ttc itself ends, whatever ends it.
"""

from __future__ import annotations

import errno
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, Literal

from ttcli.answers.final import answer_of
from ttcli.answers.thinking import aloud
from ttcli.answers.whole import code_block
from ttcli.errors import UsageError, VerifierError
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Prefix
from ttcli.watchdog import WATCHDOG

TIMEOUT = 30.0  # seconds
_AT_ONCE = 8
_TICK = 0.02  # seconds between two looks at the clock and the interrupt
_TAIL = 65536  # bytes of an output that are kept; a pipe holds at most sixteen times as many
_LONGEST = 100_000  # bytes of a variable: Linux passes no more than 128 KiB
_SHELL = {"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1"}
_HINT = "a check exits 0 or 1, or prints a number from 0 to 1 on its last line and exits 0"


class Command:
    """Scores finished solutions by a program, several at once.

    Args:
        command: as one types it, without a shell around it.
        timeout: seconds that the program may take for one solution.
        extract: what of a solution it is given; None: all of it. One that has no block of code fails unseen.
        interrupted: asked many times a second.

    Raises:
        UsageError: there is no such program, or this takes a shell.
    """

    parameters = 0
    partial = False

    def __init__(
        self,
        command: str,
        *,
        timeout: float = TIMEOUT,
        extract: Literal["code"] | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = f"command:{command}"
        self._arguments = parse(command)
        self._timeout = timeout
        self._extract = extract
        self._interrupted = interrupted
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._at_once = min(cores, _AT_ONCE)

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing: it has no model."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Run the program on each.

        Raises:
            Interrupted: `interrupted` said so.
            VerifierError: the program took too long, or ended otherwise than a check does.
        """
        given = [self._given(prefix) for prefix in prefixes]
        scores = {number: 0.0 for number, text in enumerate(given) if text is None}
        waiting = deque((number, text) for number, text in enumerate(given) if text is not None)
        running: dict[int, _Check] = {}
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or running:
                    if self._interrupted():
                        raise Interrupted
                    while waiting and len(running) < self._at_once:
                        number, text = waiting.popleft()
                        running[number] = _Check(self._arguments, prefixes[number], text, self._timeout, selector)
                    for key, _ in selector.select(_TICK):
                        key.data()
                    for number, check in list(running.items()):
                        score = check.score()
                        if score is not None:
                            scores[number] = score
                            running.pop(number).end()
            finally:
                for check in running.values():
                    check.end()
        return [StepScores(scores[number], (), 0) for number in range(len(prefixes))]

    def _given(self, prefix: Prefix) -> str | None:
        """What the program gets of a solution; None: there is no such thing in it."""
        return code_block(aloud(prefix.text)) if self._extract == "code" else prefix.text

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free: no program outlives the call that started it."""


def parse(command: str) -> list[str]:
    """A program and its arguments.

    Raises:
        UsageError: there is no such program, or this takes a shell.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"cannot read the command {command!r}: {error}", hint="--verifier 'command:./check.sh'"
        ) from error
    if not arguments:
        raise UsageError("there is no command to check with", hint="--verifier 'command:./check.sh'")
    if found := next((word for word in arguments if word in _SHELL), None):
        hint = f"--verifier {shlex.quote(f'command:sh -c {shlex.quote(command)}')}"
        raise UsageError(f"{found!r} in {command!r} is for a shell, and there is none around a check", hint=hint)
    program = str(Path(arguments[0]).expanduser()) if arguments[0].startswith("~") else arguments[0]
    if shutil.which(program) is None:
        there = Path(program).is_file()
        raise UsageError(
            f"{program} cannot be executed" if there else f"there is no program {program} to check with",
            hint=f"chmod +x {shlex.quote(program)}" if there else "its path, or a program on the PATH",
        )
    return [program, *arguments[1:]]


def fingerprint(command: str) -> str:
    """A hash of the command and of the files that it names: another check gives other scores."""
    program, *arguments = parse(command)
    words = [shutil.which(program) or program, *arguments]
    return sha256("\0".join(f"{word}\0{_hash(word)}" for word in words).encode("utf-8", "surrogateescape")).hexdigest()


def _hash(word: str) -> str:
    """The hash of a file; "" where the word names none, or what has no end."""
    try:
        if not Path(word).is_file():
            return ""
        with Path(word).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


class _Check:
    """The program at work on one solution, in a process group of its own."""

    def __init__(
        self,
        arguments: Sequence[str],
        prefix: Prefix,
        text: str,
        timeout: float,
        selector: selectors.BaseSelector,
    ) -> None:
        self._words = shlex.join(arguments)
        self._timeout = timeout
        self._selector = selector
        self._tails: list[bytes] = [b"", b""]  # of stdout and stderr
        with ExitStack() as files:
            solution = files.enter_context(_holding(text.encode("utf-8", "replace")))
            told, handed = _told(prefix, files)
            try:
                self._process = subprocess.Popen(
                    arguments,
                    stdin=solution,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=_environment(told) | WATCHDOG.environment,
                    pass_fds=handed,
                    start_new_session=True,
                )
            except OSError as error:
                hint = "let its first line be #!/bin/sh" if error.errno == errno.ENOEXEC else _HINT
                raise VerifierError(f"{self._words} cannot be started: {error.strerror}", hint=hint) from error
        WATCHDOG.watch(self._process.pid)
        self._deadline = time.monotonic() + timeout
        self._pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe is not None]
        for number, pipe in enumerate(self._pipes):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, lambda number=number: self._drain(number))

    def score(self) -> float | None:
        """What it came to; None while it is at work.

        Raises:
            VerifierError: it took too long, or ended otherwise than a check does.
        """
        status = self._process.poll()
        if status is None:
            if time.monotonic() >= self._deadline:
                raise self._error(f"did not end within {self._timeout:g} seconds", "--command-timeout 60")
            return None
        self._kill()  # first, lest somebody goes on writing
        for number in range(len(self._pipes)):
            for _ in range(16):
                if not self._drain(number):
                    break
        return self._read(status)

    def end(self) -> None:
        """Kill what is left of its process group, and close the pipes."""
        self._kill()
        self._process.wait()
        WATCHDOG.forget(self._process.pid)
        for pipe in self._pipes:
            if pipe in self._selector.get_map():
                self._selector.unregister(pipe)
            pipe.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left, as one system or the other says it
            os.killpg(self._process.pid, signal.SIGKILL)

    def _drain(self, number: int) -> bool:
        """Take what an output holds; whether there may be more."""
        pipe = self._pipes[number]
        try:
            read = os.read(pipe.fileno(), _TAIL)
        except BlockingIOError:
            return False
        self._tails[number] = (self._tails[number] + read)[-_TAIL:]
        if not read and pipe in self._selector.get_map():
            self._selector.unregister(pipe)
        return bool(read)

    def _read(self, status: int) -> float:
        """The score that an end with this status means."""
        lines = [line.strip() for line in self._tails[0].splitlines() if line.strip()]
        try:
            last = lines[-1].decode() if lines else ""
        except UnicodeDecodeError as error:
            raise self._error("printed what is no text") from error
        if status not in (0, 1):
            raise self._error(f"was killed by signal {-status}" if status < 0 else f"ended with status {status}")
        try:
            number = float(last)
        except ValueError:
            return 1.0 - status
        if status == 1 or not 0 <= number <= 1:
            raise self._error(f"printed {last} and ended with status {status}")
        return number

    def _error(self, deed: str, hint: str = _HINT) -> VerifierError:
        complaints = [line.strip() for line in self._tails[1].decode("utf-8", "replace").splitlines() if line.strip()]
        return VerifierError(": ".join([f"{self._words} {deed}", *complaints[-1:]]), hint=hint)


def _told(prefix: Prefix, files: ExitStack) -> tuple[dict[str, str], list[int]]:
    """The variables that a check is told, and the files it inherits: a long text is in one, as NAME_FILE says."""
    answer = answer_of(prefix)
    told, handed = {}, []
    for name, text in (("TTC_PROBLEM", prefix.problem.text), ("TTC_ANSWER", answer)):
        if text is not None and len(content := text.replace("\0", "\ufffd").encode("utf-8", "replace")) <= _LONGEST:
            told[name] = content.decode()
        elif text is not None:
            handed.append(files.enter_context(_holding(content)).fileno())
            told[f"{name}_FILE"] = f"/dev/fd/{handed[-1]}"
    return told, handed


def _holding(content: bytes) -> IO[bytes]:
    """A file without a name."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller's
    file.write(content)
    file.seek(0)
    return file


def _environment(told: dict[str, str]) -> dict[str, str]:
    stale = ("TTC_ANSWER", "TTC_ANSWER_FILE", "TTC_PROBLEM", "TTC_PROBLEM_FILE")  # of a check that runs ttc
    return {name: text for name, text in os.environ.items() if name not in stale} | told
