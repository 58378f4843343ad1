"""Who says which number in a solution is wrong, and what it should read: arithmetic, or the user's own program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from ttcli.errors import VerifierError
from ttcli.problem import Problem
from ttcli.seams import Flaw
from ttcli.verifier.arithmetic import equations
from ttcli.verifier.command import fingerprint, parse
from ttcli.watchdog import WATCHDOG

_AROUND = 2000  # characters of a text in which the first equation behind an offset may begin
_FENCE = "```"
_TICK = 0.1  # seconds between two looks at the clock and the interrupt
_FORM = '{"start": 40, "end": 42, "right": "60"}, or nothing'


class ArithmeticRepair:
    """Mends the result of a computation that the text spells out, where the reader is sure that it is false."""

    name = "arithmetic"

    @property
    def recipe(self) -> Mapping[str, object]:
        """Nothing but itself."""
        return {"by": "arithmetic"}

    def flaw(self, problem: Problem, text: str, begin: int) -> Flaw | None:  # noqa: ARG002 - as the protocol calls it
        """The first false result that ends behind an offset; numbers in a block of code are none."""
        first = max(text.rfind("\n\n", 0, begin), begin - _AROUND, 0)  # a chain may go on over lines
        for each in equations(text[first:]):
            start, end = first + each.stated_start, first + each.stated_end
            in_code = text.count(_FENCE, 0, start) % 2 == 1
            if not each.holds and start >= begin and not in_code and each.replacement != text[start:end]:
                return Flaw(start, end, each.replacement)
        return None


class RepairCommand:
    """A program that reads {"problem", "text", "begin"} as JSON on stdin, and prints a flaw as JSON, or nothing.

    Args:
        command: as one types it, without a shell around it.
        timeout: seconds that it may take for one look at a text.
        interrupted: asked ten times a second; it ends the program, which then has found nothing.

    Raises:
        UsageError: there is no such program, or this takes a shell.
    """

    def __init__(self, command: str, *, timeout: float, interrupted: Callable[[], bool] = lambda: False) -> None:
        self.name = f"command:{command}"
        self._command = command
        self._arguments = parse(command)
        self._timeout = timeout
        self._interrupted = interrupted

    @property
    def recipe(self) -> Mapping[str, object]:
        """The program."""
        return {"by": f"command:{fingerprint(self._command)}"}

    def flaw(self, problem: Problem, text: str, begin: int) -> Flaw | None:
        """What the program finds.

        Raises:
            VerifierError: it took too long, failed, or printed something else.
        """
        told = json.dumps({"problem": problem.text, "text": text, "begin": begin})
        hint = f"a repair prints {_FORM}, and exits 0"
        try:
            process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | WATCHDOG.environment,
                start_new_session=True,
            )
        except OSError as error:
            raise VerifierError(f"{self.name} cannot be started: {error.strerror}", hint=hint) from error
        printed = self._answer(process, told.encode()).strip()
        if process.returncode and not self._interrupted():
            raise VerifierError(f"{self.name} ended with status {process.returncode}", hint=hint)
        if not printed or self._interrupted():
            return None
        try:
            content = json.loads(printed)
            flaw = Flaw(content["start"], content["end"], content["right"])
        except (ValueError, KeyError, TypeError) as error:
            raise VerifierError(f"{self.name} printed what is no flaw: {printed!r:.60}", hint=hint) from error
        whole = type(flaw.start) is int and type(flaw.end) is int and isinstance(flaw.right, str)
        if not whole or not begin <= flaw.start < flaw.end <= len(text) or not flaw.right:
            raise VerifierError(f"{self.name} found a flaw that is not in the text: {printed!r:.60}", hint=hint)
        return None if text[flaw.start : flaw.end] == flaw.right else flaw

    def _answer(self, process: subprocess.Popen[bytes], told: bytes) -> bytes:
        """What the program prints; nobody of its process group is left behind.

        Raises:
            VerifierError: it took too long.
        """
        WATCHDOG.watch(process.pid)
        deadline = time.monotonic() + self._timeout
        given: bytes | None = told
        try:
            while not self._interrupted():
                try:
                    return process.communicate(given, timeout=_TICK)[0]
                except subprocess.TimeoutExpired:
                    given = None
                if time.monotonic() >= deadline:
                    hint = "--command-timeout 60"
                    raise VerifierError(f"{self.name} did not end within {self._timeout:g} seconds", hint=hint)
            return b""
        finally:
            with suppress(ProcessLookupError, PermissionError):  # nobody is left, as one system or the other says it
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            WATCHDOG.forget(process.pid)
