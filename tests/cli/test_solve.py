"""`ttc solve` on scripts: streams, sources of the problem, and what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG

from cli.calls import LINES, Call, write_script
from ttcli import __version__

PROBLEM = "What is 2 + 2?"


def test_stdout_is_exactly_the_answer_and_stderr_tells_the_story(ttc: Call, script: str) -> None:
    result = ttc("solve", PROBLEM, "--model", script, "--budget", "8", "--method", "majority")
    assert (result.code, result.out) == (0, "4\n")
    lines = result.err.splitlines()
    assert lines[0] == "majority, scripted, budget 8 generations, seed 0"
    assert sum(line.startswith("candidate ") for line in lines) == 8
    assert lines[-3].startswith("votes: 4 x ")
    assert " of 8 candidates agree; " in lines[-2]
    assert lines[-1] == "2 of 8 candidates ran into a token limit; --max-tokens 2048 gives them more"


def test_quiet_says_nothing_but_the_answer(ttc: Call, script: str) -> None:
    assert ttc("solve", PROBLEM, "-m", script, "-q") == (0, "4\n", "")


def test_json_is_one_object_on_one_line(ttc: Call, script: str) -> None:
    result = ttc("solve", "2 + 2, très vite?", "-m", script, "--json", "-q", "-b", "8", "--verifier", "scripted")
    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1
    told = json.loads(result.out)
    assert (told["version"], told["ttc"], told["answer"], told["budget"]) == (1, __version__, "4", "8")
    assert (told["method"], told["verifier"], told["problem"]) == ("best-of-n", "scripted", "2 + 2, très vite?")
    assert "très" in result.out
    assert len(told["candidates"]) == 8


def test_json_goes_with_the_lines_on_stderr(here: Call, script: str) -> None:
    result = here("solve", PROBLEM, "-m", script, "--json")
    assert json.loads(result.out)["answer"] == "4"
    assert result.err.startswith("auto, scripted, budget 16 generations, seed 0\n")


def test_the_same_command_gives_the_same_candidates(here: Call, script: str) -> None:
    runs = [json.loads(here("solve", PROBLEM, "-m", script, "--json", "-q", "--seed", seed).out) for seed in "778"]
    assert runs[0]["candidates"] == runs[1]["candidates"] != runs[2]["candidates"]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_a_problem_may_come_from_stdin(ttc: Call, script: str, arguments: list[str]) -> None:
    told = ttc("solve", *arguments, "-m", script, "--json", "-q", stdin=f"\n {PROBLEM}\nté\n\n")
    assert json.loads(told.out)["problem"] == f"{PROBLEM}\nté"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_problem_may_come_from_a_file(here: Call, script: str, clean: Path, mark: bytes) -> None:
    (clean / "problem.txt").write_bytes(mark + "Combien font 2 + 2 à peu près?\n".encode())
    told = json.loads(here("solve", "@problem.txt", "-m", script, "--json", "-q").out)
    assert told["problem"] == "Combien font 2 + 2 à peu près?"


@pytest.mark.parametrize(
    ("argument", "stdin", "message"),
    [
        ("-", "", "stdin is empty"),
        ("-", " \n\t\n", "stdin is empty"),
        ("", "", "the problem is empty"),
        ("@empty.txt", "", "empty.txt is empty"),
        ("@missing.txt", "", "cannot read missing.txt: No such file or directory"),
        ("@.", "", "cannot read .: Is a directory"),
        ("@", "", "there is no file name after the @"),
        ("@latin.txt", "", "latin.txt is not UTF-8 text"),
    ],
)
def test_without_a_problem_it_says_why(
    here: Call, script: str, clean: Path, argument: str, stdin: str, message: str
) -> None:
    (clean / "empty.txt").touch()
    (clean / "latin.txt").write_bytes("à".encode("latin-1"))
    result = here("solve", argument, "-m", script, stdin=stdin)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == f"error: {message}"
    assert result.err.splitlines()[1].startswith("hint: ")
    assert len(result.err.splitlines()) == 2


def test_bytes_that_are_no_text_are_refused_wherever_they_come_from(ttc: Call, script: str) -> None:
    result = ttc("solve", "-m", script, stdin=b"\xff\xfe2")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: stdin is not UTF-8 text")
    result = ttc("solve", os.fsdecode(b"2 \xff 2"), "-m", script)
    assert (result.code, result.err.splitlines()[0]) == (2, "error: the problem is not UTF-8 text")


BAD = [
    (["--budget", "0"], 2, "a budget of 0 buys nothing", "16 (generations)"),
    (["--budget", "-1"], 2, "'-1' is not a budget", "30s (seconds)"),
    (["--budget", "abc"], 2, "'abc' is not a budget", "20000tok (tokens)"),
    (["--budget", "1.5"], 2, "'1.5' is not a whole number of generations", "16 (generations)"),
    (["--method", "beams"], 2, "there is no method 'beams'", "one of auto, adaptive, majority, best-of-n"),
    (["--method", "beam:q=1"], 2, "beam has no setting 'q'", "beam:m=4,n=16"),
    (["--method", "beam", "-b", "11"], 2, "beam takes beams in multiples of 2; a budget of 11 makes 11", "--budget 12"),
    (["--verifier", "prm"], 2, "there is no verifier 'prm'", "one of confidence, "),
    (["--method", "majority", "--verifier", "confidence"], 2, "majority scores nothing", "--method best-of-n"),
    (["--verifier", "judge"], 2, "a script cannot judge", "--verifier scripted"),
    (["--width", "0"], 2, "--width must be from 1 to 240, not 0", "--width 32"),
    (["--width", "500"], 2, "--width must be from 1 to 240, not 500", "--width 32"),
    (["--threads", "0"], 2, "--threads must be from 1 to ", "leave it out"),
    (["--max-tokens", "0"], 2, "--max-tokens must be at least 1, not 0", "--max-tokens 1024"),
    (["--max-tokens", "many"], 2, "Invalid value for '--max-tokens'", "ttc solve --help"),
    (["--seed", "-1"], 2, "--seed must be from 0 to 2^63 - 1, not -1", "--seed 0"),
    (["--seed", "x"], 2, "Invalid value for '--seed'", "ttc solve --help"),
    (["--show", "film"], 2, "Invalid value for '--show': 'film' is not one of 'auto', 'tree', 'lines', 'none'", "ttc"),
    (["--frobnicate"], 2, "No such option: --frobnicate", "ttc solve --help"),
    (["one too many"], 2, "Got unexpected extra argument", "ttc solve --help"),
    (["--model", "scripted:missing.json"], 1, "cannot read the script missing.json: No such file", ""),
    (["--model", "scripted:bad.json"], 1, "bad.json is no script", '{"": [{"text"'),
    (["--model", "qwen2.5-coder-0.5"], 1, "'qwen2.5-coder-0.5'; did you mean 'qwen2.5-coder-0.5b'?", "ttc models list"),
    (["--model", "no-such-model-at-all"], 1, "unknown model 'no-such-model-at-all'", "ttc models list"),
    (["--model", "./missing.gguf"], 1, "no such file: ./missing.gguf", "hf:OWNER/REPO/FILE.gguf"),
    (["--model", "bad.json"], 1, "bad.json is not a GGUF file", "ttc models list"),
    (["--model", "bad.gguf"], 1, "bad.gguf is not a GGUF file", "ttc models list"),
    (["--model", "."], 1, "bad.gguf is not a GGUF file", "ttc models list"),
    (["--model", ""], 1, "unknown model ''", "ttc models list"),
    (["--model", "bad.gguf", "--temperature", "nan"], 2, "--temperature must be from 0 to 5, not nan", "0.8"),
    (["--model", "bad.gguf", "--temperature", "-1"], 2, "--temperature must be from 0 to 5, not -1", "0.8"),
    (["--model", "bad.gguf", "--top-p", "2"], 2, "--top-p must be above 0 and at most 1", "0.95"),
    (["--answer", "poem"], 2, "--answer 'poem' is no form of an answer", "boxed"),
    (["--output", "all"], 2, "Invalid value for '--output': 'all' is not one of 'answer', 'solution'", "ttc solve"),
    (["--output", "solution", "--json"], 2, "--json tells all solutions already", "leave out --json"),
    (["--extract", "code"], 2, "no command checks anything here", "--verifier command:CMD"),
    (["--extract", "text"], 2, "Invalid value for '--extract'", "ttc solve --help"),
    (["--offline"], 1, "qwen2.5-coder-0.5b is not on this machine, and --offline", "ttc models pull"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message", "hint"), BAD, ids=[" ".join(bad[0]) for bad in BAD])
def test_what_cannot_be_done_is_said_in_one_line_with_what_to_type_next(
    here: Call, script: str, clean: Path, arguments: list[str], code: int, message: str, hint: str
) -> None:
    (clean / "bad.json").write_text("[1]", encoding="utf-8")
    (clean / "bad.gguf").write_text("no GGUF", encoding="utf-8")
    model = [] if {"--model", "--offline"} & set(arguments) else ["--model", script]
    result = here("solve", PROBLEM, *model, *arguments)
    assert (result.code, result.out) == (code, "")
    first, *rest = result.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert len(rest) == bool(hint)
    assert all(line.startswith("hint: ") and hint in line for line in rest)


@pytest.mark.parametrize("budget", ["10tok", "30 tokens", "0.5s", "2sec", "1"])
def test_a_small_budget_is_spent_and_voted_upon(here: Call, script: str, budget: str) -> None:
    result = here(
        "solve", PROBLEM, "-m", script, "-b", budget, "--max-tokens", "6", "--method", "majority", "--json", "-q"
    )
    told = json.loads(result.out)
    assert result.code == (0 if told["answer"] else 1)
    assert told["candidates"]
    assert told["cost"]["tokens"] < 10 + 4 or budget != "10tok"


def test_no_answer_is_a_failure_that_leaves_stdout_empty(ttc: Call, clean: Path) -> None:
    silent = write_script(clean / "silent.json", [LINES[2]])
    result = ttc("solve", PROBLEM, "-m", silent, "-b", "3", "-q")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == [
        "error: no answer from 3 candidates: 3 cut at 1,024 tokens",
        "hint: --max-tokens 2048",
    ]


def test_no_answer_in_json_is_null(here: Call, clean: Path) -> None:
    silent = write_script(clean / "silent.json", [LINES[2]])
    result = here("solve", PROBLEM, "-m", silent, "-b", "1", "-q", "--json")
    assert (result.code, json.loads(result.out)["answer"]) == (1, None)
    assert result.err.startswith("error: no answer from 1 candidate: 1 cut at 1,024 tokens\n")


def test_an_answer_of_many_lines_is_printed_on_one(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": "\\boxed{\\begin{matrix}1 \\\\\n2\x1b[2J\\end{matrix}}"}])
    result = here("solve", PROBLEM, "-m", model, "-b", "1")
    assert result.out == "\\begin{matrix}1 \\\\ 2\ufffd[2J\\end{matrix}\n"


@pytest.mark.parametrize("show", ["tree", "lines", "none"])
def test_what_to_show_on_stderr_can_be_chosen(here: Call, script: str, show: str) -> None:
    result = here("solve", PROBLEM, "-m", script, "--show", show, "-b", "8")
    assert result.out == "4\n"
    assert ("├── " in result.err, "candidate 1: " in result.err, bool(result.err)) == {
        "tree": (True, False, True), "lines": (False, True, True), "none": (False, False, False),
    }[show]  # fmt: skip
    assert result.err == "" or result.err.endswith(" s\n")


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_an_ascii_locale_gets_ascii(ttc: Call, clean: Path, extra: list[str]) -> None:
    model = write_script(clean / "s.json", [{"text": "\\boxed{größe}"}])
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    result = ttc("solve", "Wie groß?", "-m", model, "--show", "tree", "-b", "2", *extra, env=env)
    assert result.code == 0
    assert result.out.isascii()
    assert result.err.isascii()
    assert "`-- *" in result.err
    if extra:
        assert json.loads(result.out)["answer"] == "größe"
    else:
        assert result.out == "gr\\xf6\\xdfe\n"


def test_the_c_locale_alone_works(ttc: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": "\\boxed{größe}"}])
    result = ttc("solve", "Wie groß?", "-m", model, "-q", env={"LC_ALL": "C", "LANG": "C"})
    assert (result.code, result.out) == (0, "größe\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_are_no_reason_to_fail(script: str, closed: str) -> None:
    command = f'"$0" -m ttcli solve "2 + 2?" -m {script} {closed}'
    done = subprocess.run(["/bin/sh", "-c", command, sys.executable], capture_output=True, timeout=HANG, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert done.stdout == (b"" if closed == ">&-" else b"4\n")


@pytest.mark.parametrize(
    "arguments", ["solve 2 -q", "solve 2 -q --json", "solve 2", "--help", "solve --help", "models list"]
)
def test_a_reader_that_leaves_early_gets_no_traceback(script: str, arguments: str) -> None:
    model = f"-m {script}" if "solve 2" in arguments else ""
    command = f'{{ "$0" -m ttcli {arguments} {model}; echo $? >&2; }} | head -c0'
    done = subprocess.run(["/bin/sh", "-c", command, sys.executable], capture_output=True, timeout=HANG, check=False)
    assert "Traceback" not in done.stderr.decode()
    assert "Exception" not in done.stderr.decode()
    assert done.stderr.decode().splitlines()[-1] in {"0", "1"}


def test_a_ratio_is_short_for_that_of_revise(here: Call, script: str) -> None:
    told = [
        json.loads(here("solve", PROBLEM, "-m", script, "-q", "--json", "-b", "8", *arguments).out)
        for arguments in (["--method", "revise", "--ratio", "2"], ["--method", "revise:ratio=2"])
    ]
    assert told[0]["method"] == "revise:ratio=2"
    assert told[0]["candidates"] == told[1]["candidates"]
    assert {(each["chain"], each["attempt"]) for each in told[0]["candidates"]} == {
        (chain, attempt) for chain in range(2) for attempt in range(4)
    }


def test_lines_say_where_in_its_chain_an_attempt_is(here: Call, script: str) -> None:
    result = here("solve", PROBLEM, "-m", script, "-b", "4", "--method", "revise", "--show", "lines")
    assert [line.partition(":")[0] for line in result.err.splitlines() if line.startswith("candidate")] == [
        "candidate 1 (chain 1, attempt 1)",
        "candidate 2 (chain 2, attempt 1)",
        "candidate 3 (chain 1, attempt 2)",
        "candidate 4 (chain 2, attempt 2)",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--ratio", "1"], "--ratio is about chains of revisions"),
        (["--method", "beam", "--ratio", "1"], "--ratio is about chains of revisions"),
        (["--method", "revise:ratio=1", "--ratio", "4"], "revise is given ratio twice"),
        (["--method", "revise", "--ratio", "3"], "16 generations make no whole chains at a ratio of 3"),
        (["--method", "revise", "--ratio", "one"], "ratio of revise must be above 0"),
        (["--method", "majority", "--reviser", "x.gguf"], "nothing is revised here"),
        (["--method", "revise", "--reviser", "x.gguf"], "a script has no weights for --reviser to change"),
    ],
)
def test_what_revisions_cannot_do_is_said_with_a_hint(
    here: Call, script: str, arguments: list[str], complaint: str
) -> None:
    result = here("solve", PROBLEM, "-m", script, *arguments)
    assert (result.code, result.out) == (2, "")
    assert complaint in result.err
    assert "\nhint: " in result.err
