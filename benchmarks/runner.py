"""What a bench adds to the engine's time: problems through its runner, and the same jobs fed to the scheduler.

    python benchmarks/runner.py DATA.jsonl [--problems 8] [--budget 16] [--max-tokens 160] [--model NAME] [--json]

    runner   problems interleaved by `ttcli.bench`: pool, votes, events, every sample written to a store on disk
    engine   the same prompts, seeds and sampler as jobs of the bare scheduler, refilled as places fall free

The two take turns, a decode of one and a decode of the other, each with its own clock, because the speed of a shared
machine drifts by the second. Compared is the time per 1,000 sampled tokens while problems wait, in stretches of 50
decodes each: minimum, median and maximum of the ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ttcli.bench.execute.runner import Runner
from ttcli.bench.execute.worker import describe
from ttcli.bench.execute.worker import engine as crew_of
from ttcli.bench.plan import make_tasks
from ttcli.bench.session import BenchSpec, config_of
from ttcli.bench.store.store import Store
from ttcli.catalog.pull import resolve
from ttcli.data.dataset import Row, read_dataset, select
from ttcli.engine import machine
from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate
from ttcli.interrupt import Interrupt
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.runtime.runtime import Runtime, load_runtime
from ttcli.runtime.settings import Settings
from ttcli.terminal.download import download_progress

STRETCH = 50  # decodes per ratio


def runner(store: Store, order: BenchSpec, runtime: Runtime) -> Iterator[int]:
    """Tokens of each decode."""
    run = store.begin(config_of(order, describe(runtime)), order.rows)
    before = 0
    for _ in Runner(store, run).go(crew_of(runtime)):
        load = runtime.policy.load
        rows = load.rows if load else 0
        if rows > before:
            yield rows - before
            before = rows


def engine(policy: LocalPolicy, session: Session, rows: tuple[Row, ...], budget: int, tokens: int) -> Iterator[int]:
    """Tokens of each decode."""
    template, scheduler = ChatTemplate(policy.model), Scheduler(session)

    def jobs() -> Iterator[Job]:
        for row in rows:
            root = Branch(None, template.encode(Prompt().messages(row.problem)))
            for index in range(budget):
                until = StopCriteria(tokens, separator="\n\n")
                yield Job(root, SamplingParams(), until, generator(0, row.problem.key, index))

    waiting = jobs()
    while True:
        while scheduler.room > 0 and (job := next(waiting, None)):
            scheduler.submit(job)
        if not scheduler.busy:
            return
        before = scheduler.rows
        scheduler.step()
        yield scheduler.rows - before


class Clock:
    """One of the ways, with what it has drawn and how long that took."""

    def __init__(self, steps: Iterator[int]) -> None:
        self._steps = steps
        self.tokens = 0
        self.seconds = 0.0

    def turn(self) -> bool:
        """Let it have a decode; False at its end."""
        began = time.perf_counter()
        tokens = next(self._steps, None)
        self.seconds += time.perf_counter() - began
        self.tokens += tokens or 0
        return tokens is not None

    def per_thousand(self) -> float:
        """Seconds per 1,000 tokens since the last time it was asked."""
        told = 1000 * self.seconds / max(self.tokens, 1)
        self.tokens, self.seconds = 0, 0.0
        return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--problems", type=int, default=8)
    parser.add_argument("--budget", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=160)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = select(read_dataset(options.data).rows, limit=options.problems)
    settings = Settings(model=options.model, max_tokens=options.max_tokens)
    tasks = make_tasks(["majority", "best-of-n"], ["confidence"], str(options.budget))
    order = BenchSpec(settings, tasks, "majority", Path(options.data).name, rows, ())
    resolve(options.model, offline=False, progress=download_progress())
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder) / "runs.sqlite3") as store,
        load_runtime(settings, Interrupt(), download_progress(), bench=order.verifiers) as runtime,
    ):
        policy = runtime.policy
        if not isinstance(policy, LocalPolicy):
            raise SystemExit("this measures the engine in this process")
        policy.expect([row.problem for row in rows])
        policy.release([policy.start(rows[0].problem)])  # its context is made: the other gets as many cells
        ours = policy.scheduler.session
        session = Session(
            policy.model,
            cells=ours.longest if ours.streams else ours.cells,
            width=policy.width,
            sequences=ours.sequences,
            streams=ours.streams,
            flash_attention=not ours.streams,
            threads=machine.threads(),
        )
        ratios, seconds = measure(
            Clock(runner(store, order, runtime)),
            Clock(engine(policy, session, rows, options.budget, options.max_tokens)),
        )
        session.close()
    told = {
        "model": options.model,
        "width": policy.width,
        "stretches": len(ratios),
        "ratio": {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)},
        "seconds_per_1000_tokens": {name: statistics.median(each) for name, each in seconds.items()},
    }
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


def measure(ours: Clock, bare: Clock) -> tuple[list[float], dict[str, list[float]]]:
    """Ratios runner / engine of seconds per token, and the seconds per 1,000 tokens of both, stretch by stretch."""
    ratios: list[float] = []
    seconds: dict[str, list[float]] = {"runner": [], "engine": []}
    while True:
        for _ in range(STRETCH):
            if not (ours.turn() and bare.turn()):
                return ratios, seconds
        seconds["runner"].append(ours.per_thousand())
        seconds["engine"].append(bare.per_thousand())
        ratios.append(seconds["runner"][-1] / seconds["engine"][-1])


if __name__ == "__main__":
    main()
