"""Texts that would move the cursor, turn a line round or hide themselves, in every field that somebody else fills."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.calls import Call, write_script
from cli.test_terminal import at_terminal

NASTY = "a\x1b[2Jb\x1b]0;t\x07c\x7fd\x9b31me\u202ef\u200bg\u2066h\U000e0041i"
FILE = "x\x1b[2J\u202ey\x7f.jsonl"
ANSWER = f"\\boxed{{{NASTY}}}"


def clean_text(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.fixture
def nasty(clean: Path) -> str:
    """A script with nasty texts; the data set beside it has nasty fields and a nasty name."""
    row = {"id": NASTY, "problem": f"What {NASTY}?", "answer": NASTY, "level": NASTY, "subject": NASTY}
    (clean / FILE).write_text(json.dumps(row) + "\n", encoding="utf-8")
    lines = [{"text": f"Since {NASTY}\n\nIt is {ANSWER}.", "score": 0.9}, {"text": NASTY, "score": 0.1, "length": True}]
    return write_script(clean / f"{NASTY}.json".replace("/", ""), lines)


SOLVE = ["solve", f"What {NASTY}?", "--budget", "4"]
BENCH = ["bench", FILE, "--budget", "4,8", "--method", "majority", "--method", "beam", "--verifier", "scripted"]
AFTERWARDS = [
    *(["runs", "list"], ["runs", "list", "--json"], ["runs", "show", "last"], ["runs", "show", "last", "--json"]),
    *(["runs", "export", "last"], ["compare", "last", "last"], ["compare", "last", "last", "--json"]),
    *(["show", "last"], ["show", "last", "--dot"], ["show", "last", "--node", "1"]),
    ["show", "last", "--replay", "--speed", "1000"],
]


@pytest.mark.parametrize("more", [[], ["--json"], ["--method", "beam", "--verifier", "scripted"], ["--show", "tree"]])
def test_solve_prints_nothing_nasty(ttc: Call, nasty: str, more: list[str]) -> None:
    result = ttc(*SOLVE, "-m", nasty, *more)
    assert result.code == 0
    assert clean_text(result.out), result.out
    assert clean_text(result.err.replace("\x1b[?25l", "").replace("\x1b[?25h", "")), result.err
    if "--json" in more:
        assert json.loads(result.out)["problem"] == SOLVE[1]


def test_bench_and_all_that_tells_of_it_print_nothing_nasty(ttc: Call, nasty: str) -> None:
    for arguments in ([*BENCH, "-m", nasty], [*BENCH, "-m", nasty, "--json"], *AFTERWARDS):
        if arguments[0] == "show":
            arguments = [*arguments, "--method", "beam[scripted]@8"]
        result = ttc(*arguments)
        assert result.code == 0, result.err
        assert clean_text(result.out), arguments
        assert clean_text(result.err), arguments


def test_at_a_terminal_no_text_reaches_it_raw(clean: Path, nasty: str) -> None:
    for arguments in ([*SOLVE, "-m", nasty], [*BENCH, "-m", nasty], *AFTERWARDS[:4]):
        seen = at_terminal(*arguments)
        assert seen.code == 0
        written = seen.written.decode()
        for raw in ("\x1b]0;", "\x07", "\x7f", "\x9b", "\u202e", "\u200b", "\u2066", "\U000e0041"):
            assert raw not in written, (arguments, raw)
        assert "b\x1b[2J" not in written


@pytest.mark.parametrize("more", [[], ["--json"], ["-o", "graded.jsonl"]])
def test_grade_prints_nothing_nasty(ttc: Call, clean: Path, more: list[str]) -> None:
    row = {"problem": NASTY, "answer": NASTY, "text": f"{NASTY} {ANSWER}", NASTY: NASTY}
    (clean / FILE).write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    result = ttc("grade", FILE, *more)
    assert result.code == 0
    assert clean_text(result.out)
    assert clean_text(result.err)
    if more[:1] == ["-o"]:
        assert clean_text((clean / "graded.jsonl").read_text(encoding="utf-8"))


def test_errors_and_hints_print_nothing_nasty(ttc: Call, clean: Path, nasty: str) -> None:
    (clean / "bad.jsonl").write_text(json.dumps({"id": NASTY, "problem": "x", "answer": {NASTY: 1}}), encoding="utf-8")
    for arguments in (
        ["solve", "x", "-m", NASTY],
        ["solve", "x", "-m", f"./{NASTY}.gguf"],
        ["solve", f"@{NASTY}"],
        ["solve", "x", "-m", nasty, "--method", NASTY],
        ["solve", "x", "-m", nasty, "--verifier", NASTY],
        ["solve", "x", "-m", nasty, "--budget", NASTY],
        ["bench", NASTY],
        ["bench", "bad.jsonl"],
        ["runs", "show", NASTY],
        ["runs", "list", "--store", NASTY],
        ["show", NASTY],
        ["profile", "show", NASTY],
        ["models", "info", NASTY],
        [NASTY],
        ["solve", f"--{NASTY}"],
    ):
        result = ttc(*arguments)
        assert result.code in (1, 2)
        assert result.out == ""
        assert clean_text(result.err), arguments


def test_the_command_that_goes_on_can_be_typed(clean: Path) -> None:
    from ttcli.cli.run import resume

    class Spec:
        command = ("ttc", "bench", FILE)

    assert resume(Spec()) == "ttc bench $'x\\x1b[2J\\xe2\\x80\\xaey\\x7f.jsonl'"  # type: ignore[arg-type]


def test_a_report_follows_no_link_that_lies_in_wait(ttc: Call, clean: Path, nasty: str) -> None:
    assert ttc(*BENCH, "-m", nasty).code == 0
    victim = clean / "victim"
    victim.write_text("mine", encoding="utf-8")
    for name in (".report.html.part", "report.html.new", ".page.html.part"):
        (clean / name).symlink_to(victim)
    result = ttc("report", "last")
    assert (result.code, result.out) == (0, "report.html\n")
    assert victim.read_text(encoding="utf-8") == "mine"
    (clean / "report.html").unlink()
    (clean / "report.html").symlink_to(victim)
    refused = ttc("report", "last")
    assert (refused.code, refused.out) == (2, "")
    assert "is a link" in refused.err
    assert victim.read_text(encoding="utf-8") == "mine"


def test_a_file_is_replaced_with_the_mode_it_has_and_made_as_the_mask_says(clean: Path) -> None:
    from ttcli.files.atomic import write_whole

    old = os.umask(0o027)
    try:
        write_whole(clean / "a", "1")
        assert (clean / "a").stat().st_mode & 0o777 == 0o640
        (clean / "a").chmod(0o600)
        write_whole(clean / "a", "2")
        assert (clean / "a").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)
