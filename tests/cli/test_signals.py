"""What ends ttc, and what ends with it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import HANG, SOON, assert_all_end

CHECK = """#!/bin/sh
# a check that has children, one of them in a session of its own, and never ends
echo $$ >> "$1"
sleep 1000 &
echo $! >> "$1"
setsid sh -c 'echo $$ >> "$1"; echo end >> "$1"; trap "" TERM HUP INT; sleep 1000; sleep 1000' sh "$1" &
trap '' TERM HUP INT
sleep 1000
sleep 1000
"""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def in_the_foreground() -> Iterator[None]:
    """A shell has what it starts in the background ignore SIGQUIT, the tests included, and what they start."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGQUIT, before)


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ttcli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def begun(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Wait for its first line of Python: what comes earlier is Python's own affair."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.is_file():
        time.sleep(0.3)
    while status.is_file() and process.poll() is None:
        caught = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            break
        time.sleep(0.001)
    return process


def checking(clean: Path, script: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A run whose checks never end, and the processes of one of them at least."""
    check, pids = clean / "check.sh", clean / "pids"
    check.write_text(CHECK, encoding="utf-8")
    check.chmod(0o755)
    verifier = f"command:{check} {pids}"
    process = started(
        "solve", "2 + 2?", "-m", script, "--verifier", verifier, "--command-timeout", "900", "--budget", "1"
    )
    for _ in range(int(SOON * 50)):
        if pids.is_file() and "end" in pids.read_text():
            break
        time.sleep(0.02)
    return process, [int(word) for word in pids.read_text().split() if word.isdigit()]


@pytest.mark.parametrize("number", [*CODES, signal.SIGQUIT, signal.SIGKILL])
def test_no_check_outlives_ttc_nor_does_what_it_started(clean: Path, script: str, number: signal.Signals) -> None:
    process, pids = checking(clean, script)
    assert len(pids) == 3
    process.send_signal(number)
    _, err = process.communicate(timeout=SOON)
    assert process.returncode == CODES.get(number, -number)
    assert "Traceback" not in err
    assert_all_end(pids)


@pytest.mark.parametrize("number", CODES)
def test_a_second_signal_ends_all_at_once(clean: Path, script: str, number: signal.Signals) -> None:
    """In a process that goes on after the first, as one stuck in a decode would."""
    pids = clean / "pids"
    program = (
        "import os, signal, sys, time\n"
        "from ttcli.cli.signals import interrupted_by_ctrl_c\n"
        "from ttcli.interrupt import Interrupt\n"
        "from ttcli.problem import Problem\n"
        "from ttcli.solution import Prefix\n"
        "from ttcli.verifier.command import Command\n"
        "from ttcli.interrupt import Interrupt\n"
        "with interrupted_by_ctrl_c(Interrupt()):\n"
        "    Command(sys.argv[1], timeout=900).score([Prefix(Problem('x'), 1)])\n"
    )
    check = clean / "check.sh"
    check.write_text(CHECK, encoding="utf-8")
    command = shlex.join(["sh", str(check), str(pids)])
    process = subprocess.Popen([sys.executable, "-c", program, command], stderr=subprocess.PIPE, text=True)
    while not (pids.is_file() and "end" in pids.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    time.sleep(0.3)  # two at the same moment are one
    process.send_signal(number)
    assert process.communicate(timeout=SOON)[1] == ""
    assert process.returncode == CODES[number]
    assert_all_end([int(word) for word in pids.read_text().split() if word.isdigit()])


@pytest.mark.parametrize("number", CODES)
def test_each_of_the_three_gives_the_best_answer_so_far(clean: Path, script: str, number: signal.Signals) -> None:
    process, _ = checking(clean, script)
    process.send_signal(number)
    out, err = process.communicate(timeout=SOON)
    assert process.returncode == CODES[number]
    assert out == "4\n"
    assert "interrupted" in err


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("runs", "list"),
        ("solve", "2 + 2?", "-m", "scripted:script.json"),
        ("solve", "2 + 2?", "-m", "lab-policy", "--budget", "1", "--max-tokens", "8"),  # while weights are read
    ],
)
def test_a_signal_at_any_moment_of_the_first_second_is_no_traceback(
    clean: Path, script: str, number: signal.Signals, arguments: tuple[str, ...]
) -> None:
    codes = set()
    for step in range(8):
        process = begun(started(*arguments))
        time.sleep(step * 0.07)
        process.send_signal(number)
        _, err = process.communicate(timeout=HANG)
        assert "Traceback" not in err
        codes.add(process.returncode)
    assert codes <= {0, 1, CODES[number]}  # it may have been done before


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize(
    "moment",
    ["import weakref; kept = weakref.ref(it := Thing(), lambda _: strike())", "Thing.__del__ = strike; it = Thing()"],
)
def test_a_signal_where_nothing_can_be_raised_ends_it_too(number: signal.Signals, moment: str) -> None:
    program = f"""
import os
from ttcli.cli.signals import raise_on_signals
class Thing: pass
def strike(*_): os.kill(os.getpid(), {int(number)})
raise_on_signals()
{moment}
del it
print("went on")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG)
    assert (done.returncode, done.stdout, done.stderr) == (CODES[number], "", "interrupted\n")


def test_what_else_cannot_be_raised_is_told_as_python_does() -> None:
    program = """
from ttcli.cli.signals import raise_on_signals
class Thing:
    def __del__(self): raise ValueError("a fault")
raise_on_signals()
Thing()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0
    assert "ValueError: a fault" in done.stderr


def test_ctrl_c_again_and_again_is_130_whenever_it_comes(clean: Path, script: str) -> None:
    codes = set()
    for step in range(8):
        process = begun(started("solve", "2 + 2?", "-m", "scripted:script.json"))
        time.sleep(step * 0.07)
        for _ in range(20):
            process.send_signal(signal.SIGINT)
            time.sleep(0.004)
        _, err = process.communicate(timeout=HANG)
        assert "Traceback" not in err
        codes.add(process.returncode)
    assert codes <= {0, 130}


def test_what_nohup_ignores_stays_ignored(clean: Path, script: str) -> None:
    program = "trap '' HUP; exec \"$@\""
    command = [sys.executable, "-m", "ttcli", "solve", "-", "-m", script, "-q"]
    process = subprocess.Popen(
        ["sh", "-c", program, "sh", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGHUP)
    out, _ = process.communicate("2 + 2?", timeout=HANG)
    assert (process.returncode, out) == (0, "4\n")
