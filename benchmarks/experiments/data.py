"""What was drawn, as it is published: a line per stage and per problem, from which every table can be made again.

Of a sample there is which answer it gave, its tokens, and its scores in parts of 16,384, of the process reward model
by the last step, the least one and their product; of a search the answer and what it took; of chains each attempt.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import grade
from ttcli.bench.figures.problem import ProblemFigures, SampleCost, Settled, Spending, first_samples
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.samples import Facts, Score
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.data.dataset import Row
from ttcli.problem import Problem
from ttcli.solution import AnswerKind, Candidate, Ended
from ttcli.stats.subsets import subset_limit

UNIT = 1 << 14  # of scores: sums of such fractions are exact
TELLING = range(64, 96)  # samples that difficulty is told from, and nothing else is measured on; they are put last
VERIFIER, CONFIDENCE, OTHER = "verifier", "confidence", "other"
BASE = f"best-of-n[{VERIFIER}]"
FEWEST = 10  # problems that a search was drawn on, for it to be told of
LARGE = tuple(f"[{VERIFIER}]@{budget}" for budget in (64, 256))
WAYS = {VERIFIER: "last", f"{VERIFIER} min": "min", f"{VERIFIER} prod": "prod"}  # of the reward model's steps


def write(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    """Rows as compressed JSON lines; the same rows make the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n").encode())


@dataclass(frozen=True, eq=False)
class Attempts:
    """All chains of revisions of a problem, as candidates of a vote, by chain and attempt."""

    number: int  # of the problem
    reference: str
    chains: tuple[tuple[Candidate, ...], ...]

    def right(self, candidate: Candidate) -> bool:
        """Whether an attempt has the right answer."""
        return grade(candidate.answer, self.reference) is True


class Data:
    """A published file."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.stages = {row["name"]: row for row in rows if row["type"] == "stage"}
        self.rows = [row for row in rows if row["type"] == "problem"]
        self._attempts: dict[str, list[Attempts]] = {}  # by task

    def has(self, task: str, model: str = "policy") -> int:
        """How many problems a task that is no vote is done on."""
        return sum(task in row[model]["results"] for row in self.rows if model in row)

    @cached_property
    def shallow(self) -> list[ProblemFigures]:
        """All problems, with the samples that all of them have."""
        return self.figures("policy", self.rows, min(_depth(row, "policy") for row in self.rows))

    @cached_property
    def deep(self) -> list[ProblemFigures]:
        """The problems that have the most samples, with all of these."""
        most = max(_depth(row, "policy") for row in self.rows)
        if most == len(self.shallow[0].facts):
            return self.shallow
        return self.figures("policy", [row for row in self.rows if _depth(row, "policy") == most], most)

    @cached_property
    def measured(self) -> list[ProblemFigures]:
        """All problems, without the samples that difficulty is told from."""
        return [_untold(each) for each in self.shallow]

    @cached_property
    def measured_deep(self) -> list[ProblemFigures]:
        """The same of the problems that have the most samples."""
        return self.measured if self.deep is self.shallow else [_untold(each) for each in self.deep]

    @cached_property
    def measured_searched(self) -> list[ProblemFigures]:
        """Of these the ones that have every search at large budgets which enough of them have."""
        deep = {each.row.problem.id for each in self.deep}
        done = {
            str(row["id"]): {key for key in row["policy"]["results"] if key.endswith(LARGE) and "revise" not in key}
            for row in self.rows
            if str(row["id"]) in deep
        }
        counts = Counter(chain.from_iterable(done.values()))
        wanted = {key for key, count in counts.items() if count >= FEWEST}
        return [each for each in self.measured_deep if wanted and wanted <= done[each.row.problem.id]]

    @cached_property
    def large(self) -> list[ProblemFigures]:
        """What the sibling did."""
        rows = [row for row in self.rows if "large" in row]
        return self.figures("large", rows, min((_depth(row, "large") for row in rows), default=0))

    def figures(self, model: str, rows: Sequence[Mapping[str, Any]], depth: int) -> list[ProblemFigures]:
        """Problems as ttc's own figures have them, with their first samples; positions are those in `rows`."""
        keys = dict.fromkeys(key for row in rows for key in row[model]["results"])
        config = self._config(model, rows[0], depth, [_task(key) for key in keys]) if rows else None
        return [_figures(position, row, model, config, depth) for position, row in enumerate(rows) if config]

    def _config(self, model: str, row: Mapping[str, Any], depth: int, settled: Sequence[Task]) -> RunConfig:
        names = [name for name in row[model].get("scores", {}) if not name.startswith("noise")]
        counts = {name: self.stages["pool"]["verifiers"][name.partition(" ")[0]] for name in names}
        votes = [Task("majority", "", Budget(depth))] if depth else []
        votes += [Task("best-of-n", name, Budget(depth)) for name in names]
        votes += [Task("best-of-n-plain", name, Budget(depth)) for name in names if name == VERIFIER]
        stage = self.stages["pool" if model == "policy" else "large"]
        return RunConfig(
            model=stage["model"],
            recipe={},
            parameters=stage["parameters"],
            tasks=(*votes, *settled),
            verifiers={name: VerifierConfig(name, count) for name, count in counts.items()},
            temperature=1.0,
            seed=0,
            data="held-out problems",
            baseline=BASE if VERIFIER in names else "majority",
            command=(),
            ttc=stage["ttc"],
        )

    def attempts(self, task: str) -> list[Attempts]:
        """The chains of a task, of the problems that have it."""
        if task not in self._attempts:
            rows = [row for row in self.rows if task in row["policy"].get("chains", {})]
            self._attempts[task] = [_attempts(row, row["policy"]["chains"][task]) for row in rows]
        return self._attempts[task]

    @property
    def noisy(self) -> set[str]:
        """The names of the verifiers that were made worse."""
        return {name for row in self.rows for name in row["policy"].get("scores", {}) if name.startswith("noise")}

    def scores(self, name: str, places: Sequence[int]) -> list[NDArray[np.float64]]:
        """Of these problems, what a verifier says of the samples, in the order in which they were drawn."""
        return [np.array(self.rows[at]["policy"]["scores"][name]) / UNIT for at in places]


