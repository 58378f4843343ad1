from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import ctrl_c

from cli.calls import Call
from ttcli.data.solutions import Solution
from ttcli.problem import Problem
from ttcli.runtime.verify import Verified
from ttcli.seams import StepScores
from ttcli.terminal.verified import print_verified

ROWS = [
    {"id": "a", "question": "What is 2 + 2?", "solution": "Two and two.\n\nIt is \\boxed{4}.", "answer": "4"},
    {"problem": "What is 2 + 2?", "text": "\\boxed{5}"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
FOUR = "command:sh -c 'test \"$TTC_ANSWER\" = 4'"


def test_given_solutions_are_scored_a_line_each(here: Call) -> None:
    result = here("verify", "--verifier", FOUR, stdin=LINES)
    assert result.code == 0
    assert [json.loads(line) for line in result.out.splitlines()] == [
        {
            "version": 1,
            "id": "a",
            "score": 1.0,
            "steps": [{"text": "Two and two.\n\n", "score": None}, {"text": "It is \\boxed{4}.", "score": None}],
            "tokens": 0,
        },
        {"version": 1, "id": "2", "score": 0.0, "steps": [{"text": "\\boxed{5}", "score": None}], "tokens": 0},
    ]
    assert result.err == ""


def test_a_command_may_be_given_the_code_of_solutions_alone(here: Call) -> None:
    texts = ["```\nexit 0\n```\nDone.", "```\nexit 1\n```", "no code at all"]
    rows = "".join(json.dumps({"problem": "Write a script.", "text": text}) + "\n" for text in texts)
    result = here("verify", "--verifier", "command:sh", "--extract", "code", stdin=rows)
    assert [json.loads(line)["score"] for line in result.out.splitlines()] == [1.0, 0.0, 0.0]
    result = here("verify", "--verifier", "judge", "--extract", "code", stdin=rows)
    assert (result.code, result.err.splitlines()[0]) == (2, "error: no command checks anything here")


def test_a_file_is_read_as_stdin_is(here: Call, clean: Path) -> None:
    (clean / "s.jsonl").write_text(LINES, encoding="utf-8")
    assert here("verify", "s.jsonl", "--verifier", FOUR) == here("verify", "-", "--verifier", FOUR, stdin=LINES)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"problem": "x"}', "no solution: `solution` or `text` must hold it"),
        ('{"solution": "x"}', "no problem: `problem` or `question` must hold text"),
        ("[1]", "not a JSON object"),
        ('{"problem": ', "not JSON: "),
        ('{"problem": "x", "solution": " "}', "no solution"),
        ('{"problem": "x", "solution": ["y"]}', "`solution` is neither text nor a number"),
    ],
)
def test_a_bad_row_is_told_with_its_line_or_left_out(here: Call, row: str, reason: str) -> None:
    result = here("verify", "--verifier", FOUR, stdin=LINES + row + "\n")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: stdin, line 3: {reason}")
    assert "--skip-bad" in result.err
    result = here("verify", "--verifier", FOUR, "--skip-bad", stdin=row + "\n" + LINES)
    assert result.code == 0
    assert [json.loads(line)["id"] for line in result.out.splitlines()] == ["a", "3"]
    assert result.err.startswith(f"line 1 left out: {reason}")


@pytest.mark.parametrize(
    ("arguments", "stdin", "error", "hint"),
    [
        (["--verifier", FOUR], "", "stdin is empty", "solution"),
        (["--verifier", FOUR, "--skip-bad"], "{}\n", "stdin has no usable row; line 1: ", "solution"),
        (["nowhere.jsonl", "--verifier", FOUR], "", "cannot read nowhere.jsonl", ".jsonl"),
        ([], LINES, "there is no verifier", "--verifier judge"),
        (["--verifier", "confidence"], LINES, "confidence goes by the probabilities of tokens", "prm:MODEL"),
        (["--verifier", "confidence:weakest"], LINES, "confidence:weakest goes by", "prm:MODEL"),
        (["--verifier", "scripted"], LINES, "scripted goes by", "prm:MODEL"),
        (["--verifier", FOUR, "--aggregate", "min"], LINES, "gives one score for the whole", "--aggregate"),
        (["--verifier", "command:./nope"], LINES, "there is no program ./nope", "path"),
        (["--verifier", "command:true", "--command-timeout", "0"], LINES, "--command-timeout must be", "30"),
    ],
)
def test_what_cannot_be_verified_is_said_with_a_hint(
    here: Call, arguments: list[str], stdin: str, error: str, hint: str
) -> None:
    result = here("verify", *arguments, stdin=stdin)
    assert (result.code, result.out) == (2, "")
    first, second = result.err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second


