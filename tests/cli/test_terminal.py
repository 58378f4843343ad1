"""`ttc solve` as somebody at a terminal sees it, by way of a pty and an emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pyte
import pytest
from patience import HANG

from cli.calls import write_script

PROBLEM = "What is 2 + 2?"


class Seen:
    """What stood on the screen at the end, and the exit code."""

    def __init__(self, written: bytes, code: int, columns: int, lines: int) -> None:
        self.written = written
        self.code = code
        self.screen = pyte.Screen(columns, lines)
        pyte.ByteStream(self.screen).feed(written)
        self.lines = [line.rstrip() for line in self.screen.display]
        while self.lines and not self.lines[-1]:
            self.lines.pop()


def at_terminal(*arguments: str, columns: int = 80, lines: int = 24, env: Mapping[str, str] | None = None) -> Seen:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    settings = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**settings, "TERM": "xterm-256color", **(env or {})},
        start_new_session=True,
    )
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    return Seen(bytes(written), process.wait(timeout=HANG), columns, lines)


def test_the_last_screen_shows_tree_votes_and_answer(script: str) -> None:
    seen = at_terminal("solve", PROBLEM, "-m", script, "-b", "6", "--method", "majority", "--seed", "3")
    assert seen.code == 0
    assert seen.lines[:2] == ["majority, scripted, budget 6 generations, seed 3", PROBLEM]
    tree, rest = seen.lines[2:8], seen.lines[8:]
    assert all(line.startswith(("├── ", "└── ")) and line.endswith(("tokens", "limit")) for line in tree)
    assert rest[0].startswith("4 ")
    assert "█" in rest[0]
    assert rest[-3].startswith("6 of 6 generations, ")
    assert rest[-2] == "4"
    assert " of 6 candidates agree; " in rest[-1]
    assert not seen.screen.cursor.hidden
    assert (seen.screen.cursor.x, seen.screen.cursor.y) == (0, len(seen.lines))


def test_how_many_agree_is_told_once_weak_or_not(clean: Path) -> None:
    lines = [{"text": f"It is \\boxed{{{answer}}}."} for answer in range(4, 8)]
    weak = write_script(clean / "s.json", lines)
    seen = at_terminal("solve", PROBLEM, "-m", weak, "-b", "8", "--method", "majority", "--seed", "1", columns=120)
    assert seen.code == 0
    [told] = [line for line in seen.lines if " of 8 candidates agree" in line]
    assert " of 8 candidates agree: weak; a larger --budget tells more; " in told
    assert told.endswith(" s")


def test_at_forty_columns_nothing_runs_over_the_edge(script: str) -> None:
    long = "A train leaves at noon and drives for four hours. " * 4
    seen = at_terminal("solve", long, "-m", script, "-b", "5", "--verifier", "scripted", columns=40)
    tree = [line for line in seen.lines if line.startswith(("├── ", "└── "))]
    assert len(tree) == 5
    assert all("token" in line for line in tree)
    assert "4" in seen.lines
    assert seen.lines[:2] == ["best-of-n, scripted, verifier scripted,", "budget 5 generations, seed 0"]
    assert seen.lines[2].startswith("A train leaves")
    assert "…" in seen.lines[4]


def test_a_small_window_keeps_the_votes_and_the_answer(script: str) -> None:
    seen = at_terminal("solve", PROBLEM, "-m", script, "-b", "40", "--method", "majority", lines=14)
    assert any(line.startswith("└── … and ") for line in seen.lines)
    assert seen.lines[-3] == "4"
    assert " of 40 candidates agree; " in seen.lines[-2]
    assert " of 40 candidates ran into a token limit; " in seen.lines[-1]


def test_lines_on_a_terminal_tell_the_support_once(script: str) -> None:
    seen = at_terminal("solve", PROBLEM, "-m", script, "-b", "4", "--show", "lines", "--method", "majority")
    assert sum("candidates agree" in line for line in seen.lines) == 1
    assert seen.lines[-1] == "4"


def test_quiet_on_a_terminal_is_the_answer_alone(script: str) -> None:
    assert at_terminal("solve", PROBLEM, "-m", script, "-q").lines == ["4"]


def test_without_a_problem_it_does_not_wait_for_one(script: str) -> None:
    seen = at_terminal("solve", "-m", script)
    assert seen.code == 2
    assert seen.lines == ["error: there is no problem to solve", 'hint: ttc solve "What is 17 * 23?"']


def test_escape_sequences_of_a_model_and_a_problem_stay_text(clean: Path) -> None:
    evil = "\x1b[2J\x1b[31m\x1b]0;owned\x07\x9b2J[red][/b]"
    model = write_script(clean / "s.json", [{"text": f"{evil} so \\boxed{{4{evil}}}"}])
    seen = at_terminal("solve", f"2 + 2 {evil}?", "-m", model, "-b", "2")
    assert seen.code == 0
    for sequence in (b"\x1b[2J", b"\x1b]0;", b"\x07", "\x9b".encode()):
        assert sequence not in seen.written
    assert any("[red][/b]" in line for line in seen.lines)


@pytest.mark.parametrize(("env", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_left_out_where_that_is_asked(script: str, env: dict[str, str], colours: bool) -> None:
    seen = at_terminal("solve", PROBLEM, "-m", script, "-b", "4", env=env)
    cells = (cell for line in seen.screen.buffer.values() for cell in line.values())
    assert any(cell.fg != "default" for cell in cells) == colours


def test_a_dumb_terminal_gets_the_tree_once_and_no_escapes(script: str) -> None:
    seen = at_terminal("solve", PROBLEM, "-m", script, "-b", "4", env={"TERM": "dumb", "NO_COLOR": "1"})
    assert seen.code == 0
    assert b"\x1b" not in seen.written
    assert seen.written.count(b"budget 4 generations") == 1


def test_an_error_in_the_run_leaves_the_cursor_and_the_tree(script: str, clean: Path) -> None:
    seen = at_terminal("solve", PROBLEM, "-m", "scripted:missing.json")
    assert seen.code == 1
    assert not seen.screen.cursor.hidden
    assert seen.lines == ["error: cannot read the script missing.json: No such file or directory"]


def test_two_ctrl_c_at_a_terminal_bring_the_cursor_back(clean: Path) -> None:
    """In a process that goes on after the first, as one stuck in a decode would."""
    program = (
        "import os, signal, sys, time\n"
        "from ttcli.cli.signals import interrupted_by_ctrl_c\n"
        "from ttcli.interrupt import Interrupt\n"
        "from ttcli.terminal.display import display\n"
        "with interrupted_by_ctrl_c(Interrupt()), display('tree'):\n"
        "    for _ in range(2):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(1000)\n"
    )
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=env, timeout=HANG, check=False
    )
    os.close(theirs)
    written = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 130
    assert b"\x1b[?25l" in written
    assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")
