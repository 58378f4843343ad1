"""`ttc serve` from the shell: what it says, how it ends, and what it refuses before any model is loaded."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.request

import pytest
from patience import HANG, ctrl_c

from cli.calls import Call

NOWHERE = ("serve", "-m", "scripted:nowhere.json")


def test_it_says_where_it_is_answers_and_ends_with_ctrl_c(script: str) -> None:
    command = [sys.executable, "-m", "ttcli", "serve", "-m", script, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        found = re.search(r"scripted is served at (http://127.0.0.1:\d+/v1); Ctrl-C", first)
        assert found is not None, first + process.stderr.read()
        body = {"model": "scripted:majority-4", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
        request = urllib.request.Request(
            f"{found[1]}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=HANG) as reply:
            assert json.load(reply)["ttc"]["cost"]["generations"] == 4
        ended = ctrl_c(process)
    assert (ended.code, ended.out) == (130, "")
    assert "scripted:majority-4: 200 4 texts" in ended.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--port", "70000"], "--port must be from 0 to 65535"),
        (["--timeout", "0"], "--timeout must be above 0"),
        (["--queue", "0"], "--queue must be from 1"),
        (["--prompt-words", "0"], "--prompt-words must be at least 1"),
        (["--api-key-env", "TTC_TEST_NO_KEY"], "TTC_TEST_NO_KEY holds no key"),
        (["--budget", "many"], "is not a budget"),
        (["--verifier", "magic"], "no verifier 'magic'"),
        (["--host", "203.0.113.1"], "cannot listen on 203.0.113.1"),
        ([], "cannot read the script"),
    ],
)
def test_what_cannot_be_is_one_error_with_a_hint(here: Call, options: list[str], says: str) -> None:
    result = here(*NOWHERE, *(options or ["--port", "0"]))
    assert (result.code in (1, 2), result.out, says in result.err) == (True, "", True), result.err
    assert result.err.count("error: ") == 1


def test_a_port_in_use_is_said_before_the_model(here: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = here(*NOWHERE, "--port", str(taken.getsockname()[1]))
    assert (result.code, "in use" in result.err, "--port 0" in result.err) == (2, True, True)


def test_without_the_packages_there_is_a_hint(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttcli.cli.serve.find_spec", lambda _name: None)
    result = here(*NOWHERE)
    assert (result.code, "pip install 'ttcli[serve]'" in result.err) == (2, True)
