"""How long the tables of a large run take: `ttc runs show` and its like on ten thousand synthetic samples.

    python benchmarks/tables.py [--problems 625] [--samples 16] [--rounds 5] [--json]

The samples are written through the store's own interface into a temporary file; each command is a process of its own,
start of Python included (`compare` is given two runs of half the size): minimum, median and maximum of its seconds by
the clock on the wall.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ttcli.bench.plan import make_tasks
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.bench.store.store import Run, Store
from ttcli.data.dataset import Row
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Ended, Step


def fill(store: Store, problems: int, samples: int, model: str) -> Run:
    """A run whose problems have pass rates from easy to hopeless, in five levels."""
    rng = random.Random(model)
    rows = [
        Row(Problem(f"What is {n} + {n}?", str(n), str(2 * n)), n + 1, f"Level {n % 5 + 1}", None)
        for n in range(problems)
    ]
    config = RunConfig(
        model=model,
        recipe={"weights": model},
        parameters=500_000_000,
        tasks=make_tasks(["majority", "best-of-n", "best-of-n-plain"], ["confidence"], str(samples)),
        verifiers={"confidence": VerifierConfig("confidence", 0)},
        temperature=0.8,
        seed=0,
        data="synthetic",
        baseline="majority",
        command=("ttc", "bench"),
        ttc="0",
    )
    run = store.begin(config, rows)
    pool = store.samples(config)
    for row in rows:
        rate = rng.random()
        for number in range(samples):
            right = rng.random() < rate
            answer = row.problem.answer if right else rng.choice([None, "1", "2", "3", "5"])
            key = SampleKey(0.8, 0, number)
            steps = (Step("First this.\n\n", 40, -12.0), Step(f"So \\boxed{{{answer}}}", 20, -3.0))
            pool.add(row.problem.text, Sample(key, steps, Ended.STOP, answer, 90, 1.0))
            pool.rate(row.problem.text, Rating(key, "confidence", StepScores(rng.random(), (), 0), 0.0), "confidence")
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=625)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite3"
        with Store(path) as store:
            whole = fill(store, options.problems, options.samples, "whole")
            halves = [fill(store, options.problems // 2, options.samples, name) for name in ("one", "other")]
        commands = {
            "runs list": ("runs", "list"),
            "runs show": ("runs", "show", whole.id),
            "compare": ("compare", *(half.id for half in halves)),
        }
        told = {name: timed([*command, "--store", str(path)], options.rounds) for name, command in commands.items()}
    print(json.dumps(told) if options.json else "\n".join(f"{name}: {value}" for name, value in told.items()))


def timed(arguments: list[str], rounds: int) -> dict[str, float]:
    """Seconds of a command."""
    seconds = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ttcli", *arguments], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    seconds = seconds[1:]  # the first one reads the files from the disk
    return {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}


if __name__ == "__main__":
    main()
