"""`ttc solve --policy` on a server that says what a test wants of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from patience import HANG, ctrl_c
from policy.server.fake_server import FakeServer, hangs

from cli.calls import Call
from ttcli.errors import UsageError
from ttcli.runtime.settings import Settings

PROBLEM = "What is 2 + 2?"
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(["It is \\boxed{4}.", "So it is \\boxed{4}.", "\\boxed{5}"]) as running:
        yield running


def test_a_server_draws_and_ttc_votes(ttc: Call, server: FakeServer) -> None:
    result = ttc("solve", PROBLEM, "--policy", server.url, "--json", "-b", "8", "--verifier", "confidence")
    told = json.loads(result.out)
    assert (result.code, told["answer"], told["model"], len(told["candidates"])) == (0, "4", "fake", 8)
    assert told["cost"]["policy_tokens"] == sum(candidate["tokens"] for candidate in told["candidates"])
    assert told["cost"]["flops"] == told["cost"]["prompt_tokens"] == 0
    assert all(candidate["score"] == pytest.approx(0.6065, abs=1e-3) for candidate in told["candidates"])


def test_the_variable_names_a_server_too_and_the_model_is_one_of_its(
    here: Call, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.models = ("a", "b")
    monkeypatch.setenv("TTC_POLICY", server.url)
    assert here("solve", PROBLEM, "-q", "-b", "3", "--model", "b") == (0, "4\n", "")
    assert {body["model"] for body in server.bodies} == {"b"}
    result = here("solve", PROBLEM)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith(" has several models: a, b\nhint: --model a\n")


def test_width_is_how_many_grow_at_once(here: Call, server: FakeServer) -> None:
    assert here("solve", PROBLEM, "--policy", server.url, "-q", "--width", "2", "-b", "6").code == 0
    assert server.most_at_once <= 2


@pytest.mark.parametrize("quiet", [False, True])
def test_what_the_server_does_not_know_is_told_once_behind_the_run(here: Call, server: FakeServer, quiet: bool) -> None:
    server.refuses = {"top_k": "unknown: top_k"}
    result = here("solve", PROBLEM, "--policy", server.url, "-b", "4", *["-q"] * quiet)
    assert result.code == 0
    assert result.err.count("does not know top_k") == (not quiet)


def test_without_log_probabilities_confidence_is_an_error_and_a_vote_is_none(here: Call, server: FakeServer) -> None:
    server.logprobs = False
    arguments = ("solve", PROBLEM, "--policy", server.url, "-q", "-b", "4")
    assert here(*arguments).code == 0
    result = here(*arguments, "--method", "best-of-n")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(
        "error: the server gives no log-probabilities, so confidence has nothing to score by\n"
    )
    told = json.loads(here(*arguments, "--json").out)
    assert {candidate["logprob"] for candidate in told["candidates"]} == {None}


BAD = [
    (["--policy", "localhost:8000"], 2, "--policy takes the URL of a server", "--policy http://localhost:8000/v1"),
    (["--policy", "http://me:word@host/v1"], 2, "--policy has credentials in its URL", "TTC_API_KEY"),
    (["--policy", "http://192.0.2.1/v1", "--offline"], 2, "192.0.2.1/v1 is another machine", "leave out --offline"),
    (["--policy", NOWHERE, "-m", "x", "--verifier", "judge"], 2, "does not judge its own", "--verifier judge:MODEL"),
    (["--policy", NOWHERE, "-m", "x", "--verifier", "scripted"], 2, "the scripted verifier goes", "confidence"),
    (["--policy", NOWHERE, "-m", "x", "--temperature", "nan"], 2, "--temperature must be from 0 to 5", "0.8"),
]


@pytest.mark.parametrize(("arguments", "code", "message", "hint"), BAD, ids=[" ".join(bad[0]) for bad in BAD])
def test_what_cannot_be_done_is_said_with_what_to_type_next(
    here: Call, arguments: list[str], code: int, message: str, hint: str
) -> None:
    result = here("solve", PROBLEM, *arguments)
    assert (result.code, result.out) == (code, "")
    error, said = result.err.splitlines()
    assert message in error
    assert hint in said


def test_offline_allows_a_server_on_this_machine(here: Call, server: FakeServer) -> None:
    assert here("solve", PROBLEM, "--policy", server.url, "--offline", "-q", "-b", "2").code == 0


@pytest.mark.parametrize("bad", [{"policy": ""}, {"model": None}, {"policy": "http://192.0.2.1/v1", "offline": True}])
def test_settings_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**bad)
    assert caught.value.hint


def test_ctrl_c_ends_a_run_on_a_server_that_says_nothing(clean: object, server: FakeServer) -> None:
    server.faults.extend([hangs] * 9)
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", "solve", PROBLEM, "--policy", server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + HANG
    while not server.bodies and time.monotonic() < deadline:
        time.sleep(0.01)
    ended = ctrl_c(process)
    assert ended.seconds < 2
    assert (ended.code, ended.out) == (130, "")
    assert "Traceback" not in ended.err


def test_help_names_the_option_and_loads_no_http(ttc: Call) -> None:
    assert "--policy" in ttc("solve", "--help").out
    program = "import sys\nfrom ttcli.cli.main import run\nrun(['solve', '--help'])\nprint('httpx2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG, check=True)
    assert done.stdout.endswith("False\n")
