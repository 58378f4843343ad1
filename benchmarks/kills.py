"""Whether anything is lost, doubled or damaged where `ttc bench` and `ttc train verifier` are killed at random moments.

    python benchmarks/kills.py --quick --json

A scripted policy draws for the bench, a tiny model with random weights for the training. Each command runs once
undisturbed; then, on a new store, it is killed with SIGKILL again and again until it ends between two kills, then on
another store, and so on. Moments are drawn over the rows that it writes and the time between them, from before the
first row to the writing of the head. Programs are forked from one that has imported what they need; what they run is
`ttc` as the shell has it.

lost: samples, ratings, states and results that were seen after a kill, or that the undisturbed run has, and that are
not there at the end. doubled: what is there more than once. corrupt: what has changed, fails its checksum or SQLite's
check, and a head or a summary that is not that of the undisturbed run. Exit code 1 where any of these is not 0.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny_models import write_tiny

from ttcli.bench.store.store import Store
from ttcli.cli.main import run
from ttcli.engine.library import library
from ttcli.train.recipe import RECIPES
from ttcli.train.verifier import train_verifier
from ttcli.verifier.head_file import read_head

POLL = 0.003  # seconds between two looks into the store
LINGER = 0.05  # seconds at most between the row that a kill waits for and the kill
_TABLES = {  # what tells rows apart, and what they hold; ids differ from store to store
    "sample": "SELECT problem.hash, number, sample.steps, answer, ended, sample.tokens, sample.checksum FROM sample "
    "JOIN problem ON problem.id = problem",
    "rating": "SELECT problem.hash, number, verifier, score, rating.steps, rating.checksum FROM rating "
    "JOIN sample ON sample.id = sample JOIN problem ON problem.id = problem",
    "state": "SELECT problem.hash, number, source.key, layer, hex(states) FROM state JOIN sample ON sample.id = sample "
    "JOIN problem ON problem.id = problem JOIN source ON source.id = source",
    # that a vote over samples is done is written down or not: it is read off the samples
    "result": "SELECT position, task, outcome, error, checksum FROM result "
    "WHERE outcome IS NOT NULL OR error IS NOT NULL",
}
_KEYS = {"sample": 2, "rating": 3, "state": 4, "result": 2}  # columns that tell rows apart
_TIMED = {"sample": (6,), "rating": (5,), "result": (2, 4)}  # columns that hold seconds, so that runs differ in them


class Rows(NamedTuple):
    """A store at a moment."""

    rows: dict[tuple[Any, ...], str]  # by table and key: a hash of what they hold
    lasting: dict[tuple[Any, ...], str]  # the same without times
    doubled: int
    sound: bool

    @classmethod
    def of(cls, store: Path) -> Rows:
        """As a process that comes after a kill sees it."""
        with contextlib.closing(sqlite3.connect(store)) as db:
            sound = db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            found = {table: db.execute(query).fetchall() for table, query in _TABLES.items()}
        rows, lasting = {}, {}
        for table, read in found.items():
            for row in read:
                key, timed = (table, *row[: _KEYS[table]]), _TIMED.get(table, ())
                rows[key] = _hash(row)
                lasting[key] = _hash(value for at, value in enumerate(row) if at not in timed)
        return cls(rows, lasting, sum(map(len, found.values())) - len(rows), sound)


class Tally:
    """What went wrong so far."""

    def __init__(self) -> None:
        self.kills = self.lost = self.doubled = self.corrupt = 0

    def compare(self, before: Rows, after: Rows) -> None:
        """What was there is to be there still, and as it was."""
        self.lost += len(before.rows.keys() - after.rows.keys())
        self.corrupt += sum(after.rows.get(key, value) != value for key, value in before.rows.items())

    def check(self, rows: Rows) -> None:
        """What can be seen of one moment."""
        self.doubled += rows.doubled
        self.corrupt += not rows.sound


class Command:
    """A command of ttc with its store, and a head where it makes one."""

    def __init__(self, arguments: Sequence[str], folder: Path, name: str, head: bool) -> None:
        self.store = folder / f"{name}.sqlite3"
        self.head = folder / f"{name}.safetensors" if head else None
        self.out = folder / f"{name}.out"
        self._arguments = [*arguments, "--store", str(self.store), "--json", "--quiet"]
        self._arguments += ["-o", str(self.head), "--force"] if head else []

    def start(self) -> int:
        """In a process of its own; its id."""
        pid = os.fork()
        if pid:
            return pid
        out = os.open(self.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(os.open(self.out.with_suffix(".err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        code = 70
        with contextlib.suppress(BaseException):
            sys.argv = ["ttc", *self._arguments]
            code = run(self._arguments)
            sys.stdout.flush()
        os._exit(code)

    def finish(self) -> tuple[int, float]:
        """Its exit code and how many seconds it took."""
        since = time.monotonic()
        _, status = os.waitpid(self.start(), 0)
        return os.waitstatus_to_exitcode(status), time.monotonic() - since

    def count(self) -> int:
        """Rows in the store; 0 while it is being made."""
        try:
            with contextlib.closing(sqlite3.connect(f"{self.store.as_uri()}?mode=ro", uri=True)) as db:
                counts = " + ".join(f"(SELECT count(*) FROM ({query}))" for query in _TABLES.values())
                return int(db.execute(f"SELECT {counts}").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    def kill_at(self, wanted: int, linger: float) -> bool:
        """Start it, and kill it some seconds after so many rows are there; whether it was still at work."""
        pid = self.start()
        while wanted and self.count() < wanted:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return False
            time.sleep(POLL)
        time.sleep(linger)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    def damage(self) -> int:
        """Rows that fail their checksums, and a head that is there and cannot be read."""
        with Store(self.store, readonly=True) as store:
            rows = sum(len(store.damaged(each)) for each in store.runs())
        try:
            if self.head and self.head.exists():
                read_head(self.head)
        except Exception:  # noqa: BLE001 - whatever it is
            rows += 1
        return rows

    def clear(self) -> None:
        """Begin anew."""
        for path in self.store.parent.glob(f"{self.store.stem}.*"):
            path.unlink()

    def result(self) -> Any:
        """What it printed last: the summary of a bench, the card of a head, without what differs from run to run."""
        told = json.loads(self.out.read_text().splitlines()[-1])
        return _without_times(told.get("card", told))


def _without_times(told: Any) -> Any:
    if isinstance(told, dict):
        passing = {"seconds", "date", "command", "fill", "head", "flops"}
        return {key: _without_times(value) for key, value in told.items() if key not in passing}
    return [*map(_without_times, told)] if isinstance(told, list) else told


def _hash(values: Any) -> str:
    return hashlib.blake2b(repr([*values]).encode(), digest_size=16).hexdigest()


def attack(arguments: Sequence[str], folder: Path, *, head: bool, kills: int, draw: random.Random) -> dict[str, Any]:
    """One command, undisturbed and then killed."""
    whole, killed = (Command(arguments, folder, name, head) for name in ("whole", "killed"))
    code, seconds = whole.finish()
    if code:
        raise SystemExit(f"{' '.join(arguments)} ends with {code}: {whole.out.with_suffix('.err').read_text()}")
    expected, total, tally = Rows.of(whole.store), whole.count(), Tally()
    ended = 0
    while tally.kills < kills or not ended:
        seen = []
        goal = draw.randrange(
            total // 2
        )  # the first of a store's moments; each later one is among the rows that are left
        while tally.kills < kills:
            late = goal >= total
            linger = draw.uniform(0, seconds / 4 if late or not goal else LINGER)
            if not killed.kill_at(min(goal, total), linger):
                break
            tally.kills += 1
            if killed.store.exists():
                seen.append(Rows.of(killed.store))
                tally.corrupt += killed.damage()
            count = killed.count()
            goal = count + 1 + draw.randrange(max(total - count, 1) + total // 4)
        ended += killed.finish()[0] == code
        end = Rows.of(killed.store)
        for before in seen:
            tally.compare(before, end)
        for rows in (*seen, end):
            tally.check(rows)
        tally.lost += len(expected.rows.keys() - end.rows.keys())
        tally.doubled += len(end.rows.keys() - expected.rows.keys())
        tally.corrupt += sum(end.lasting.get(key, value) != value for key, value in expected.lasting.items())
        tally.corrupt += killed.damage() + (killed.result() != whole.result())
        killed.clear()
    return {"rows": total, "stores": ended, **vars(tally)}


def write_inputs(folder: Path, problems: int) -> None:
    """A data set, a script, a tiny model, and solutions of most problems, half of which are right."""
    ways = (("That is a sum", 0), ("I only guess", 1), ("Adding up", 0), ("Who knows", 7))
    rows = [{"question": f"What is {at + 1} + 2?", "answer": f"#### {at + 3}"} for at in range(problems)]
    given = [
        {"problem_index": at, "text": f"I add {at + 1} and 2.\n\n{way}, so it is \\boxed{{{at + 3 + off}}}."}
        for at in range(problems * 3 // 4)
        for way, off in ways
    ]
    for name, content in (("data", rows), ("given", given)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in content))
    script = [{"text": f"I add.\n\nIt is \\boxed{{{answer}}}.", "score": answer / 20} for answer in range(3, 12)]
    (folder / "script.json").write_text(json.dumps({"": script}))
    write_tiny(folder / "tiny.gguf", "llama")


def prepare() -> None:
    """Import what both commands need, so that each process has little more to do than its work."""
    import sklearn.linear_model
    import sklearn.preprocessing  # noqa: F401

    import ttcli.bench.session
    import ttcli.cli.bench
    import ttcli.cli.train
    import ttcli.policy.local.policy
    import ttcli.train.collect  # noqa: F401

    library()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of each command")
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which they are killed")
    parser.add_argument("--quick", action="store_true", help="20 kills, 10 of each; 12 problems")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kills, problems = (10, 12) if options.quick else (options.kills, options.problems)
    since, draw = time.monotonic(), random.Random(options.seed)
    os.environ["TTC_THREADS"] = "1"
    defaults = train_verifier.__kwdefaults__
    assert defaults is not None
    defaults["recipes"] = RECIPES[1:2]  # one kind of head instead of six: what is killed is the same
    prepare()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TTC_HOME"] = str(folder / "home")
        os.chdir(folder)
        write_inputs(folder, problems)
        methods = ("--method", "majority", "--method", "best-of-n", "--method", "beam", "--verifier", "scripted")
        drawing = ("bench", "data.jsonl", "-m", "scripted:script.json", "-b", "8", *methods)
        learning = ("train", "verifier", "data.jsonl", "-m", "tiny.gguf", "--solutions", "given.jsonl", "-k", "2")
        for what, arguments in (("bench", drawing), ("train verifier", (*learning, "--max-tokens", "20"))):
            (own := folder / arguments[0]).mkdir()
            found[what] = attack(arguments, own, head=what != "bench", kills=kills, draw=draw)
    whole = {key: sum(each[key] for each in found.values()) for key in ("kills", "lost", "doubled", "corrupt")}
    told = {**whole, **found, "seed": options.seed, "seconds": round(time.monotonic() - since, 1)}
    if options.json:
        print(json.dumps(told))
    else:
        print(*(f"{key}: {value}" for key, value in told.items()), sep="\n")
    return int(any(whole[key] for key in ("lost", "doubled", "corrupt")))


if __name__ == "__main__":
    raise SystemExit(main())
