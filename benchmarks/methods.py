"""Every method on the same problems at the same budget, with and without repair: who beats the vote on a real model.

    python benchmarks/methods.py --data ../shared/data/gsm8k_test_first1000.jsonl [--limit 200] [--hours 3] [--repair]
    python benchmarks/methods.py --read benchmarks/data/methods-NAME.jsonl.gz [of other problems ...]

Each way of the table `WAYS` is one `ttc bench` in a process of its own, all on one store: samples are shared, and what
ends this, Ctrl-C or `--hours`, is gone on with by the same command. Then (or with `--hours 0`, at once) it tells what
the store has: accuracy with Wilson's interval, the difference to the plain vote on the problems that both have done
(paired bootstrap, 95 %, and a sign-flip test), tokens, FLOPs and seconds per problem; and, where `majority-64` is done
on these problems, how many samples of the plain vote each way is worth (none: more than 64, or not known).

`--export` writes all of it as compressed JSON lines, solutions and scores too, and `--read` makes the same tables of
such a file, without a model or a store.
"""

from __future__ import annotations

import argparse
import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ttcli.bench.figures.candidates import rated_samples
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.store import Run, Store
from ttcli.cost import Budget
from ttcli.stats.intervals import compare, wilson

BASELINE = "majority"
DEEP = "majority-64"
REPAIRED = "+repair"  # behind a way's name
REPAIRS: Mapping[str, Sequence[str]] = {"": (), REPAIRED: ("--repair", "arithmetic")}
CURVE = (1, 2, 4, 8, 16, 32)  # samples of the deep vote
GRACE = 60.0  # seconds that a bench has to end after Ctrl-C
_TOLD = ("generations", "tokens", "flops", "seconds")


class Way(NamedTuple):
    """A `ttc bench`, but for what all have in common."""

    name: str
    options: tuple[str, ...]


class Line(NamedTuple):
    """What a way came to on a problem."""

    way: str
    position: int
    accuracy: float  # in [0, 1], over all draws
    right: bool  # in the run as it was
    spent: Mapping[str, float]


def ways(options: argparse.Namespace) -> list[Way]:
    """The table: each way without repair, and with it where that is asked for."""
    budget, search = ("--budget", str(options.budget)), ("--verifier", options.search_verifier)
    profiles = {"auto": "none"} | ({"auto[profile]": options.profile} if options.profile else {})
    plain = [
        Way(BASELINE, ("--method", "majority", *budget)),
        *(
            Way(f"best-of-n[{name}]", ("--method", "best-of-n", "--verifier", name, *budget))
            for name in options.verifiers.split(",")
        ),
        *(Way(name, ("--method", name, *search, *budget)) for name in ("beam", "dvts", "rebase", "particles")),
        Way("revise", ("--method", "revise", *search, *budget)),
        *(Way(name, ("--method", "auto", "--profile", profile, *budget)) for name, profile in profiles.items()),
        Way(DEEP, ("--method", "majority", "--budget", "64")),
    ]
    suffixes = REPAIRS if options.repair else {"": ()}
    every = [Way(way.name + suffix, (*way.options, *more)) for way, (suffix, more) in product(plain, suffixes.items())]
    wanted = options.ways.split(",") if options.ways else [way.name for way in every]
    unknown = set(wanted) - {way.name for way in every}
    if unknown:
        sys.exit(f"error: no way is called {', '.join(sorted(unknown))}\nhint: {', '.join(way.name for way in every)}")
    return [way for way in every if way.name in wanted]


def arguments(way: Way, options: argparse.Namespace) -> tuple[str, ...]:
    """All that follows `ttc`: a run remembers it, and is found by it."""
    common = ("--limit", str(options.limit), "--seed", str(options.seed), "--max-tokens", str(options.max_tokens))
    model = ("--model", options.model) if options.model else ()
    return ("bench", str(options.data), *model, *common, "--store", str(options.store), *way.options, "--quiet")


