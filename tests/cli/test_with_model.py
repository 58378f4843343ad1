"""`ttc solve` on the small real model: what a file, a context and Ctrl-C can do to a run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import HANG, Ended, ctrl_c

from cli.calls import Call, write_script

PROBLEM = "What is 2 + 2?"
SECONDS_TO_END = 2.0  # of the processor


@pytest.fixture
def model(small_model_path: Path) -> str:
    return str(small_model_path)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ttcli", "solve", PROBLEM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(process: subprocess.Popen[str], *, after: float) -> Ended:
    """Send Ctrl-C so many seconds after the first line on stderr."""
    assert process.stderr is not None
    first = process.stderr.readline()
    time.sleep(after)
    ended = ctrl_c(process)
    return ended._replace(err=first + ended.err)


def test_a_real_model_answers_in_json(ttc: Call, model: str) -> None:
    result = ttc(
        "solve", PROBLEM, "-m", model, "-b", "3", "--max-tokens", "24", "--json", "-q", "--verifier", "confidence"
    )
    told = json.loads(result.out)
    assert result.code == (0 if told["answer"] else 1)
    assert len(told["candidates"]) == 3
    for candidate in told["candidates"]:
        assert (candidate["score"] is None) == (candidate["answer"] is None)
    assert told["cost"]["prompt_tokens"] > 10
    assert told["model"] == Path(model).name


def test_two_runs_at_once_give_what_one_gives_alone(clean: Path, model: str) -> None:
    arguments = ("-m", model, "-b", "2", "--width", "2", "--max-tokens", "16", "--json", "-q")
    processes = [start(*arguments) for _ in range(2)]
    told = []
    for process in processes:
        out, err = process.communicate(timeout=HANG)
        assert "Traceback" not in err
        told.append([candidate["text"] for candidate in json.loads(out)["candidates"]])
    assert told[0] == told[1]
    assert all(told[0])


def test_ctrl_c_ends_a_real_run_at_once(clean: Path, model: str) -> None:
    process = start("-m", model, "-b", "64", "--width", "8", "--show", "lines")
    code, out, err, seconds = interrupt(process, after=1.5)
    assert code == 130
    assert seconds < SECONDS_TO_END
    assert "Traceback" not in err
    assert "interrupted" in err
    assert out == "" or out.count("\n") == 1


def test_ctrl_c_prints_the_best_answer_so_far(clean: Path) -> None:
    endless = write_script(clean / "s.json", [{"text": "\\boxed{4}"}])
    process = start("-m", endless, "--method", "majority", "-b", "1000000", "--show", "lines")
    code, out, err, seconds = interrupt(process, after=0.5)
    assert (code, out) == (130, "4\n")
    assert seconds < SECONDS_TO_END
    assert " candidates agree; " in err.splitlines()[-2]
    assert err.splitlines()[-1] == "interrupted"
    assert "error" not in err


def test_ctrl_c_with_json_still_prints_the_object(clean: Path) -> None:
    endless = write_script(clean / "s.json", [{"text": "\\boxed{4}"}])
    process = start("-m", endless, "--method", "majority", "-b", "1000000", "--show", "lines", "--json")
    code, out, _, _ = interrupt(process, after=0.3)
    told = json.loads(out)
    assert (code, told["answer"], told["stopped"]) == (130, "4", "interrupt")


def test_ctrl_c_without_an_answer_says_so_and_prints_nothing(clean: Path) -> None:
    endless = write_script(clean / "s.json", [{"text": "who knows", "length": True}])
    process = start("-m", endless, "-b", "1000000", "--show", "lines")
    code, out, err, _ = interrupt(process, after=0.3)
    assert (code, out) == (130, "")
    error, last = err.splitlines()[-2:]
    assert error.startswith("error: no answer from ")
    assert last == "interrupted"


def test_ctrl_c_while_the_problem_is_typed_is_an_interrupt(clean: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", "solve", "-", "-m", "scripted:none"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("x" * 2**18)  # more than a pipe holds: this returns when it has begun to read
    process.stdin.flush()
    assert ctrl_c(process)[:3] == (130, "", "interrupted\n")


def test_a_truncated_model_is_an_error(ttc: Call, clean: Path, small_model_path: Path) -> None:
    whole = small_model_path.read_bytes()
    (clean / "half.gguf").write_bytes(whole[: len(whole) // 2])
    result = ttc("solve", PROBLEM, "-m", "half.gguf")
    assert (result.code, result.out) == (1, "")
    error, hint = result.err.splitlines()
    assert error.startswith("error: half.gguf is no usable GGUF: ")
    assert "behind its end" in error
    assert "damaged" in hint


def test_a_header_alone_is_an_error(ttc: Call, clean: Path, small_model_path: Path) -> None:
    for name, content in (("magic.gguf", b"GGUF"), ("zeros.gguf", b"GGUF" + bytes(1000))):
        (clean / name).write_bytes(content)
        result = ttc("solve", PROBLEM, "-m", name)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"error: {name} is no usable GGUF: ")
        assert len(result.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--max-tokens", "100000"], "the answer up to 100000, but", "--max-tokens 8"),
        (["--max-tokens", "8192"], "has a context of 8192", "--max-tokens 8"),
    ],
)
def test_an_answer_longer_than_the_context_is_an_error(
    ttc: Call, model: str, arguments: list[str], message: str, hint: str
) -> None:
    result = ttc("solve", PROBLEM, "-m", model, "--show", "none", *arguments)
    assert (result.code, result.out) == (1, "")
    assert message in result.err.splitlines()[0]
    assert hint in result.err.splitlines()[1]


def test_a_prompt_longer_than_the_context_is_an_error(ttc: Call, model: str) -> None:
    result = ttc("solve", "-m", model, "--show", "none", stdin="one more word and " * 3000)
    assert (result.code, result.out) == (1, "")
    error, hint = result.err.splitlines()
    assert error.startswith("error: the prompt takes ")
    assert "context of 8192" in error
    assert hint == "hint: shorten it, or choose a model with a longer context"


def test_a_scripted_verifier_needs_a_script(ttc: Call, model: str) -> None:
    result = ttc("solve", PROBLEM, "-m", model, "--verifier", "scripted")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: the scripted verifier goes with a scripted model\n")


def test_a_model_that_judges_itself(ttc: Call, model: str) -> None:
    dictated = "Write exactly this and nothing else: The answer is \\boxed{4}."
    limits = ("-b", "8", "--max-tokens", "40", "--temperature", "0.6")
    told = json.loads(ttc("solve", dictated, "-m", model, "--verifier", "judge", *limits, "--json", "-q").out)
    assert told["verifier"].startswith("judge:")
    answered = [candidate for candidate in told["candidates"] if candidate["answer"] is not None]
    assert answered
    assert all(0 <= candidate["score"] <= 1 for candidate in answered)
    assert told["cost"]["verifier_tokens"] > 20 * len(answered)


def test_a_time_budget_is_kept(ttc: Call, model: str) -> None:
    result = ttc("solve", PROBLEM, "-m", model, "--method", "majority", "-b", "1s", "--json", "-q")
    told = json.loads(result.out)
    # a quick machine may be done with what fits, and begin nothing that would not
    assert told["stopped"] == "budget" or told["cost"]["seconds"] < 1
    assert 0 < told["cost"]["seconds"] < 2
    assert result.code in (0, 1)


def test_nothing_of_llama_cpp_reaches_the_streams(ttc: Call, model: str) -> None:
    result = ttc("solve", PROBLEM, "-m", model, "-b", "1", "--max-tokens", "4", "-q")
    assert result.out == "" or result.out.count("\n") == 1
    assert all(line.startswith(("error: ", "hint: ")) for line in result.err.splitlines())
