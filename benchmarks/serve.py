"""Measure `ttc serve`: eight clients at once against the same eight one after the other, and how fast one that leaves is gone.

    python benchmarks/serve.py --quick --json

The server is a process of its own, as users run it, and the clients speak HTTP to it. Both ways ask the same questions
with the same seeds, in turns, so that a neighbour on the machine disturbs both alike.
"""  # noqa: E501  # the first sentence says what is measured

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
import psutil

CLIENTS = 8
_QUESTION = "Tell me about the number {}, in a few sentences."
_TIMEOUT = 1200.0


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement each way."""

    tokens: int  # sampled, the same both ways unless a text ended elsewhere
    alone: float  # tokens per second, one client after the other
    together: float  # and all at once
    times: float  # how many times faster that is
    processor_times: float  # by seconds of processor time of the server, which a busy machine leaves as they are


@contextmanager
def serving(model: str, max_tokens: int) -> Iterator[tuple[str, psutil.Process]]:
    """The address and the process of a server, for as long as the context lasts."""
    command = [sys.executable, "-m", "ttcli", "serve", "-m", model, "--port", "0", "--max-tokens", str(max_tokens)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"is served at (\S+);", line):
                    break
            else:
                raise SystemExit("".join(lines))
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield found[1], psutil.Process(process.pid)
        finally:
            process.terminate()


def ask(client: httpx2.Client, url: str, model: str, number: int, max_tokens: int) -> int:
    """A plain request; how many tokens were sampled for it."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": _QUESTION.format(number)}],
        "max_tokens": max_tokens,
        "seed": number,
    }
    reply = client.post(f"{url}/chat/completions", json=body)
    reply.raise_for_status()
    return int(reply.json()["usage"]["completion_tokens"])


def measure(client: httpx2.Client, url: str, model: str, max_tokens: int, server: psutil.Process) -> Round:
    """Both ways once."""
    began, used = time.perf_counter(), _processor(server)
    alone = [ask(client, url, model, number, max_tokens) for number in range(CLIENTS)]
    middle, half = time.perf_counter(), _processor(server)
    with ThreadPoolExecutor(CLIENTS) as pool:
        together = list(pool.map(lambda number: ask(client, url, model, number, max_tokens), range(CLIENTS)))
    end, all_used = time.perf_counter(), _processor(server)
    speeds = sum(alone) / (middle - began), sum(together) / (end - middle)
    efforts = (half - used) / sum(alone), (all_used - half) / sum(together)
    return Round(sum(together), *speeds, speeds[1] / speeds[0], efforts[0] / efforts[1])


def _processor(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)


def leaving(client: httpx2.Client, url: str, model: str, max_tokens: int, prompt: int) -> float:
    """Seconds from when a client hangs up until its work is gone, with a prompt of so many words."""
    health = url.removesuffix("/v1") + "/health"
    body: dict[str, Any] = {
        "model": f"{model}:majority-16",
        "messages": [{"role": "user", "content": "one two three " * (prompt // 3)}],
        "max_tokens": max_tokens,
        "stream": True,
    }
    with client.stream("POST", f"{url}/chat/completions", json=body) as reply:
        next(reply.iter_bytes())
        left = time.perf_counter()
    while client.get(health).json()["working"]:
        time.sleep(0.002)
    return time.perf_counter() - left


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--quick", action="store_true", help="one round of 64 tokens")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rounds, max_tokens = (1, 64) if options.quick else (options.rounds, options.max_tokens)
    with serving(options.model, max_tokens) as (url, server), httpx2.Client(timeout=_TIMEOUT) as client:
        name = client.get(f"{url}/models").json()["data"][0]["id"]
        ask(client, url, name, 0, 8)  # the context is made with the first request
        found = [measure(client, url, name, max_tokens, server) for _ in range(rounds)]
        gone = [leaving(client, url, name, max_tokens, words) for words in (3, 900) for _ in range(3)]
    times = [each.times for each in found]
    told = {
        "model": name,
        "clients": CLIENTS,
        "max_tokens": max_tokens,
        "rounds": [asdict(each) for each in found],
        "times_faster": statistics.median(times),
        "seconds_to_leave": {"short prompt": gone[:3], "long prompt": gone[3:]},
    }
    if options.json:
        print(json.dumps(told))
        return
    for each in found:
        print(f"{each.alone:6.1f} tokens/s alone, {each.together:6.1f} together: {each.times:.2f} times")
    print(
        f"median {statistics.median(times):.2f} times ({min(times):.2f} to {max(times):.2f}), {name}, {CLIENTS} clients"
    )
    print(f"one that leaves is gone in {max(gone[:3]):.2f} s, in the middle of a long prompt in {max(gone[3:]):.2f} s")


if __name__ == "__main__":
    main()
