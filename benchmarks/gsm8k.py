"""How many problems of a GSM8K file come out right, at what cost.

    python benchmarks/gsm8k.py ../shared/data/gsm8k_test_first1000.jsonl --problems 20 --budget 8 --out runs.jsonl

Writes a line per problem to --out as it goes; the same command resumes after an interruption.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from ttcli.answers import extract_answer, is_correct
from ttcli.cost import Budget
from ttcli.events import Began, Solved
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.record import record
from ttcli.settings import Settings
from ttcli.solve import workbench
from ttcli.terminal.download import download_progress

Z = 1.959964  # 97.5 % quantile of the normal distribution


def wilson(right: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share, spread = right / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return middle - half, middle + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--method")
    parser.add_argument("--verifier")
    parser.add_argument("--budget", default="8")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    settings = Settings(
        options.model, options.method, options.verifier, Budget.parse(options.budget), options.seed, offline=False
    )
    rows = [json.loads(line) for line in options.data.read_text().splitlines()[: options.problems]]
    done = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    with workbench(settings, Interrupt(), download_progress()) as bench, options.out.open("a") as out:
        for row in rows[len(done) :]:
            problem = Problem(row["question"], answer=extract_answer(row["answer"]))
            for event in bench.solve(problem):
                if isinstance(event, Began):
                    began = event
                elif isinstance(event, Solved):
                    result = record(began, event.outcome) | {
                        "reference": problem.answer,
                        "right": is_correct(event.outcome.answer, problem.answer or ""),
                    }
                    done.append(result)
                    print(json.dumps(result, ensure_ascii=False), file=out, flush=True)
            print(
                f"{len(done)}: {done[-1]['answer']} for {problem.answer}, {done[-1]['cost']['seconds']:.0f} s",
                flush=True,
            )
    report(settings, done)


def report(settings: Settings, done: list[dict]) -> None:
    """The table."""
    count = len(done)
    right = sum(each["right"] for each in done)
    low, high = wilson(right, count)
    candidates = [candidate for each in done for candidate in each["candidates"]]
    cost = {key: sum(each["cost"][key] for each in done) for key in ("tokens", "policy_tokens", "seconds")}
    print(f"{settings.model}, {settings.method.name}, budget {settings.budget}, seed {settings.seed}")
    print(f"right          {right} of {count} ({right / count:.0%}, 95 % interval {low:.0%} to {high:.0%})")
    length = cost["policy_tokens"] / len(candidates)
    speed = cost["policy_tokens"] / cost["seconds"]
    print(f"candidates     {len(candidates) / count:.1f} a problem, {length:.0f} tokens each")
    print(f"no answer      {sum(each['no_answer'] for each in done)} of {len(candidates)} candidates")
    print(f"tokens         {cost['tokens'] / count:,.0f} a problem")
    print(f"seconds        {cost['seconds'] / count:.1f} a problem, {speed:.0f} tokens/s")


if __name__ == "__main__":
    main()
