"""How full the decodes of a search are, and where its time goes.

    python benchmarks/rounds.py                       beam, 2 problems of GSM8K train one by one, default model
    python benchmarks/rounds.py --together            the same in one engine, as `ttc bench` has them
    python benchmarks/rounds.py --model lab-policy --verifier prm:lab-prm --data models/lab/problems.jsonl

A round of a search ends with its longest step, and the places of shorter ones are empty until then. One by one, a
problem has as many places as it has beams; together, all problems share those of the engine's width.

    full              texts that grew, over the places of all decodes
    waited            places of steps that had ended, or not begun, while others of the round were written (one by one)
    over              places that no step of the round had any more (one by one)
    idle              places that were empty while problems waited to be opened (together)
    eighths           decodes by how full they were, in eighths of the places: up to 1/8 first
    policy, verifier  seconds in llama.cpp; the rest is sampling and Python
    again             tokens decoded a second time: by the policy, and by the verifier

Seconds are those of the clock, or with `--clock cpu` of the processor, which with `--threads 1` are of use on a machine
that has other work. `same` as a verifier is the policy's own GGUF, read as a process reward model (see `search.py`).
"""

# ruff: noqa: SLF001  # counters go where no door is

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ttcli.bench.execute.worker import engine
from ttcli.bench.store.task import Finished, Happened, Task, Work
from ttcli.catalog.forms import PrmForm
from ttcli.cost import Budget, Cost
from ttcli.data.dataset import read_dataset
from ttcli.engine.session import Session
from ttcli.events import StepsSelected
from ttcli.interrupt import Interrupt
from ttcli.runtime.runtime import Runtime, load_runtime
from ttcli.runtime.settings import Machine, Settings
from ttcli.search.methods import parse_method
from ttcli.terminal.download import download_progress
from ttcli.verifier.form import StepTag
from ttcli.verifier.growing import GrowingReader
from ttcli.verifier.prm import Prm
from ttcli.verifier.spec import VerifierSpec

