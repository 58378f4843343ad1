"""How long the first token of `ttc solve` takes after the command, against `Llama` in a script.

    python benchmarks/first_token.py [--rounds 5] [--model NAME] [--json]

Whole processes that take turns, start of Python included, and end with their first token: `ttc solve` with one text of
one token, and a script that loads the same file into `llama_cpp.Llama` and asks it for one token of the same question.
The model lies in the page cache, since a round that is not counted comes before. The ratio is ttc / script.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from ways import PROBLEM

from ttcli.catalog.pull import resolve
from ttcli.terminal.download import download_progress

SCRIPT = """
import sys
from llama_cpp import Llama
llama = Llama(sys.argv[1], n_ctx=512, verbose=False)
print(llama.create_chat_completion([{"role": "user", "content": sys.argv[2]}], max_tokens=1)["choices"][0])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = str(resolve(options.model, offline=False, progress=download_progress()).path)
    once = ("--method", "majority", "--budget", "1", "--max-tokens", "1", "--no-ask-again", "--no-log", "--quiet")
    commands = {
        "ttc": [sys.executable, "-m", "ttcli", "solve", PROBLEM, "--model", options.model, *once],
        "script": [sys.executable, "-c", SCRIPT, path, PROBLEM],
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(options.rounds + 1):
        for name, command in commands.items():
            begin = time.perf_counter()
            done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
            if done.returncode > 1:  # 1: a text of one token has no answer
                sys.exit(f"{name} failed: {done.stderr[-500:]}")
            if number:
                seconds[name].append(time.perf_counter() - begin)
    medians = {name: round(statistics.median(values), 2) for name, values in seconds.items()}
    ratios = [mine / other for mine, other in zip(seconds["ttc"], seconds["script"], strict=True)]
    told = {"model": options.model, "rounds": options.rounds, "seconds": medians}
    told |= {"first_token_ratio": {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)}}
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


if __name__ == "__main__":
    main()
