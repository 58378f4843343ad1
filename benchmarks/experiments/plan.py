"""What is drawn for the experiments: stages, each a `ttc bench` on part of the held-out problems, all on one store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lab.task import held

from experiments.data import OTHER, VERIFIER
from experiments.worse import Worse

COMMON = ("--temperature", "1", "--max-tokens", "160", "--threads", "1", "--quiet")
GRACE = 60.0  # seconds that a bench has to end after Ctrl-C

SHALLOW, DEEP = 96, 288  # samples of every problem, and of those that are to have many


@dataclass(frozen=True)
class Lab:
    """The models, as `ttc` calls them, and how many problems there are of each kind."""

    policy: str
    large: str
    verifier: str  # of steps, as --verifier takes it
    reviser: str | None  # None: the policy revises by itself
    other: str | None  # another verifier that scores the samples, to compare with; None: there is none
    problems: int  # with SHALLOW samples and beam search
    deep: int  # of these, the first so many have DEEP samples
    searched: int  # of these, the first so many have every search
    chained: int  # and so many have chains of revisions, and are searched by worse verifiers

    @property
    def verifiers(self) -> dict[str, str]:
        """What scores the samples, by the name that it has in the data."""
        known = {VERIFIER: self.verifier}
        known |= {"confidence": "confidence"} if self.verifier != "confidence" else {}
        return known if self.other is None else {**known, OTHER: self.other}


class Stage(NamedTuple):
    """A `ttc bench`, but for what all have in common."""

    name: str
    problems: int  # the first so many
    model: str
    options: tuple[str, ...]
    verifiers: dict[str, str]  # by the name in the data


def stages(lab: Lab, worse: Sequence[Worse]) -> list[Stage]:
    """Everything, in the order in which it is most wanted; `worse`: the verifier with noise in it."""
    scored = tuple(word for name in lab.verifiers.values() for word in ("--verifier", name))
    plain = ("--method", "majority", "--method", "best-of-n", "--method", "best-of-n-plain", *scored)

    def search(
        name: str, problems: int, methods: Sequence[str], budgets: str, called: str = VERIFIER, by: str = lab.verifier
    ) -> Stage:
        options = tuple(word for method in methods for word in ("--method", method))
        return Stage(name, problems, lab.policy, (*options, "--budget", budgets, "--verifier", by), {called: by})

    def chains(name: str, problems: int, budget: int) -> Stage:
        reviser = ("--reviser", lab.reviser) if lab.reviser else ()
        stage = search(name, problems, ("revise:ratio=1",), str(budget))
        return stage._replace(options=(*stage.options, *reviser))

    found = [
        Stage("pool", lab.problems, lab.policy, (*plain, "--budget", str(SHALLOW)), lab.verifiers),
        search("beam-small", lab.problems, ("beam:m=sqrt", "beam:m=4"), "4"),
        search("beam", lab.problems, ("beam:m=4",), "16,64"),
        search("charged", lab.problems, ("auto:beam:m=4",), "16"),
        search("particles", lab.problems, ("rebase", "particles"), "4,16"),
        search("charged-particles", lab.problems, ("auto:particles",), "16"),
        chains("chains", lab.chained, 64),
        Stage("greedy", lab.problems, lab.policy, ("--method", "greedy"), {}),
        Stage("large", lab.problems, lab.large, ("--method", "greedy"), {}),
        Stage("deep-pool", lab.deep, lab.policy, (*plain, "--budget", str(DEEP)), lab.verifiers),
        search("charged-more", lab.searched, ("auto:beam:m=4",), "64"),
        search("searches", lab.searched, SEARCHES, "16,64"),
        search("beam-wide", lab.searched, ("beam:m=sqrt",), "64"),
        search("beam-deep", lab.searched, ("beam:m=4",), "256"),
        chains("long-chains", lab.searched, 256),
    ]
    votes_and_search = ("best-of-n", "beam:m=4")
    found += [
        search(f"noise-{each.level:g}", lab.chained, votes_and_search, "4,16,64", f"noise {each.level:g}", each.called)
        for each in worse
    ]
    return found


SEARCHES = ("dvts:m=4", "rebase", "particles", "lookahead:k=1,m=4", "lookahead:k=3,m=4")


class Share(NamedTuple):
    """A stage on every other problem: each of two processes works on one of them."""

    stage: Stage
    command: tuple[str, ...]  # all that follows `ttc`: a run remembers it, and is found by it


def shares(stage: Stage, work: Path, cores: int) -> list[Share]:
    """The stage in as many parts as there are cores; the problems are written to files."""
    found = []
    for part in range(cores):
        path = work / f"held-{stage.problems}-{part + 1}-of-{cores}.jsonl"
        if not path.exists():
            rows = [
                json.dumps({"id": str(number), "problem": task.problem, "answer": task.answer})
                for number, task in enumerate(held()[: stage.problems])
            ]
            path.write_text("\n".join(rows[part::cores]) + "\n", encoding="utf-8")
        store = ("--store", str(work / "paper.sqlite3"))
        found.append(Share(stage, ("bench", str(path), "--model", stage.model, *stage.options, *COMMON, *store)))
    return found


def draw(todo: Sequence[Stage], work: Path, cores: int) -> bool:
    """Run all stages, the parts of each side by side; whether all are done. Ctrl-C: the same command goes on."""
    for stage in todo:
        begin = time.monotonic()
        print(f"{time.strftime('%H:%M:%S')} {stage.name}", file=sys.stderr, flush=True)
        if not _side_by_side([share.command for share in shares(stage, work, cores)]):
            print(f"stopped in {stage.name}; the same command goes on", file=sys.stderr)
            return False
        with (work / "times.jsonl").open("a", encoding="utf-8") as file:
            print(json.dumps({"stage": stage.name, "seconds": round(time.monotonic() - begin, 1)}), file=file)
    return True


def _side_by_side(commands: Sequence[tuple[str, ...]]) -> bool:
    """Run commands of ttc at once; False where Ctrl-C stopped them."""
    ttc = (sys.executable, "-m", "ttcli")
    running = [subprocess.Popen([*ttc, *words], stdout=subprocess.DEVNULL) for words in commands]
    try:
        codes = [process.wait() for process in running]
    except KeyboardInterrupt:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(GRACE)
        return False
    if 130 in codes:
        return False
    if any(codes):
        sys.exit(f"error: ttc {' '.join(commands[[bool(code) for code in codes].index(True)])} failed")
    return True


def done_before(work: Path) -> Iterator[str]:
    """Names of the stages that are done."""
    path = work / "times.jsonl"
    if path.exists():
        yield from (json.loads(line)["stage"] for line in path.read_text(encoding="utf-8").splitlines())
