"""The policy on llama-cpp-python's server with the small model: what a real server does.

It draws one text at a time, ignores `n` and `stream_options`, gives log-probabilities where `top_logprobs` is sent too,
opens a new turn after a partial answer, and ends a stream without a word where the prompt is too long.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from patience import HANG, SOON, quickest

from ttcli.engine.params import SamplingParams
from ttcli.errors import BackendError, PromptTooLong
from ttcli.policy.prompt import Prompt
from ttcli.policy.server.address import Address
from ttcli.policy.server.patience import Patience
from ttcli.policy.server.policy import ServerPolicy
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Growth
from ttcli.solution import Ended
from ttcli.verifier.confidence import Confidence

STORY = Problem("Write a long story about a dog and a cat.")
_LAUNCHER = Path(__file__).with_name("llama_cpp_server.py")
_KEY = "sk-real-server"


@contextmanager
def running(model: Path) -> Iterator[str]:
    """The server's URL, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"model": model, "model_alias": "small", "host": "127.0.0.1", "port": port, "n_ctx": 1024}
    options |= {"n_threads": 2, "verbose": False, "interrupt_requests": False, "api_key": _KEY}
    command = [sys.executable, str(_LAUNCHER), *(f"--{name}={value}" for name, value in options.items())]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + HANG
        while not answers(url := f"http://127.0.0.1:{port}/v1"):
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=SOON)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/models", timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()  # it wants a key
        return True
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def url(small_model_path: Path) -> Iterator[str]:
    with running(small_model_path) as found:
        yield found


@pytest.fixture
def policy(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerPolicy]:
    monkeypatch.setenv("TTC_API_KEY", _KEY)
    with closing(make(url)) as made:
        yield made


def make(url: str, **options: Any) -> ServerPolicy:
    defaults: dict[str, Any] = {"model": None, "prompt": Prompt(), "sampling": SamplingParams(), "max_tokens": 12}
    return ServerPolicy(Address.parse(url), **defaults | options)


def draw(policy: ServerPolicy, seeds: Sequence[int], **options: Any) -> tuple[list[Extension], dict[int, str]]:
    root = policy.start(STORY)
    seen = dict.fromkeys(range(len(seeds)), "")
    ended = []
    for step in policy.extend([Extend(root, (seed,), **options) for seed in seeds]):
        for each in step:
            if isinstance(each, Growth):
                seen[each.request] += each.text
            else:
                ended.append(each)
    return sorted(ended, key=lambda each: each.request), seen


def test_four_candidates_with_their_log_probabilities(policy: ServerPolicy) -> None:
    assert policy.name == "small"
    extensions, seen = draw(policy, [1, 2, 3, 4])
    assert [each.request for each in extensions] == [0, 1, 2, 3]
    assert len({each.prefix.text for each in extensions}) > 1
    for each in extensions:
        assert each.prefix.text == seen[each.request] != ""
        assert each.prefix.ended in (Ended.STOP, Ended.LENGTH)
        assert 0 < each.prefix.tokens == each.tokens <= 12
        assert each.prefix.logprob is not None
        assert each.prefix.logprob < 0
    opinions = Confidence().score([each.prefix for each in extensions])
    assert all(0 < opinion.score < 1 for opinion in opinions)
    assert policy._dialect.notices == []


def test_the_same_seed_gives_the_same_text(policy: ServerPolicy) -> None:
    policy._dialect.many = False
    once, again = (draw(policy, [7, 8])[0] for _ in range(2))
    assert [each.prefix for each in once] == [each.prefix for each in again]
    greedy, _ = draw(policy, [1, 2], temperature=0)
    assert greedy[0].prefix.text == greedy[1].prefix.text


def test_it_cannot_continue_a_partial_answer_and_that_is_said(policy: ServerPolicy) -> None:
    with pytest.raises(BackendError, match="cannot continue a partial answer, so step searches cannot run") as caught:
        draw(policy, [1], until="step")
    assert caught.value.hint == "--method best-of-n"
    assert len(draw(policy, [1])[0]) == 1


def test_a_prompt_that_is_too_long_is_said_though_the_stream_just_ends(policy: ServerPolicy) -> None:
    root = policy.start(Problem("word " * 2000))
    with pytest.raises(PromptTooLong, match="maximum context length is 1024 tokens"):
        list(policy.extend([Extend(root, (0,))]))


def test_a_text_that_is_cut_leaves_the_server_free(policy: ServerPolicy) -> None:
    root = policy.start(STORY)

    def seconds_to_end() -> float:
        cut = False
        happenings = policy.extend([Extend(root, (index,)) for index in range(3)], stop=lambda tokens: cut)
        while not any(isinstance(each, Growth) for each in next(happenings)):
            pass
        cut = True
        begin = time.monotonic()
        assert [each for step in happenings for each in step if isinstance(each, Extension)]
        return time.monotonic() - begin

    assert quickest(seconds_to_end, within=0.4) < 0.4  # 0.2 s, and as much for a busy machine
    assert len(draw(policy, [1])[0]) == 1


def test_a_wrong_key_is_said_without_the_key(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_API_KEY", "sk-wrong")
    with pytest.raises(BackendError, match=r"refuses \(401\): Invalid API key") as caught:
        make(url, patience=Patience(tries=1))
    assert "sk-wrong" not in f"{caught.value} {caught.value.hint}"


def test_ttc_solves_in_a_pipe(url: str, tmp_path: Path) -> None:
    told = run(tmp_path, "--policy", url, "--json", "--verifier", "confidence", "-b", "3", "--max-tokens", "12")
    out = json.loads(told.stdout)
    assert told.returncode == (0 if out["answer"] else 1)
    assert (out["model"], len(out["candidates"])) == ("small", 3)
    for candidate in out["candidates"]:
        assert candidate["logprob"] < 0
        assert (candidate["score"] is None) == (candidate["answer"] is None)
    assert out["cost"]["policy_tokens"] == sum(candidate["tokens"] for candidate in out["candidates"])
    lines = told.stderr.splitlines()
    assert lines[0] == "best-of-n, small, verifier confidence, budget 3 generations, seed 0"
    assert _KEY not in told.stdout + told.stderr


def test_a_budget_of_tokens_is_hardly_passed(url: str, tmp_path: Path) -> None:
    told = run(tmp_path, "--policy", url, "--json", "-b", "20tok", "--max-tokens", "12", "--method", "majority")
    out = json.loads(told.stdout)
    assert out["candidates"]
    assert out["cost"]["policy_tokens"] <= 20 + 8


def run(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "ttcli", "solve", "-", *arguments],
        input="What is 2 + 2?",
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
        cwd=here,
        env={"PATH": "", "TTC_HOME": str(here), "TTC_API_KEY": _KEY},
    )
    assert "Traceback" not in done.stderr
    return done
