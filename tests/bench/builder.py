"""Runs that nobody had to wait for: synthetic samples, written to a store as a bench writes real ones."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ttcli.answers import majority
from ttcli.bench.figures.problem import Spending
from ttcli.bench.figures.summary import Group, Summary, SummaryLine
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.bench.store.samples import _hash
from ttcli.bench.store.store import LoadRow, Run, Store
from ttcli.bench.store.task import Failed, Finished, Happened, News, Record, Task
from ttcli.cost import Budget, Cost, Unit
from ttcli.data.dataset import Row
from ttcli.events import CandidateFinished, CandidateStarted, Event, Outcome, VoteUpdated
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Candidate, Ended, Step
from ttcli.stats.intervals import Comparison, wilson

Text = Callable[[int, int, str | None], Sequence[str]]  # (position, number, answer) -> steps of a solution

_ASKED = "A shop sells {n} boxes of {k} pencils each. How many pencils does it sell in all?"


def make_rows(count: int, *, levels: Sequence[str] = (), subjects: Sequence[str] = ()) -> list[Row]:
    """Problems like those of GSM8K, with labels in turn where there are any."""
    return [
        Row(
            Problem(_ASKED.format(n=at + 3, k=at % 17 + 2), str(at + 1), str((at + 3) * (at % 17 + 2))),
            at + 1,
            levels[at % len(levels)] if levels else None,
            subjects[at % len(subjects)] if subjects else None,
        )
        for at in range(count)
    ]


def solution(position: int, number: int, answer: str | None) -> list[str]:
    """Two or three steps, which name the answer where there is one."""
    last = f"So the answer is \\boxed{{{answer}}}." if answer is not None else "I am not sure what to do"
    asides = ["I check this once more.\n\n"] if (position + number) % 3 == 0 else []
    return ["Every box holds the same number, so I multiply.\n\n", *asides, last]


@dataclass(frozen=True)
class Made:
    """How to make a run."""

    rows: Sequence[Row]
    samples: int = 8  # per problem
    verifiers: Sequence[str] = ("confidence",)  # each gets a best-of-n
    others: Sequence[str] = ()  # methods that are no votes: "adaptive", "greedy"
    failed: Collection[int] = ()  # positions where every task fails after half of the samples
    undone: Collection[int] = ()  # positions that nobody has begun
    skill: float = 0.45  # mean pass rate
    alike: bool = False  # whether all problems have that pass rate
    text: Text = solution
    model: str = "tiny"
    data: str = "gsm8k-like.jsonl"
    seed: int = 0
    parameters: int = 500_000_000

    @property
    def config(self) -> RunConfig:
        """What the run consists of."""
        budget = Budget(self.samples)
        return RunConfig(
            model=self.model,
            recipe={"model": self.model, "sampler": {"temperature": 0.8}, "max_tokens": 512},
            parameters=self.parameters,
            tasks=(
                Task("majority", "", budget),
                *(Task("best-of-n", verifier, budget) for verifier in self.verifiers),
                *(Task(name, "", Budget(1) if name == "greedy" else budget) for name in self.others),
            ),
            verifiers={name: VerifierConfig(f"key of {name}", 0) for name in self.verifiers},
            temperature=0.8,
            seed=self.seed,
            data=self.data,
            baseline="majority",
            command=("ttc", "bench", self.data, "--model", self.model, "--budget", str(self.samples)),
            ttc="0.0.0",
        )


def make_run(
    path: Path,
    problems: int | Sequence[Row] = 12,
    *,
    levels: Sequence[str] = (),
    subjects: Sequence[str] = (),
    loads: int = 20,
    bulk: bool = False,
    **options: Any,
) -> Run:
    """A run in the store at `path`, which may have others; options as in `Made`.

    `bulk` writes all in one transaction and without `Store.write`: for thousands of samples.
    """
    rows = make_rows(problems, levels=levels, subjects=subjects) if isinstance(problems, int) else list(problems)
    made = Made(rows, **options)
    with Store(path) as store:
        run = store.begin(made.config, rows)
        if bulk:
            _insert(store, run, made)
        else:
            for record in records(made):
                store.write(run, rows[record.position].problem, record)
        for at in range(loads):
            waiting = max(0, loads - 4 - at)
            full = 40 * 8 if waiting else 40 * (8 - 2 * (at - loads + 4))
            store.write_load(run, LoadRow(1.7e9 + 5 * at, 5.0, 40, full - at % 5, 3, waiting, 8))
        return run


def records(made: Made) -> Iterator[Record]:
    """What a bench would tell of the run, problem by problem."""
    for position in range(len(made.rows)):
        if position not in made.undone:
            yield from _of_problem(made, position)


def _of_problem(made: Made, position: int) -> Iterator[Record]:
    row, tasks = made.rows[position], made.config.tasks
    rng = random.Random(f"{made.seed} {row.problem.text}")
    rate = made.skill if made.alike else rng.betavariate(4 * made.skill, 4 * (1 - made.skill))
    failed = position in made.failed
    samples = [_sample(made, rng, position, number, rate) for number in range(made.samples)]
    for sample in samples[: made.samples // 2] if failed else samples:
        yield News(position, sample)
        for verifier in made.verifiers:
            if sample.answer is not None:
                yield News(position, _rating(sample, verifier, row.problem.answer, rng))
    for task in tasks:
        if failed:
            yield Failed(position, task, "the server went away")
        elif task.pooled:
            yield Finished(position, task, _outcome(samples))
        else:
            used = samples[: 1 if task.method == "greedy" else max(1, made.samples // 2)]
            yield from (Happened(position, task, event) for event in _events(used))
            yield Finished(position, task, _outcome(used))


def _sample(made: Made, rng: random.Random, position: int, number: int, rate: float) -> Sample:
    reference = made.rows[position].problem.answer or "0"
    answer: str | None = reference if rng.random() < rate else str(rng.choice([7, 11, 13, 19]))
    silent = rng.random() < 0.04
    if silent:
        answer = None
    steps = [Step(text, 20 + rng.randrange(30), -4.0) for text in made.text(position, number, answer)]
    ended = Ended.LENGTH if silent and rng.random() < 0.5 else Ended.STOP
    return Sample(SampleKey(0.8, made.seed, number), tuple(steps), ended, answer, 60, 0.5 + rng.random())


def _rating(sample: Sample, verifier: str, reference: str | None, rng: random.Random) -> Rating:
    mean = 0.65 if sample.answer == reference else 0.45
    score = round(min(1.0, max(0.0, rng.gauss(mean, 0.2))), 4)
    return Rating(sample.key, verifier, StepScores(score, (score,) * len(sample.steps), 30), 0.05)


def _candidate(sample: Sample) -> Candidate:
    text = "".join(step.text for step in sample.steps)
    return Candidate(sample.key.number, text, sample.answer, sample.ended, sample.tokens, -4.0)


def _events(samples: Iterable[Sample]) -> Iterator[Event]:
    drawn: list[Candidate] = []
    for sample in samples:
        drawn.append(_candidate(sample))
        yield CandidateStarted(sample.key.number)
        yield CandidateFinished(drawn[-1])
        yield VoteUpdated(majority(drawn))


def _outcome(samples: Sequence[Sample]) -> Outcome:
    candidates = tuple(map(_candidate, samples))
    ballot = majority(candidates)
    tokens = sum(each.tokens for each in samples)
    cost = Cost(len(samples), 60, tokens, 0, 60 * (len(samples) - 1), 1e9 * (60 + tokens), len(samples) * 1.0)
    return Outcome(ballot.leader.answer if ballot.leader else None, ballot, candidates, cost, None)


def _insert(store: Store, run: Run, made: Made) -> None:
    told = [*records(made)]
    samples = [(each.position, each.item) for each in told if isinstance(each, News) and isinstance(each.item, Sample)]
    ratings = [(each.position, each.item) for each in told if isinstance(each, News) and isinstance(each.item, Rating)]
    with store._database.write() as db:
        (source,) = db.execute("SELECT id FROM source WHERE key = ?", (run.config.source_key,)).fetchone()
        by_hash = dict(db.execute("SELECT hash, id FROM problem").fetchall())
        problem = [by_hash[_hash(row.problem.text)] for row in made.rows]
        db.executemany(
            "INSERT OR IGNORE INTO sample (source, problem, temperature, seed, number, steps, answer, ended, tokens, "
            "prompt_tokens, seconds, drawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(source, problem[at], *each.key),
                    json.dumps([[step.text, step.tokens, step.logprob] for step in each.steps]),
                    *(each.answer, each.ended.value, each.tokens, each.prompt_tokens, each.seconds, time.time()),
                )
                for at, each in samples
            ],
        )
        found = db.execute("SELECT problem, temperature, seed, number, id FROM sample WHERE source = ?", (source,))
        ids = {(of, SampleKey(*key)): row for of, *key, row in found}
        keys = run.config.verifiers
        db.executemany(
            "INSERT OR IGNORE INTO rating (sample, verifier, score, steps, tokens, seconds) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    *(ids[problem[at], each.sample], keys[each.verifier].key, each.scores.score),
                    *(json.dumps(each.scores.steps), each.scores.tokens, each.seconds),
                )
                for at, each in ratings
                if each.scores
            ],
        )
    _insert_results(store, run, made, told)


def _insert_results(store: Store, run: Run, made: Made, told: Sequence[Record]) -> None:
    for record in told:
        if not isinstance(record, News) and not (isinstance(record, Finished) and record.task.pooled):
            store.write(run, made.rows[record.position].problem, record)
    with store._database.write() as db:
        pooled = [each for each in told if isinstance(each, Finished) and each.task.pooled]
        db.executemany(
            "INSERT OR IGNORE INTO result (run, position, task, outcome, error) VALUES (?, ?, ?, NULL, NULL)",
            [(run.id, each.position, each.task.key) for each in pooled],
        )


def with_text(rows: Sequence[Row], position: int, text: str) -> list[Row]:
    """The rows, one with another text."""
    new = replace(rows[position], problem=replace(rows[position].problem, text=text))
    return [*rows[:position], new, *rows[position + 1 :]]


def make_line(
    name: str,
    budget: str,
    right: float,
    n: int = 100,
    *,
    tokens: float = 80.0,
    against: Comparison | None = None,
) -> SummaryLine:
    """A method that got so many of n problems right, as a summary has it."""
    amount = Budget.parse(budget)
    drawn = amount.amount if amount.unit is Unit.GENERATIONS else 1
    verified = 30 * drawn if "[" in name else 0
    spending = Spending(drawn, 60, tokens * drawn, verified, 60 * (drawn - 1), 1e9 * (60 + tokens * drawn), 0.8 * drawn)
    return SummaryLine(name, amount, n, right / n, wilson(right, n), spending, against)


def make_summary(lines: Sequence[SummaryLine], *, groups: Sequence[Group] = (), **options: Any) -> Summary:
    """A summary of these lines; options as in `Made`."""
    made = Made(make_rows(100), **options)
    run = Run(f"{made.config.run_id(made.rows)}", 1.7e9, made.config)
    done = max((line.problems for line in lines), default=0)
    return Summary(run, 100, done, 1 if lines else 0, 16 * done, 0.04, 0.02, tuple(lines), tuple(groups), 0.987)
