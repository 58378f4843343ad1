from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
from patience import assert_all_end, quickest

from ttcli.errors import BackendError, UsageError, VerifierError
from ttcli.problem import Problem
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Ended, Prefix, Step
from ttcli.verifier.command import Command, fingerprint, parse

PROBLEM = Problem("How many\napples?\0")


def solved(text: str) -> Prefix:
    return Prefix(PROBLEM, 1, steps=(Step(text, 1, -1.0),), ended=Ended.STOP)


def shell(script: str) -> str:
    """A command that runs a line of shell."""
    return f"sh -c {shlex.quote(script)}"


def score(command: str, *texts: str, timeout: float = 20.0) -> list[float]:
    return [each.score for each in Command(command, timeout=timeout).score([solved(text) for text in texts or ("x",)])]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("true", 1.0),
        ("exit 1", 0.0),
        ("echo 0.25", 0.25),
        ("echo 1; echo; echo ' 5e-1 '; echo", 0.5),
        ("echo 3 tests passed", 1.0),
        ("echo 0.9 of all; exit 1", 0.0),
        ("echo 0.5 >&2", 1.0),
        ("printf 0", 0.0),
        ("yes | head -c 1000000; echo 0.75", 0.75),
    ],
)
def test_an_end_with_0_or_1_or_a_number_is_a_score(script: str, expected: float) -> None:
    assert score(shell(script)) == [expected]


@pytest.mark.parametrize(
    ("script", "deed"),
    [
        ("exit 2", "ended with status 2"),
        ("echo so; echo why >&2; echo >&2; exit 3", "ended with status 3: why"),
        ("kill -9 $$", "was killed by signal 9"),
        ("echo 1.5", "printed 1.5 and ended with status 0"),
        ("echo -1", "printed -1 and ended with status 0"),
        ("echo nan", "printed nan and ended with status 0"),
        ("echo inf", "printed inf and ended with status 0"),
        ("echo 0.5; exit 1", "printed 0.5 and ended with status 1"),
        (r"printf '\377\376\n'", "printed what is no text"),
    ],
)
def test_any_other_end_is_an_error_that_tells_what_was_done(script: str, deed: str) -> None:
    with pytest.raises(VerifierError) as caught:
        score(shell(script))
    assert str(caught.value) == f"{shell(script)} {deed}"
    assert caught.value.hint
    assert isinstance(caught.value, BackendError)


