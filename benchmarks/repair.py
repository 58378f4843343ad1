"""What repair makes of solutions that state a false equation: cut at its result, the right value written, gone on with.

    python benchmarks/repair.py [--limit 8]      draws what the file of results does not have yet, minutes; resumable
    python benchmarks/repair.py --quick --json   the same figures from the results that are published, in seconds

The solutions are 865 of Qwen2.5-Coder-0.5B-Instruct (Q4_K_M, temperature 0.8) for problems of GSM8K train, in
`../shared/data`: the reader says which state a false equation, and of the second file (432 solutions of 54 problems,
with which nothing was tuned) these are gone on with as `--repair arithmetic` does, up to four times, at temperature
0.8.

    before, after     right of those with a false equation, as the model wrote them and mended; sign test over both
    tokens            of the model for each, thrown away or not
    touched           right solutions in which the reader would mend something, of all right ones; by file
    gain              accuracy of one sample, points: mean over problems, 95 % interval by problems (Student's t)
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scipy.stats import binomtest
from scipy.stats import t as student

from ttcli.answers.equal import equivalent
from ttcli.answers.final import answer_of
from ttcli.engine.job import split_steps
from ttcli.policy.mend import Cut, cut, go_on
from ttcli.problem import Problem
from ttcli.seams import Extension
from ttcli.solution import Ended, Prefix, Step
from ttcli.verifier.repairers import ArithmeticRepair

SHARED = Path(__file__).parents[2] / "shared" / "data"
PROBLEMS = SHARED / "gsm8k_train.jsonl"
FILES = {name: SHARED / f"{name}_qwen2.5-coder-0.5b_gsm8k_train.jsonl" for name in ("rollouts", "rollouts2")}
RESULTS = Path(__file__).parent / "data" / "repair.jsonl.gz"
MODEL, MAX_TOKENS, WIDTH = "qwen2.5-coder-0.5b", 400, 16
READER = ArithmeticRepair()


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, gzipped or not."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def right(text: str, gold: str) -> bool:
    """Whether a solution comes to the reference answer."""
    answer = answer_of(Prefix(Problem(""), 0, steps=(Step(text, 0, None),), ended=Ended.STOP))
    return answer is not None and equivalent(answer, gold)


def solution(row: dict[str, Any], problem: Problem) -> Prefix:
    """A solution of a file; each step has its part of tokens and log-probability by letters, as no more is told."""
    parts = split_steps(row["text"], "\n\n")
    size = max(sum(map(len, parts)), 1)
    steps = tuple(
        Step(part, max(1, round(row["tokens"] * len(part) / size)), row["sum_logprob"] * len(part) / size)
        for part in parts
    )
    stopped = (row.get("finish") or row.get("ended")) == "stop"
    return Prefix(problem, 0, steps=steps, ended=Ended.STOP if stopped else Ended.LENGTH)


@contextmanager
def lengths() -> Iterator[Callable[[str], int]]:
    """What tells the tokens of a text, by the default model's vocabulary."""
    from ttcli.catalog.pull import resolve
    from ttcli.engine.model import Model
    from ttcli.terminal.download import download_progress

    model = Model(resolve(MODEL, offline=False, progress=download_progress()).path)
    try:
        yield lambda text: len(model.tokenize(text, special=False))
    finally:
        model.close()


def draw(cuts: Sequence[Cut], seeds: Sequence[tuple[int, ...]], max_tokens: int) -> Iterator[tuple[int, Extension]]:
    """Each of these gone on with by the default model, as it comes to its end, with where it stands among them."""
    from ttcli.catalog.pull import resolve
    from ttcli.engine.model import Model
    from ttcli.engine.params import SamplingParams
    from ttcli.policy.local.policy import LocalPolicy
    from ttcli.runtime.loader import prompt_of
    from ttcli.terminal.download import download_progress

    local = resolve(MODEL, offline=False, progress=download_progress())
    model = Model(local.path)
    policy = LocalPolicy(
        model,
        name=MODEL,
        prompt=prompt_of(local),
        sampling=SamplingParams(temperature=0.8),
        max_tokens=max_tokens,
        width=WIDTH,
    )
    yield from go_on(policy, READER, cuts, seeds)
    policy.close()
    model.close()


def touched(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Right solutions in which something would be mended, and all right ones."""
    good = [row for row in rows if right(row["text"], row["gold"])]
    return [sum(READER.flaw(Problem(""), row["text"], 0) is not None for row in good), len(good)]


def summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures; `touched` only where the solutions are here."""
    before, after = (sum(each[name] for each in results) for name in ("before", "after"))
    won, lost = (
        sum(each[a] and not each[b] for each in results) for a, b in (("after", "before"), ("before", "after"))
    )
    told: dict[str, Any] = {
        "model": MODEL,
        "solutions": len(results),
        "before": before,
        "after": after,
        "won": won,
        "lost": lost,
        "p": float(binomtest(won, won + lost).pvalue) if won + lost else 1.0,
        "tokens": round(sum(each["tokens"] for each in results) / max(1, len(results)), 1),
        "seed": sorted({each["seed"] for each in results}),
    }
    if not all(path.exists() for path in FILES.values()):
        print("the solutions are not here: no `touched`, no `gain`")
        return told
    told["touched"] = {name: touched(lines(path)) for name, path in FILES.items()}
    changed = {(each["problem_index"], each["number"]): each["after"] - each["before"] for each in results}
    by_problem: dict[int, list[int]] = defaultdict(list)
    for row in lines(FILES["rollouts2"]):
        key = (row["problem_index"], row["number"])
        by_problem[row["problem_index"]].append(changed.get(key, 0))
    gains = [100 * sum(each) / len(each) for each in by_problem.values()]
    mean = sum(gains) / len(gains)
    spread = math.sqrt(sum((gain - mean) ** 2 for gain in gains) / (len(gains) - 1) / len(gains))
    half = float(student.ppf(0.975, len(gains) - 1)) * spread
    told["gain"] = [round(mean, 1), round(mean - half, 1), round(mean + half, 1)]
    told["problems"] = len(gains)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="solutions to draw at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="draw nothing")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    results = lines(options.results) if options.results.exists() else []
    if not options.quick:
        known = {(each["problem_index"], each["number"]) for each in results}
        questions = [Problem(row["question"]) for row in lines(PROBLEMS)]
        missing = []
        for row in lines(FILES["rollouts2"]):
            part = cut(solution(row, questions[row["problem_index"]]), READER)
            if part is not None and (row["problem_index"], row["number"]) not in known:
                missing.append((row, part))
        missing = missing[: options.limit]
        options.results.parent.mkdir(exist_ok=True)
        seeds = [(options.seed, row["problem_index"], row["number"]) for row, _ in missing]
        drawn = draw([part for _, part in missing], seeds, MAX_TOKENS) if missing else ()
        for number, extension in drawn:
            row, _ = missing[number]
            each = {
                "problem_index": row["problem_index"],
                "number": row["number"],
                "seed": options.seed,
                "before": right(row["text"], row["gold"]),
                "after": right(extension.prefix.text, row["gold"]),
                "tokens": extension.tokens,
                "repairs": [[each.at, each.wrote, each.mended] for each in extension.prefix.repairs],
                "text": extension.prefix.text,
            }
            results.append(each)
            with gzip.open(options.results, "at", encoding="utf-8") as file:
                file.write(json.dumps(each) + "\n")
            if not options.json:
                print(f"{len(results)} of {len(known) + len(missing)}", flush=True)
    told = summary(results)
    if options.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:>10}  {value}")


if __name__ == "__main__":
    main()