def test_a_check_that_does_what_no_check_does_ends_it(here: Call) -> None:
    result = here("verify", "--verifier", "command:sh -c 'exit 3'", stdin=LINES)
    assert (result.code, result.out) == (1, "")
    assert "ended with status 3" in result.err


def test_ctrl_c_ends_it_at_once_and_keeps_what_was_printed(clean: Path) -> None:
    rows = "".join(json.dumps({"problem": "x", "solution": str(number)}) + "\n" for number in range(17))
    (clean / "s.jsonl").write_text(rows, encoding="utf-8")
    check = "command:sh -c 'read x; test $x -lt 16 || sleep 100'"
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", "verify", "s.jsonl", "--verifier", check],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(16)]
    time.sleep(0.3)
    ended = ctrl_c(process)
    assert ended.seconds < 2
    assert ended[:3] == (130, "", "interrupted\n")
    assert [json.loads(line)["id"] for line in lines] == [str(number) for number in range(1, 17)]


def test_a_terminal_shows_each_step_with_its_score_in_figures_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    steps = ("First, [b]this[/b] long line is wrapped to fit.\n\n", "It is\n\\boxed{4}.")
    one = Solution(1, "a", Problem("?"), "".join(steps))
    print_verified(Verified(one, steps, StepScores(0.25, (0.9, 0.25), 7)))
    print_verified(Verified(one, steps, StepScores(0.5, (), 7)))
    print_verified(Verified(one, steps[1:], None))
    assert capsys.readouterr().out.splitlines() == [
        "a  ██░░░░░░ 0.25",
        "███████░ 0.90  First, [b]this[/b] long",
        "               line is wrapped to fit.",
        "██░░░░░░ 0.25  It is",
        "               \\boxed{4}.",
        "",
        "a  ████░░░░ 0.50",
        "               First, [b]this[/b] long",
        "               line is wrapped to fit.",
        "               It is",
        "               \\boxed{4}.",
        "",
        "a  too long for the verifier",
        "               It is",
        "               \\boxed{4}.",
        "",
    ]


def test_a_model_says_how_likely_it_finds_solutions_and_their_steps(
    here: Call, clean: Path, tiny_path: Callable[[str], Path]
) -> None:
    (clean / "tiny.gguf").symlink_to(tiny_path("llama"))
    result = here("verify", "--verifier", "likelihood:tiny.gguf", stdin=LINES)
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert (result.code, len(rows)) == (0, len(LINES.splitlines()))
    for row in rows:
        assert all(0 < score < 1 for score in (row["score"], *(step["score"] for step in row["steps"])))
        assert row["tokens"] > 0
    result = here("verify", "--verifier", "likelihood:", stdin=LINES)
    assert (result.code, result.out) == (2, "")
    assert "there is no verifier 'likelihood:'" in result.err


def test_a_real_process_reward_model_scores_the_steps(here: Call, clean: Path, small_model_path: Path) -> None:
    (clean / "prm.gguf").symlink_to(small_model_path)
    toml = '[verifier]\nkind = "prm"\nform = "step-tag"\ngood = "+"\nbad = "-"\ntag = "ки"\n'
    (clean / "prm.toml").write_text(toml, encoding="utf-8")
    told = [
        [json.loads(line) for line in here("verify", "--verifier", "prm:prm.gguf", *more, stdin=LINES).out.splitlines()]
        for more in ([], ["--aggregate", "mean"])
    ]
    for last, mean in zip(*told, strict=True):
        scores = [step["score"] for step in last["steps"]]
        assert last["score"] == scores[-1]
        assert mean["score"] == pytest.approx(sum(scores) / len(scores))
        assert last["tokens"] == mean["tokens"] > 0
    assert told[0][1]["tokens"] < told[0][0]["tokens"]  # the problem was read once
    long = json.dumps({"problem": "x", "solution": "and so on " * 9000}) + "\n"
    result = here("verify", "--verifier", "prm:prm.gguf", stdin=LINES + long)
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row["score"] for row in rows] == [*(row["score"] for row in told[0]), None]
    (clean / "prm.toml").write_text(toml.replace('good = "+"', 'good = "certainly"'), encoding="utf-8")
    result = here("verify", "--verifier", "prm:prm.gguf", stdin=LINES)
    assert (result.code, result.out) == (1, "")
    assert "writes the label 'certainly' as" in result.err