def test_the_solution_comes_on_stdin_and_its_problem_in_the_environment(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = shell(f'cat > {told}; printf "|%s|%s" "$TTC_PROBLEM" "${{TTC_ANSWER-none}}" >> {told}')
    score(command, "It is\n\n\\boxed{4}.")
    assert told.read_text() == "It is\n\n\\boxed{4}.|How many\napples?\ufffd|4"
    score(command, "who knows \ud800")
    assert told.read_text() == "who knows ?|How many\napples?\ufffd|none"


def test_a_long_solution_that_is_not_read_is_no_matter() -> None:
    assert score("true", "x" * 1_000_000) == [1.0]


def test_scores_come_in_the_order_of_the_solutions_and_cost_no_tokens() -> None:
    texts = [str(number / 10) for number in range(10)]
    command = Command(shell('read x; sleep "0.0$((10 - ${x#0.}))"; echo "$x"'), timeout=20)
    prefixes = [solved(text) for text in texts]
    assert command.price(prefixes) == 0
    assert command.score(prefixes) == [StepScores(float(text), (), 0) for text in texts]
    assert command.score([]) == []
    assert (command.parameters, command.partial) == (0, False)


def test_several_are_checked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttcli.verifier.command.os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)

    def seconds() -> float:
        began = time.monotonic()
        score("sleep 0.5", *"abcd")
        return time.monotonic() - began

    assert quickest(seconds, within=1.5) < 1.5  # not 2


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "300"])
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} {child.pid}\\n")
time.sleep(float(sys.argv[2]))
"""


def stubborn(tmp_path: Path, seconds: float) -> tuple[str, Path]:
    """A command that ignores SIGTERM and has a child of its own, and the file with their process ids."""
    script, pids = tmp_path / "stubborn.py", tmp_path / "pids"
    script.write_text(STUBBORN, encoding="utf-8")
    return shlex.join([sys.executable, str(script), str(pids), str(seconds)]), pids


def assert_killed(pids: Path) -> None:
    written = [int(pid) for pid in pids.read_text().split()]
    assert written
    assert_all_end(written)


def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    command, pids = stubborn(tmp_path, 300)
    began = time.monotonic()
    with pytest.raises(VerifierError, match="did not end within 3 seconds") as caught:
        score(command, timeout=3.0)  # it takes its time to begin
    assert time.monotonic() - began < 6
    assert "--command-timeout" in (caught.value.hint or "")
    assert_killed(pids)


def test_an_interrupt_kills_all_that_run_at_once(tmp_path: Path) -> None:
    command, pids = stubborn(tmp_path, 300)

    def seconds_to_end() -> float:
        pids.unlink(missing_ok=True)
        asked_at: list[float] = []

        def interrupted() -> bool:
            if pids.is_file() and pids.read_text().endswith("\n"):
                asked_at.append(time.monotonic())
            return bool(asked_at)

        with pytest.raises(Interrupted):
            Command(command, timeout=60, interrupted=interrupted).score([solved("x"), solved("y")])
        assert_killed(pids)
        return time.monotonic() - asked_at[0]

    assert quickest(seconds_to_end, within=0.4) < 0.4  # 0.2 s, and as much for a busy machine


def test_a_command_that_ends_leaves_nobody_behind(tmp_path: Path) -> None:
    command, pids = stubborn(tmp_path, 0)
    assert score(command) == [1.0]
    assert_killed(pids)


def test_an_error_of_one_kills_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)  # two run at once
    command, pids = stubborn(tmp_path, 300)
    script = f"read x; case $x in bad) while ! test -s {pids}; do sleep 0.02; done; exit 7;; *) exec {command};; esac"
    with pytest.raises(VerifierError, match="status 7"):
        Command(shell(script), timeout=60).score([solved("good"), solved("bad")])
    assert_killed(pids)


def test_a_keyboard_interrupt_kills_too(tmp_path: Path) -> None:
    command, pids = stubborn(tmp_path, 300)

    def interrupted() -> bool:
        if pids.is_file() and pids.read_text().endswith("\n"):
            signal.raise_signal(signal.SIGINT)
        return False

    with pytest.raises(KeyboardInterrupt):
        Command(command, timeout=60, interrupted=interrupted).score([solved("x")])
    assert_killed(pids)


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        ("./nowhere.sh", "there is no program ./nowhere.sh", "path"),
        ("no-such-program-anywhere", "there is no program no-such-program-anywhere", "PATH"),
        ("cat | wc", "'|' in 'cat | wc' is for a shell", "sh -c"),
        ("true && false", "'&&' in", "sh -c"),
        ("sh 'unclosed", "cannot read the command", "command:"),
        ("''", "there is no program", "path"),
    ],
)
def test_what_is_no_command_is_said_at_once(command: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Command(command, timeout=1)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_a_file_that_cannot_be_executed_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check = tmp_path / "check.sh"
    check.write_text("exit 0\n", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be executed") as caught:
        Command("./check.sh", timeout=1)
    assert caught.value.hint == "chmod +x ./check.sh"
    check.chmod(0o755)
    with pytest.raises(VerifierError, match="cannot be started") as failed:
        score("./check.sh")
    assert "#!/bin/sh" in (failed.value.hint or "")
    check.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    assert score("./check.sh --fast 'two words'") == [0.0]


def test_the_home_directory_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "check").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "check").chmod(0o755)
    assert parse("~/check -x") == [str(tmp_path / "check"), "-x"]


def test_a_command_is_known_by_its_words_and_the_files_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = tmp_path / "cases.txt"
    cases.write_text("1", encoding="utf-8")
    first = fingerprint("cat cases.txt")
    assert fingerprint("cat  'cases.txt'") == first
    assert fingerprint("cat cases.txt -") != first
    assert fingerprint(shell("x" * 5000))
    cases.write_text("2", encoding="utf-8")
    assert fingerprint("cat cases.txt") != first