def _untold(figures: ProblemFigures) -> ProblemFigures:
    return first_samples(figures, len(figures.facts) - len(TELLING))


def _depth(row: Mapping[str, Any], model: str) -> int:
    return len(row[model]["samples"]["answer"]) if "samples" in row[model] else 0


def _task(key: str) -> Task:
    name, _, budget = key.rpartition("@")
    method, _, verifier = name.partition("[")
    return Task(method, verifier.removesuffix("]"), Budget(float(budget)))


def _figures(position: int, row: Mapping[str, Any], model: str, config: RunConfig, depth: int) -> ProblemFigures:
    own, answers = row[model], [*row["answers"], None]  # the last one, -1: no answer
    told, samples = own.get("scores", {}), own.get("samples", {})
    cut, sure = set(samples.get("cut", ())), told.get(CONFIDENCE)
    tokens = own.get("read", {})  # by verifier: what it read of each sample

    def scores(number: int) -> dict[str, Score]:
        known = {name: values[number] for name, values in told.items() if name in config.verifiers}
        read = {name: tokens.get(name.partition(" ")[0]) for name in known}
        return {
            name: Score(value / UNIT if value >= 0 else None, values[number] if (values := read[name]) else 0, 0.0)
            for name, value in known.items()
            if value is not None
        }

    order = [*range(TELLING.start), *range(TELLING.stop, depth), *TELLING] if depth >= TELLING.stop else [*range(depth)]
    facts = tuple(
        Facts(
            position=position,
            id=number,
            number=place,
            answer=answers[samples["answer"][number]],
            ended=Ended.LENGTH if number in cut else Ended.STOP,
            tokens=samples["tokens"][number],
            prompt_tokens=own["prompt"],
            seconds=0.0,
            confidence=sure[number] / UNIT if sure and sure[number] >= 0 else None,
            scores=scores(number),
        )
        for place, number in enumerate(order)
    )
    settled = {
        key: Settled(answers[answer], grade(answers[answer], row["answer"]) is True, Spending(*spent, seconds=0.0))
        for key, (answer, *spent) in own["results"].items()
    }
    problem = Row(Problem(row["problem"], str(row["id"]), row["answer"]), row["id"] + 1, None, None)
    bare = ProblemFigures(
        position, problem, config, facts, SampleCost(0, 0.0), None, {}, settled, {}, 0, subset_limit(1000)
    )
    return first_samples(bare, depth)


def _attempts(row: Mapping[str, Any], told: Sequence[Sequence[tuple[int, int]]]) -> Attempts:
    answers = [*row["answers"], None]
    chains = [
        tuple(
            Candidate(
                place * len(told) + number,
                "",
                answers[answer],
                Ended.STOP,
                0,
                None,
                score=score / UNIT if score >= 0 else None,
                chain=number,
                attempt=place,
                kind=AnswerKind.SHORT,
            )
            for place, (answer, score) in enumerate(chain)
        )
        for number, chain in enumerate(told)
    ]
    return Attempts(row["id"], row["answer"], tuple(chains))
