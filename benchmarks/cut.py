"""How many solutions a token limit cuts: one sample of each of the first problems, at the largest limit of interest.

    python benchmarks/cut.py math500_even250.jsonl --limit 12 --most 2048
    python benchmarks/cut.py math500_even250.jsonl --limit 250 --most 8192 --model qwen2.5-coder-0.5b

Solutions are lines of a JSONL file (--out), and those that are there are not drawn again: an interrupted run goes on
where it stopped. What was under way then, the long ones before all, is drawn anew and may come out shorter beside fewer
others, so a share that was interrupted is too low. Each limit below --most would have cut the solutions that are
longer; for those that ran into --most nothing is known but that they are. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ttcli.answers.final import answer_of
from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.progress import NoProgress
from ttcli.cost import Budget
from ttcli.data.dataset import read_dataset
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Machine, Settings
from ttcli.seams import Extend, Extension
from ttcli.search.method import Demand
from ttcli.stats.intervals import wilson

LIMITS = (512, 1024, 1536, 2048, 3072, 4096, 8192)


def drawn(path: Path) -> dict[str, dict[str, Any]]:
    """The solutions that are there, by problem."""
    if not path.is_file():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["problem"]: row for row in rows}


def draw(problems: Sequence[Problem], settings: Settings) -> Iterator[dict[str, Any]]:
    """One sample of each problem, as they end; all grow in one batch."""
    with load_runtime(settings, Interrupt(), NoProgress(), bench=(), demand=Demand()) as runtime:
        policy = runtime.policy
        policy.expect(problems)

        def requests() -> Iterator[Extend]:
            for problem in problems:
                yield Extend(policy.start(problem), (settings.seed, problem.key, 0))

        for happenings in policy.extend(requests()):
            for each in happenings:
                if isinstance(each, Extension):
                    prefix = each.prefix
                    yield {
                        "problem": prefix.problem.text,
                        "tokens": prefix.spoken_tokens,
                        "thought_tokens": prefix.tokens - prefix.spoken_tokens,
                        "ended": prefix.ended.value,
                        "answer": answer_of(prefix),
                        "seconds": round(each.seconds, 2),
                    }


def tell(rows: Sequence[Mapping[str, Any]], most: int) -> None:
    """How many each limit cuts."""
    n = len(rows)
    print(f"n = {n}, {sum(row['tokens'] for row in rows):,} tokens, {sum(row['seconds'] for row in rows):,.0f} s")
    for limit in [each for each in LIMITS if each < most] + [most]:
        cut = sum(row["tokens"] > limit or (row["tokens"] >= limit and row["ended"] == "length") for row in rows)
        low, high = wilson(cut, n)
        print(f"--max-tokens {limit:>5}: {cut} of {n} cut, {100 * cut / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=12, help="problems")
    parser.add_argument("--most", type=int, default=2048, help="tokens of a solution")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("cut.jsonl"))
    options = parser.parse_args()
    problems = [row.problem for row in read_dataset(str(options.data), limit=options.limit).rows]
    known = drawn(options.out)
    settings = Settings(
        model=options.model,
        method_name="majority",
        budget=Budget(1),
        seed=options.seed,
        max_tokens=options.most,
        machine=Machine(threads=options.threads),
    )
    left = [problem for problem in problems if problem.text not in known]
    with options.out.open("a", encoding="utf-8") as out:
        for row in draw(left, settings) if left else ():
            known[row["problem"]] = row
            out.write(json.dumps(row) + "\n")
            out.flush()
    tell([known[problem.text] for problem in problems], options.most)


if __name__ == "__main__":
    main()