def work(todo: Sequence[Way], options: argparse.Namespace) -> None:
    """Run one bench after the other until all are done, the hours are over, or Ctrl-C."""
    ends = time.monotonic() + 3600 * options.hours if options.hours is not None else None
    for way in todo:
        left = None if ends is None else ends - time.monotonic()
        if left is not None and left <= 0:
            print(f"the hours are over before {way.name}; the same command goes on", file=sys.stderr)
            return
        print(f"{time.strftime('%H:%M:%S')} {way.name}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "ttcli", *arguments(way, options)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                code = process.wait(left)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.send_signal(signal.SIGINT)
                process.wait(GRACE)
                print(f"stopped in {way.name}; the same command goes on", file=sys.stderr)
                return
        if code not in (0, 1):
            sys.exit(f"error: ttc bench ended with {code} in {way.name}")


def runs_of(store: Store, todo: Sequence[Way], options: argparse.Namespace) -> Iterator[tuple[Way, Run]]:
    """The latest run of each way that has one."""
    by_command = {run.config.command[1:]: run for run in store.runs()}
    for way in todo:
        if run := by_command.get(arguments(way, options)):
            yield way, run


def lines_of(way: Way, figures: Sequence[ProblemFigures]) -> Iterator[Line]:
    """What a way came to, on the problems that are done; of the deep vote, at 1, 2, 4 ... samples too."""
    for problem in figures:
        task = problem.config.tasks[0]
        sizes = CURVE if way.name.startswith(DEEP) and problem.figure(task) else ()
        curve = [(f"{way.name}, first {n}", task._replace(budget=Budget(n))) for n in sizes]
        for name, each in [(way.name, task), *curve]:
            if figure := problem.figure(each):
                spent = {**figure.spending._asdict(), "tokens": figure.spending.tokens}
                told = {key: round(spent[key], 3) for key in _TOLD}
                yield Line(name, problem.position, figure.accuracy, figure.right, told)


def export(store: Store, found: Sequence[tuple[Way, Run]], path: Path) -> None:
    """A line per way, then per problem what came of it, with its solutions; samples that ways share are there once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told: dict[tuple[int, str, int], None] = {}  # samples that are there already: position, source, number
    with gzip.GzipFile(path, "wb", mtime=0) as file:

        def write(row: Mapping[str, Any]) -> None:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())

        for way, run in found:
            config = run.config
            command = ["ttc", *(Path(word).name if "/" in word else word for word in config.command[1:])]
            write({"type": "way", "way": way.name, "command": command, "model": config.model, "ttc": config.ttc})
            outcomes = {(each.position, each.task): each.outcome for each in store.results(run)}
            figures = load_figures(store, run)
            for line in lines_of(way, figures):
                problem = figures[line.position]
                row = {"type": "result", **line._asdict(), "id": problem.row.problem.id}
                row["reference"] = problem.row.problem.answer
                if outcome := outcomes.get((line.position, config.tasks[0].key)):
                    content = json.loads(outcome)
                    row |= {"answer": content["answer"], "chose": (content.get("chose") or {}).get("method")}
                    row["solutions"] = [_solution(each) for each in content["candidates"]]
                write(row)
                for rated in rated_samples(store, config, problem.row.problem.text, config.depth):
                    key = (line.position, config.source_key, rated.sample.key.number)
                    scores = {name: score.score for name, score in rated.scores.items() if score}
                    if key not in told or scores:
                        drawn = rated.candidate("", config.kind)
                        plain = _solution(drawn) | {"repaired": len(drawn.repairs)} if key not in told else {}
                        write({"type": "sample", "way": way.name, "position": key[0], "number": key[2]}
                              | plain | {"scores": scores})  # fmt: skip
                        told[key] = None


def _solution(candidate: Any) -> dict[str, Any]:
    """What is published of a solution."""
    keys = ("text", "answer", "tokens", "logprob", "score", "chain", "attempt", "lineage", "places")
    has = candidate.get if isinstance(candidate, dict) else lambda key: getattr(candidate, key)
    return {key: value for key in keys if (value := has(key)) is not None}


def read(*paths: Path) -> list[Line]:
    """What was exported, of problems side by side."""
    found: list[Line] = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        lines = [Line(*(row[key] for key in Line._fields)) for row in rows if row["type"] == "result"]
        first = 1 + max((line.position for line in found), default=-1)
        found += [line._replace(position=first + line.position) for line in lines]
    return found


def table(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """A row per way: how good, how much better than the vote on the same problems, and at what cost."""
    by_way: dict[str, dict[int, Line]] = {}
    for line in lines:
        by_way.setdefault(line.way, {})[line.position] = line
    base = by_way.get(BASELINE, {})
    rows = []
    for name, own in by_way.items():
        total, n = sum(line.accuracy for line in own.values()), len(own)
        row: dict[str, Any] = {"way": name, "n": n, "accuracy": total / n, "interval": wilson(min(total, n), n)}
        row |= {key: sum(line.spent[key] for line in own.values()) / n for key in _TOLD}
        both = sorted(own.keys() & base.keys())
        if both and name != BASELINE:
            pairs = [np.array([side[at].accuracy for at in both]) for side in (own, base)]
            right = [np.array([side[at].right for at in both]) for side in (own, base)]
            told = compare(*pairs, method_outcomes=right[0], baseline_outcomes=right[1])
            row |= {"pairs": len(both), "difference": told.difference, "difference_interval": told.interval}
            row["p"] = told.p_all
        if (worth := _worth(own, by_way)) is not None:
            row["worth"] = worth
        rows.append(row)
    return rows


def _worth(own: Mapping[int, Line], by_way: Mapping[str, Mapping[int, Line]]) -> float | None:
    """How many samples of the plain vote are as good, between two that were counted; None: not known, or more."""
    deep = {n: by_way.get(f"{DEEP}, first {n}", {}) for n in CURVE} | {64: by_way.get(DEEP, {})}
    if not all(own.keys() <= lines.keys() for lines in deep.values()):
        return None

    def mean(lines: Mapping[int, Line]) -> float:
        return sum(lines[at].accuracy for at in own) / len(own)

    goal, before = mean(own), (0, 0.0)
    for n, accuracy in ((n, mean(lines)) for n, lines in deep.items()):
        if accuracy >= goal:
            part = (goal - before[1]) / (accuracy - before[1]) if accuracy > before[1] else 1.0
            return before[0] + part * (n - before[0])
        before = n, accuracy
    return None


def text(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table as Markdown."""
    found = [
        "| way | n | accuracy | interval | points over the vote | interval | p | worth | tokens | TFLOPs | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        low, high = (f"{100 * end:.1f}" for end in row["interval"])
        against = ["", "", ""]
        if "difference" in row:
            ends = " to ".join(f"{100 * end:+.1f}" for end in row["difference_interval"])
            against = [f"{100 * row['difference']:+.1f}", ends, f"{row['p']:.3f}"]
        cells = [row["way"], f"{row['n']}", f"{100 * row['accuracy']:.1f} %", f"{low} to {high}", *against]
        cells += [f"{row['worth']:.1f}" if "worth" in row else ""]
        cells += [f"{row['tokens']:,.0f}", f"{row['flops'] / 1e12:.2f}", f"{row['seconds']:.1f}"]
        found.append(f"| {' | '.join(cells)} |")
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="problems, as ttc bench reads them")
    parser.add_argument("--model", help="ttc's default, if left out")
    parser.add_argument("--limit", type=int, default=200, help="the first so many problems")
    parser.add_argument("--budget", type=int, default=16, help="generations per problem")
    parser.add_argument("--verifiers", default="confidence,head", help="of best-of-n, each by itself")
    parser.add_argument("--search-verifier", default="head", help="of searches and revisions")
    parser.add_argument("--profile", help="the name of one, for auto[profile]; auto goes by none")
    parser.add_argument("--repair", action="store_true", help="each way with repair too")
    parser.add_argument("--ways", help="names from the table, with commas; all if left out")
    parser.add_argument("--hours", type=float, help="stop after so many; 0: tell what there is")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--store", type=Path, default=Path("methods.sqlite3"))
    parser.add_argument("--export", type=Path, help="all that came of it, as .jsonl.gz")
    parser.add_argument("--read", type=Path, nargs="+", help="tables of what was exported; nothing is run")
    parser.add_argument("--json", action="store_true", help="the rows of the table as one JSON line")
    options = parser.parse_args()
    if (options.read is None) == (options.data is None):
        parser.error("either --data, or --read what was exported")
    if options.hours is not None and options.hours < 0:
        parser.error("--hours is 0 or more")
    return options


def main() -> None:
    options = parse()
    if options.read is not None:
        lines = read(*options.read)
    else:
        todo = ways(options)
        work(todo, options)
        if not options.store.is_file():
            sys.exit("error: nothing was drawn yet\nhint: a larger --hours")
        with Store(options.store) as store:
            found = [*runs_of(store, todo, options)]
            lines = [line for way, run in found for line in lines_of(way, load_figures(store, run))]
            if options.export is not None:
                export(store, found, options.export)
    if not lines:
        sys.exit("error: no problem is done yet\nhint: a larger --hours")
    rows = table(lines)
    print(json.dumps({"budget": options.budget, "rows": rows}) if options.json else "\n".join(text(rows)))


if __name__ == "__main__":
    main()
