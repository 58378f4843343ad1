"""What is found wrong in a text, and what is not."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ttcli.errors import UsageError, VerifierError
from ttcli.problem import Problem
from ttcli.seams import Flaw
from ttcli.verifier.repair_spec import RepairSpec
from ttcli.verifier.repairers import ArithmeticRepair, RepairCommand

PROBLEM = Problem("How many?")


def mended(text: str, begin: int = 0) -> str | None:
    flaw = ArithmeticRepair().flaw(PROBLEM, text, begin)
    return None if flaw is None else text[: flaw.start] + flaw.right + text[flaw.end :]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("So 12 x 5 = 70.", "So 12 x 5 = 60."),
        ("\\( 12 \\times 5 = 70 \\)", "\\( 12 \\times 5 = 60 \\)"),
        ("$20 + $5 = $35\n", "$20 + $5 = $25\n"),
        ("12 x 5 = 60. Then 60 - 1 = 58.", "12 x 5 = 60. Then 60 - 1 = 59."),
        ("16 - 3 - 4 = 8\n", "16 - 3 - 4 = 9\n"),
    ],
)
def test_the_first_false_result_is_put_right_as_it_is_written(text: str, right: str) -> None:
    assert mended(text) == right
    assert mended(right) is None


@pytest.mark.parametrize(
    "text",
    [
        "12 x 5 = 60.",
        "2 / 3 = 0.67",
        "2 / 3 = 0.6667",
        "100 / 3 = 33 dollars",
        "5 + 2 = 7 more",
        "1 / 4 = 25%",
        "60 minutes / 2 = 0.5 hours",
        "about 3.14 * 2 = 6.3",
        "x + 3 = 5",
        "It is 5:30 - 6:30 = 1 hour",
        "3 + 4 = 7 and 7 * 2 = 14",
        "The 3rd + 4th = the rest",
        "2 + 2 = 4 + 1 = 5",
        "1,000 + 500 = 1,500",
        "10^9^9 = 5",
        "1 / 0 = 4",
    ],
)
def test_what_is_right_or_cannot_be_read_is_left_alone(text: str) -> None:
    if text == "2 + 2 = 4 + 1 = 5":  # a chain of running sums, as people write them: it must not be made 4 = 4
        assert mended(text) in {None, "2 + 2 = 4 + 1 = 5"}
        return
    assert mended(text) is None


def test_what_was_looked_at_before_and_blocks_of_code_are_left_alone() -> None:
    text = "12 x 5 = 70.\nso it is."
    assert mended(text, begin=13) is None
    assert mended("```python\nx = 12 * 5 = 70\n```\n") is None
    assert mended("```\na\n```\n12 x 5 = 70\n") == "```\na\n```\n12 x 5 = 60\n"


def test_a_long_text_without_a_stop_is_read_in_a_moment() -> None:
    assert mended("so on " * 20_000 + "12 x 5 = 70.", begin=119_000) is not None


@pytest.mark.parametrize("text", ["auto", "off", "arithmetic", "command:./mend --fast"])
def test_what_may_be_written(text: str) -> None:
    assert RepairSpec.parse(text).kind == text.partition(":")[0]


@pytest.mark.parametrize("text", ["", "on", "arithmetic:", "command:", "command: ", "off:now"])
def test_what_may_not(text: str) -> None:
    with pytest.raises(UsageError, match="there is no repair") as caught:
        RepairSpec.parse(text)
    assert caught.value.hint == "--repair auto, off, arithmetic or command:CMD"


def program(folder: Path, content: str, *, timeout: float = 20.0, stop: bool = False) -> RepairCommand:
    file = folder / "mend.sh"
    file.write_text(f"#!/bin/sh\n{content}\n")
    file.chmod(0o755)
    return RepairCommand(shlex.quote(str(file)), timeout=timeout, interrupted=lambda: stop)


def test_a_program_names_place_and_value(tmp_path: Path) -> None:
    found = program(tmp_path, """grep -q '"begin": 3' && echo '{"start": 8, "end": 9, "right": "7"}'""")
    assert found.flaw(PROBLEM, "3 + 4 = 8 ", 3) == Flaw(8, 9, "7")
    assert program(tmp_path, "cat > /dev/null").flaw(PROBLEM, "3 + 4 = 8 ", 0) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("echo hello", "printed what is no flaw"),
        ("echo '{}'", "printed what is no flaw"),
        ("""echo '{"start": 8, "end": 99, "right": "7"}'""", "found a flaw that is not in the text"),
        ("""echo '{"start": 1, "end": 2, "right": "7"}'""", "found a flaw that is not in the text"),
        ("""echo '{"start": 8.5, "end": 9, "right": "7"}'""", "found a flaw that is not in the text"),
        ("exit 3", "ended with status 3"),
    ],
)
def test_a_program_that_says_something_else_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        program(tmp_path, content).flaw(PROBLEM, "3 + 4 = 8 ", 3)


def test_a_program_that_takes_too_long_is_ended_and_one_that_is_interrupted_has_found_nothing(tmp_path: Path) -> None:
    with pytest.raises(VerifierError, match=r"did not end within 0\.2 seconds"):
        program(tmp_path, "sleep 60", timeout=0.2).flaw(PROBLEM, "3 + 4 = 8 ", 3)
    assert program(tmp_path, "sleep 60", stop=True).flaw(PROBLEM, "3 + 4 = 8 ", 3) is None


def test_there_must_be_such_a_program() -> None:
    with pytest.raises(UsageError, match="there is no program"):
        RepairCommand("/no/such/program", timeout=1.0)
