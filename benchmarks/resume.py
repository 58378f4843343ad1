"""Whether a bench that is killed again and again ends like one that never was: nothing lost, doubled or changed.

    python benchmarks/resume.py --data ../shared/data/gsm8k_test_first1000.jsonl

Runs `ttc bench` in a process of its own and kills it with SIGKILL at random moments while samples come in, then lets
the same command finish. After every kill and at the end all samples and ratings that had been seen in the store must be
there bit for bit, once each; at the end every problem must have its full budget, and the summary that `ttc runs show`
takes from the store alone must be the one that the bench printed. Prints one JSON line; exit code 1 where anything of
this does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

POLL = 0.05  # seconds between two looks into the store
LINGER = 0.2  # seconds at most between the sample that a kill waits for and the kill
PATIENCE = 3600.0  # seconds without a new sample, until this gives up

_SAMPLES = (
    "SELECT problem.text, source.key, temperature, seed, number, steps, answer, ended, tokens, prompt_tokens, seconds, "
    "drawn FROM sample JOIN problem ON problem.id = problem JOIN source ON source.id = source"
)
_RATINGS = (
    "SELECT problem.text, source.key, temperature, seed, number, verifier, score, rating.steps, rating.tokens, "
    "rating.seconds FROM rating JOIN sample ON sample.id = rating.sample JOIN problem ON problem.id = problem "
    "JOIN source ON source.id = source"
)

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


class Snapshot:
    """All samples and ratings of a store, by what makes each the only one of its kind."""

    def __init__(self, store: Path) -> None:
        connection = sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)
        try:
            self.sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            samples, ratings = (connection.execute(query).fetchall() for query in (_SAMPLES, _RATINGS))
        finally:
            connection.close()
        self.samples: Rows = {row[:5]: row[5:] for row in samples}
        self.ratings: Rows = {row[:6]: row[6:] for row in ratings}
        self.doubled = len(samples) + len(ratings) - len(self.samples) - len(self.ratings)

    def lost_in(self, later: Snapshot) -> int:
        """What is not there any more."""
        return len(self.samples.keys() - later.samples.keys()) + len(self.ratings.keys() - later.ratings.keys())

    def changed_in(self, later: Snapshot) -> int:
        """What is there, but not as it was."""
        return sum(row != later.samples.get(key, row) for key, row in self.samples.items()) + sum(
            row != later.ratings.get(key, row) for key, row in self.ratings.items()
        )


def stored(store: Path) -> int:
    """Samples in the store; 0 while it is still being made."""
    try:
        connection = sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT count(*) FROM sample").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0


def run_until(command: list[str], store: Path, wanted: int, linger: float) -> Snapshot | None:
    """Start a bench and kill it soon after so many samples are stored; what was seen before. None: it ended first."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        seen, since = 0, time.monotonic()
        try:
            while (count := stored(store)) < wanted:
                if process.poll() is not None:
                    return None
                if count > seen:
                    seen, since = count, time.monotonic()
                if time.monotonic() - since > PATIENCE:
                    raise TimeoutError(f"no new sample for {PATIENCE:.0f} s")
                time.sleep(POLL)
            time.sleep(linger)
            before = Snapshot(store)
            return before if process.poll() is None else None
        finally:
            process.send_signal(signal.SIGKILL)


def incomplete(snapshot: Snapshot, problems: int, budget: int) -> int:
    """Problems without exactly the samples 0, 1, ... of their budget."""
    numbers: dict[str, list[int]] = {}
    for text, *_, number in snapshot.samples:
        numbers.setdefault(text, []).append(number)
    return problems - sum(sorted(each) == list(range(budget)) for each in numbers.values())


def measure(options: argparse.Namespace, store: Path) -> dict[str, Any]:
    """Kill, resume, finish, and count what went wrong."""
    ttc = [sys.executable, "-m", "ttcli"]
    command = [*ttc, "bench", str(options.data), "--model", options.model, "--limit", str(options.problems)]
    command += ["--budget", str(options.budget), "--max-tokens", str(options.max_tokens), "--store", str(store)]
    command += ["--json", "--quiet"]
    rng = random.Random(options.seed)
    total = options.problems * options.budget
    moments = sorted(rng.sample(range(1, max(2, int(0.9 * total))), options.kills))
    begin = time.monotonic()
    snapshots: list[Snapshot] = []
    kills = []
    for wanted in moments:
        before = run_until(command, store, max(wanted, stored(store) + 1), rng.uniform(0, LINGER))
        after = Snapshot(store)
        snapshots += [before, after] if before else [after]
        kills.append({"killed": before is not None, "samples": len(after.samples), "sound": after.sound})
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    show = [*ttc, "runs", "show", "last", "--json", "--store", str(store)]
    shown = subprocess.run(show, stdout=subprocess.PIPE, text=True, check=False)
    end = Snapshot(store)
    *_, printed = [json.loads(line) for line in done.stdout.splitlines()] or [{}]
    return {
        "problems": options.problems,
        "budget": options.budget,
        "model": options.model,
        "kills": kills,
        "samples": len(end.samples),
        "ratings": len(end.ratings),
        "lost": sum(each.lost_in(end) for each in snapshots),
        "changed": sum(each.changed_in(end) for each in snapshots),
        "doubled": sum(each.doubled for each in (*snapshots, end)),
        "unsound": sum(not each.sound for each in (*snapshots, end)),
        "incomplete": incomplete(end, options.problems, options.budget),
        "exit_code": done.returncode,
        "done": printed.get("done"),
        "failed": printed.get("failed"),
        "same_summary": shown.stdout == f"{json.dumps(printed)}\n",
        "seconds": round(time.monotonic() - begin, 1),
    }


def holds(found: dict[str, Any]) -> bool:
    """Whether all is as it should be."""
    troubles = ("lost", "changed", "doubled", "unsound", "incomplete", "exit_code", "failed")
    whole = found["done"] == found["problems"] and found["samples"] == found["problems"] * found["budget"]
    killed = all(kill["killed"] for kill in found["kills"])
    return whole and killed and found["same_summary"] and not any(found[trouble] for trouble in troubles)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--budget", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which it is killed")
    parser.add_argument("--store", type=Path, help="a new file; a temporary one if left out")
    options = parser.parse_args()
    if options.store is not None and options.store.exists():
        parser.error(f"{options.store} exists already")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, options.store or Path(folder) / "runs.sqlite3")
    print(json.dumps(found))
    return 0 if holds(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
