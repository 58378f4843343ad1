"""Numbers, texts and files beyond all bounds: one clear error each, or none at all."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from patience import HANG

from cli.calls import Call

HUGE = "9" * 401


def data(path: Path, *rows: dict[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path.name


@pytest.mark.parametrize("threads", ["0", "-1", "4096", "65536"])
@pytest.mark.parametrize(
    "command", [["solve", "2 + 2?"], ["models", "tune", "qwen2.5-coder-0.5b"], ["bench", "d.jsonl"]]
)
def test_more_threads_than_make_sense_are_refused(here: Call, clean: Path, command: list[str], threads: str) -> None:
    data(clean / "d.jsonl", {"problem": "1", "answer": "1"})
    result = here(*command, "--threads", threads)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: --threads must be from 1 to {4 * (os.cpu_count() or 1)} on this machine")


def test_a_seed_that_no_store_keeps_is_refused_at_the_option(here: Call, clean: Path, script: str) -> None:
    name = data(clean / "d.jsonl", {"problem": "1", "answer": "1"})
    result = here("bench", name, "-m", script, "--seed", str(2**63))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: --seed must be from 0 to 2^63 - 1")
    assert here("bench", name, "-m", script, "--seed", str(2**63 - 1), "-q").code == 0


@pytest.mark.parametrize("field", ["answer", "id", "level", "subject"])
@pytest.mark.parametrize("more", [[], ["--skip-bad"]])
def test_a_number_of_hundreds_of_digits_is_a_number(
    here: Call, clean: Path, script: str, field: str, more: list[str]
) -> None:
    row = {"problem": "What is 2 + 2?", "answer": "4", field: "HUGE"}
    text = json.dumps(row).replace('"HUGE"', HUGE) + "\n" + json.dumps({"problem": "x", "answer": "4"})
    (clean / "d.jsonl").write_text(text, encoding="utf-8")
    assert here("bench", "d.jsonl", "-m", script, "--budget", "2", "-q", *more).code == 0
    assert here("runs", "export", "last").code == 0
    (clean / "g.jsonl").write_text(text.replace("}", ', "text": "It is 4."}'), encoding="utf-8")
    assert here("grade", "g.jsonl", "-q", *more).code == 0


def test_a_check_is_told_a_long_problem_by_a_file(here: Call, clean: Path, script: str) -> None:
    (clean / "long.txt").write_text("What is 2 + 2? " + "é" * 500_000, encoding="utf-8")
    check = 'command:sh -c \'test -z "$TTC_PROBLEM" && test "$(wc -c < $TTC_PROBLEM_FILE)" -eq 1000015\''
    result = here("solve", "@long.txt", "-m", script, "--verifier", check, "--budget", "2", "--json")
    assert result.code == 0, result.err
    scores = [each["score"] for each in json.loads(result.out)["candidates"]]
    assert scores == [None, 1.0]  # the first has no answer


def test_a_data_set_may_have_a_name_that_is_no_text(ttc: Call, clean: Path, script: str) -> None:
    name = b"d\xff.jsonl"
    try:
        (clean / os.fsdecode(name)).write_text('{"problem": "2 + 2?", "answer": "4"}\n', encoding="utf-8")
    except OSError:
        pytest.skip("the file system takes no such name")
    result = ttc("bench", os.fsdecode(name), "-m", script, "--budget", "2")
    assert result.code == 0, result.err
    assert "d\ufffd.jsonl" in ttc("runs", "list").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["solve", "@/dev/zero"], ["bench", "/dev/zero"], ["grade", "/dev/zero"],
        ["verify", "/dev/zero", "--verifier", "judge"], ["show", "/dev/zero"],
        ["bench", "bomb.gz"], ["grade", "bomb.gz"],
    ],
)  # fmt: skip
def test_what_has_no_end_is_not_read_to_its_end(here: Call, clean: Path, arguments: list[str]) -> None:
    if "bomb.gz" in arguments:
        (clean / "bomb.gz").write_bytes(gzip.compress(bytes(100 << 20)))
    result = here(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "it holds more than" in result.err
    assert len(result.err.splitlines()) == 2


@pytest.mark.parametrize("arguments", [["solve", "@pipe", "-m", "scripted:script.json"], ["grade", "pipe"]])
def test_a_pipe_that_nobody_writes_to_says_what_it_waits_for(clean: Path, script: str, arguments: list[str]) -> None:
    os.mkfifo(clean / "pipe")
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting for somebody to write to pipe\n"
    row = '{"problem": "2 + 2?", "answer": "4", "text": "It is 4."}'
    threading.Thread(target=lambda: (clean / "pipe").write_text(row, encoding="utf-8"), daemon=True).start()
    process.communicate(timeout=HANG)
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments",
    [
        *(["--version"], ["--help"], ["solve", "2 + 2?", "-m", "scripted:script.json"], ["models", "list"]),
        ["solve", "2 + 2?", "-m", "scripted:script.json", "--json"],
        ["bench", "d.jsonl", "-m", "scripted:script.json"],
        *(["runs", "list"], ["runs", "list", "--json"], ["runs", "show"], ["runs", "export", "last"], ["report"]),
        *(["show", "last", "--method", "majority"], ["grade", "g.jsonl"], ["config", "show"]),
        ["compare", "last", "last"],
        *(["models", "info", "qwen2.5-coder-0.5b"], ["runs", "export", "last", "-o", "/dev/full"]),
        *(["report", "-o", "/dev/full"], ["grade", "g.jsonl", "-o", "/dev/full"]),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_full_disk_is_one_error(clean: Path, script: str, arguments: list[str]) -> None:
    data(clean / "d.jsonl", {"problem": "What is 2 + 2?", "answer": "4"})
    data(clean / "g.jsonl", {"answer": "4", "text": "It is 4."})
    run = [sys.executable, "-m", "ttcli"]
    if arguments[0] in ("runs", "show", "report", "compare"):
        subprocess.run([*run, "bench", "d.jsonl", "-m", script, "-q"], check=True, capture_output=True, timeout=HANG)
    with Path("/dev/full").open("w") as full:
        env = {**os.environ, "TTC_SEED": "1"} if arguments[0] == "config" else None
        done = subprocess.run(
            [*run, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=HANG, check=False, env=env
        )
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: cannot write")
    assert errors[0].endswith("No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_neither_stream_can_be_written_and_there_is_no_traceback_anywhere(clean: Path, script: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ttcli", "--version"], stdout=full, stderr=full, timeout=HANG, check=False
        )
    assert done.returncode in (1, 120)