DATA = Path(__file__).parents[2] / "shared" / "data" / "gsm8k_train.jsonl"
SAME = "same"
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass
class Counts:
    """What the searches of a method did."""

    clock: Callable[[], float]
    policy: Session | None = None
    rows: list[int] = field(default_factory=list)  # texts that grew, by decode of the policy
    rounds: list[int] = field(default_factory=list)  # decodes that there had been when a round ended
    waiting: list[bool] = field(default_factory=list)  # by decode: whether problems waited to be opened
    wait: bool = False
    seconds: dict[str, float] = field(default_factory=lambda: {"policy": 0.0, "verifier": 0.0, "all": 0.0})
    read: int = 0  # tokens that the verifier decoded
    reads: int = 0  # decodes of the verifier
    again: int = 0  # tokens of these that it had decoded before
    cost: Cost = field(default_factory=Cost)

    def watch(self) -> None:
        """Count what sessions and verifiers do from now on."""
        decode, grow = Session.decode, GrowingReader._decode

        def decoded(session: Session, pieces: Any) -> Any:
            begin = self.clock()
            found = decode(session, pieces)
            who = "policy" if session is self.policy else "verifier"
            self.seconds[who] += self.clock() - begin
            if who == "policy":
                self.rows.append(len(found))
                self.waiting.append(self.wait)
            else:
                self.reads += 1
                self.read += sum(piece.size for piece in pieces)
            return found

        def grown(reader: Any, places: Sequence[Any]) -> None:
            fresh = sum(len(place.ids) for place in places if place.value is None)
            grow(reader, places)
            self.again += sum(len(place.branch.tokens) for place in places) - fresh

        Session.decode, GrowingReader._decode = decoded, grown  # type: ignore[method-assign, assignment]

    def told(self, places: int, *, together: bool, again: int) -> dict[str, Any]:
        """The figures."""
        rows, decodes = self.rows, len(self.rows)
        room = places * decodes
        figures: dict[str, Any] = {"decodes": decodes, "rows": sum(rows), "full": sum(rows) / room}
        if together:
            idle = sum(places - count for count, wait in zip(rows, self.waiting, strict=True) if wait)
            figures |= {"idle": idle / room, "decodes_while_waiting": sum(self.waiting)}
        else:
            bounds = [0, *self.rounds, decodes]
            rounds = [rows[begin:end] for begin, end in itertools.pairwise(bounds) if end > begin]
            waited = sum(max(each) * len(each) - sum(each) for each in rounds)
            figures |= {"rounds": len(rounds), "waited": waited / room, "over": 1 - (sum(rows) + waited) / room}
        eighths = [0] * 8
        for count in rows:
            eighths[min(7, (count - 1) * 8 // places)] += 1
        seconds = {name: round(value, 2) for name, value in self.seconds.items()}
        seconds["rest"] = round(seconds["all"] - seconds["policy"] - seconds["verifier"], 2)
        return (
            {name: round(value, 3) for name, value in figures.items()}
            | {"eighths": eighths, "seconds": seconds, "again": [again, self.again]}
            | {"tokens": self.cost.policy_tokens, "read": self.read, "reads": self.reads}
            | {"tokens_per_second": round(self.cost.policy_tokens / max(self.seconds["all"], 1e-9), 1)}
        )


def runtime_of(options: argparse.Namespace) -> Any:
    """A context manager: models loaded as a bench would."""
    demands = [parse_method(name).demand(Budget(options.budget)) for name in options.methods.split(",")]
    demand = max(demands, key=lambda each: each.beams)
    specs = [] if options.verifier == SAME else [VerifierSpec.parse(options.verifier)]
    settings = Settings(
        options.model,
        max_tokens=options.max_tokens,
        seed=options.seed,
        machine=Machine(width=options.width or (None if options.together else options.budget), threads=options.threads),
    )
    return load_runtime(settings, Interrupt(), download_progress(), bench=specs, demand=demand)


def searched(runtime: Runtime, works: Sequence[Work], counts: Counts, *, together: bool) -> None:
    """Run the searches."""

    def handed() -> Iterator[Work]:
        for number, work in enumerate(works, start=1):
            counts.wait = number < len(works)  # asked for: it is opened at once
            yield work

    worker = engine(runtime)
    begin = counts.clock()
    for batch in [handed()] if together else [iter([work]) for work in works]:
        for record in worker.run(batch):
            counts.policy = runtime.policy.scheduler.session  # type: ignore[attr-defined]
            if isinstance(record, Happened) and isinstance(record.event, StepsSelected):
                counts.rounds.append(len(counts.rows))
            elif isinstance(record, Finished):
                counts.cost += record.outcome.cost
    counts.seconds["all"] = counts.clock() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--methods", default="beam", help="names, with commas")
    parser.add_argument("--verifier", default=SAME)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--problems", type=int, default=2, help="from the first")
    parser.add_argument("--budget", type=int, default=16, help="N")
    parser.add_argument("--width", type=int, help="places; as many as beams, or with --together as in a bench")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--clock", choices=[*CLOCKS], default="wall")
    parser.add_argument("--together", action="store_true", help="all problems in one engine")
    parser.add_argument("--json", action="store_true", help="JSON lines on stdout")
    options = parser.parse_args()
    problems = [row.problem for row in read_dataset(str(options.data)).rows][: options.problems]
    original = Session.decode, GrowingReader._decode
    for method in options.methods.split(","):
        counts = Counts(CLOCKS[options.clock])
        with runtime_of(options) as runtime:
            policy = runtime.policy
            if options.verifier == SAME:
                form = StepTag(policy.model, PrmForm("step-tag", "+", "-", "ки"))
                prm = Prm(policy.model, form, threads=options.threads)
                runtime.verifiers = {SAME: prm}
            policy.expect(problems)
            policy.release([policy.start(problems[0])])  # its context is made
            counts.policy = policy.scheduler.session
            counts.watch()
            works = [
                Work(at, problem, (Task(method, options.verifier, Budget(options.budget)),))
                for at, problem in enumerate(problems)
            ]
            searched(runtime, works, counts, together=options.together)
            places = policy.scheduler.session.width
            told = counts.told(places, together=options.together, again=policy.scheduler.again)
            if options.verifier == SAME:
                prm.close()
        Session.decode, GrowingReader._decode = original  # type: ignore[method-assign]
        if options.json:
            print(json.dumps({"method": method, "places": places} | told))
        else:
            print(f"{method}: {places} places")
            for name, value in told.items():
                print(f"{name:>24}  {value}")


if __name__ == "__main__":
    main()
