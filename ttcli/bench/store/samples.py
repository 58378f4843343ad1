"""The samples and ratings of a store: filed under the problem and what drew them, for every run that can use them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.bench.store.checksum import checksum, has_column
from ttcli.bench.store.database import ODD, Database
from ttcli.bench.store.repairs import insert_repairs, read_repairs
from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.bench.store.states import States, insert_states, stacked
from ttcli.bench.store.thoughts import NO_THOUGHT, insert_thought, read_thoughts
from ttcli.seams import StepScores
from ttcli.solution import Ended, Step, confidence

_ENDS = {ended.value for ended in Ended}


class Score(NamedTuple):
    """What tables need of a rating."""

    score: float | None  # None: it could not be scored
    tokens: int
    seconds: float


class Facts(NamedTuple):
    """What tables need of a sample: all but its text."""

    position: int  # of its problem in the run
    id: int  # in the store
    number: int
    answer: str | None
    ended: Ended
    tokens: int
    prompt_tokens: int
    seconds: float
    confidence: float | None  # of the policy, as `Candidate.confidence`
    scores: Mapping[str, Score]  # by verifier key


class Samples:
    """Samples of one source: what drew them."""

    def __init__(self, database: Database, source_key: str) -> None:
        self._database = database
        self._source_key = source_key

    def of(
        self, problem: str, keys: Mapping[str, str], layers: Iterable[int] = ()
    ) -> tuple[list[Sample], list[Rating]]:
        """All samples of a problem's text, and their ratings under these verifier keys, by what the user calls them.

        Steps carry the states of `layers`, as far as these are kept.
        """
        found = self._database.read(
            "SELECT sample.id, temperature, seed, number, steps, ended, tokens, answer, prompt_tokens, seconds "
            f"FROM sample {_OF_PROBLEM}",
            (_hash(problem), self._source_key),
        )
        states = States(self._database).by_step([row for row, *_ in found], layers)
        thoughts = read_thoughts(self._database, [row for row, *_ in found])
        repairs = read_repairs(self._database, [row for row, *_ in found])
        samples = {}
        for row, temperature, seed, number, steps, ended, tokens, *rest in found:
            try:
                thought = thoughts.get(row, NO_THOUGHT)
                written = thought.onto(_steps(steps, states.get(row)))
                key, (answer, prompt_tokens, seconds) = SampleKey(temperature, seed, number), rest
                whole = Sample(key, written, Ended(ended), answer, prompt_tokens, seconds, thought.thought)
                mended = repairs.get(row, ())
                samples[row] = replace(whole, repairs=mended, dropped=tokens - whole.tokens if mended else 0)
            except ODD as error:
                self._database.pass_over(f"sample {row}", error)
        names = {key: name for name, key in keys.items()}
        opinions = self._database.read(
            "SELECT rating.sample, verifier, rating.score, rating.steps, rating.tokens, rating.seconds "
            f"FROM rating JOIN sample ON sample.id = rating.sample {_OF_PROBLEM}",
            (_hash(problem), self._source_key),
        )
        ratings = []
        for row, key, score, steps, tokens, seconds in opinions:
            if key in names and row in samples:
                try:
                    opinion = _opinion(score, steps, tokens)
                except ODD as error:
                    self._database.pass_over(f"a rating of sample {row}", error)
                else:
                    ratings.append(Rating(samples[row].key, names[key], opinion, seconds))
        return [*samples.values()], ratings

    def speed(self) -> float | None:
        """Tokens per second of the machine, over all samples of the source; None where that was not measured."""
        ((tokens, seconds),) = self._database.read(
            "SELECT total(tokens), total(seconds) FROM sample WHERE seconds > 0 "
            "AND source = (SELECT id FROM source WHERE key = ?)",
            (self._source_key,),
        )
        return tokens / seconds if tokens and seconds else None

    def speed_at(self, width: int) -> float | None:
        """Tokens per second of runs of the source that decoded so many texts at once; None: there are none."""
        ((tokens, seconds),) = self._database.read(
            "SELECT total(rows), total(seconds) FROM load WHERE width = ? AND seconds > 0 "
            "AND run IN (SELECT run.id FROM run JOIN source ON source.id = run.source WHERE source.key = ?)",
            (width, self._source_key),
        )
        return tokens / seconds if tokens and seconds else None

    def steps(self, ids: Collection[int]) -> dict[int, tuple[Step, ...]]:
        """The steps of samples, by their ids in the store."""
        found = self._database.read(
            "SELECT id, steps FROM sample WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([*ids]),)
        )
        known = {}
        for row, steps in found:
            try:
                known[row] = _steps(steps)
            except ODD as error:
                self._database.pass_over(f"sample {row}", error)
        return known

    def add(self, problem: str, sample: Sample) -> None:
        """Keep a sample, and the hidden states that its steps carry; one that is there already stays as it is."""
        key = sample.key
        steps = json.dumps([[step.text, step.tokens, step.logprob] for step in sample.steps])
        values = (
            *(float(key.temperature), key.seed, key.number, steps, sample.answer, sample.ended.value),
            *(sample.tokens, sample.prompt_tokens, float(sample.seconds)),
        )
        with self._database.write() as db:
            added = db.execute(
                "INSERT OR IGNORE INTO sample (source, problem, temperature, seed, number, steps, answer, ended, "
                "tokens, prompt_tokens, seconds, drawn, checksum) "
                "SELECT source.id, problem.id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? "
                "FROM source, problem WHERE source.key = ? AND problem.hash = ?",
                (
                    *(*values, time.time(), checksum(self._source_key, _hash(problem), *values)),
                    *(self._source_key, _hash(problem)),
                ),
            )
            if added.rowcount and added.lastrowid is not None:
                insert_states(db, added.lastrowid, stacked([step.states for step in sample.steps]))
                insert_thought(db, added.lastrowid, sample.thought, sample.steps)
                insert_repairs(db, added.lastrowid, sample.repairs)

    def rate(self, problem: str, rating: Rating, verifier_key: str) -> None:
        """Keep a rating; one that is there already stays as it is."""
        scores = rating.scores
        told = (float(scores.score), json.dumps(scores.steps), scores.tokens) if scores else (None, "[]", 0)
        values = (verifier_key, *told, float(rating.seconds))
        key = (float(rating.sample.temperature), rating.sample.seed, rating.sample.number)
        with self._database.write() as db:
            db.execute(
                "INSERT OR IGNORE INTO rating (sample, verifier, score, steps, tokens, seconds, checksum) "
                f"SELECT sample.id, ?, ?, ?, ?, ?, ? FROM sample {_OF_PROBLEM} "
                "AND temperature = ? AND seed = ? AND number = ?",
                (
                    *(*values, checksum(self._source_key, _hash(problem), *key, *values)),
                    *(_hash(problem), self._source_key, *rating.sample),
                ),
            )

    def facts(self, run: str, temperature: float, seed: int, depth: int, *, position: int | None = None) -> list[Facts]:
        """The first `depth` samples of the problems of a run, or of one, by position and number."""
        where = (
            "FROM item JOIN sample ON sample.problem = item.problem JOIN source ON source.id = sample.source "
            "AND source.key = ? {} WHERE item.run = ? AND temperature = ? AND seed = ? AND number < ? "
            "AND (? IS NULL OR position = ?)"
        )
        values = (self._source_key, run, temperature, seed, depth, position, position)
        columns = "position, sample.id, number, sample.answer, ended, sample.tokens, prompt_tokens, sample.seconds"
        columns += f", json_valid(sample.steps), {_step_sum(1)}, {_step_sum(2)}"
        found = self._database.read(f"SELECT {columns} {where.format('')} ORDER BY position, number", values)
        join = where.format("JOIN rating ON rating.sample = sample.id")
        scores: dict[int, dict[str, Score]] = {}
        for row, verifier, *score in self._database.read(
            f"SELECT sample.id, verifier, score, rating.tokens, rating.seconds {join}", values
        ):
            scores.setdefault(row, {})[verifier] = Score(*score)
        facts = []
        for at, row, number, answer, ended, tokens, prompt_tokens, seconds, valid, spoken, logprob in found:
            if ended in _ENDS and valid:
                own = scores.get(row, {})
                sure = None if spoken is None else confidence(logprob, int(spoken))
                facts.append(Facts(at, row, number, answer, Ended(ended), tokens, prompt_tokens, seconds, sure, own))
            else:
                self._database.pass_over(f"sample {row}", "it is not what ttc writes")
        return facts


class Verdicts:
    """Pairs of answers that took mathematics to compare, once for all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, str], str] = {}  # pairs read or written here, with the version

    def all(self, layer: str) -> dict[tuple[str, str], bool | None]:
        """Every verdict by this version of what compares answers; None: it takes longer than it may."""
        return self._read(layer)

    def among(self, answers: Collection[str], layer: str) -> dict[tuple[str, str], bool | None]:
        """Those about two of these answers, which are LaTeX as a pair has it."""
        told = json.dumps([*answers])
        between = "AND a IN (SELECT value FROM json_each(?)) AND b IN (SELECT value FROM json_each(?))"
        return self._read(layer, between, told, told)

    def _read(self, layer: str, more: str = "", *values: str) -> dict[tuple[str, str], bool | None]:
        if not has_column(self._database, "verdict", "layer"):
            return {}
        query = f"SELECT a, b, same, checksum FROM verdict WHERE layer = ? {more}"
        verdicts = {
            (a, b): None if same is None else bool(same)
            for a, b, same, written in self._database.read(query, (layer, *values))
            if written == checksum(a, b, layer, same)
        }
        self._kept |= dict.fromkeys(verdicts, layer)
        return verdicts

    def add(self, verdicts: Mapping[tuple[str, str], bool | None], layer: str) -> None:
        """Keep verdicts, but for those that were read or kept here already; also in the place of another version's."""
        new = {pair: same for pair, same in verdicts.items() if self._kept.get(pair) != layer}
        if new:
            rows = [(a, b, layer, None if same is None else int(same)) for (a, b), same in new.items()]
            with self._database.write() as db:
                db.executemany(
                    "INSERT OR REPLACE INTO verdict (a, b, layer, same, checksum) VALUES (?, ?, ?, ?, ?)",
                    [(*row, checksum(*row)) for row in rows],
                )
            self._kept |= dict.fromkeys(new, layer)


_OF_PROBLEM = (
    "JOIN problem ON problem.id = sample.problem JOIN source ON source.id = sample.source "
    "WHERE problem.hash = ? AND source.key = ?"
)


def problem_id(db: sqlite3.Connection, text: str) -> int:
    """The row of a problem's text, made where there is none."""
    db.execute("INSERT OR IGNORE INTO problem (hash, text) VALUES (?, ?)", (_hash(text), text))
    return int(db.execute("SELECT id FROM problem WHERE hash = ?", (_hash(text),)).fetchone()[0])


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _steps(text: str, states: Sequence[Mapping[int, NDArray[np.float32]]] | None = None) -> tuple[Step, ...]:
    steps = json.loads(text)
    carried: Sequence[Mapping[int, NDArray[np.float32]]] = [{} for _ in steps] if states is None else states
    pairs = zip(steps, carried, strict=True)
    return tuple(Step(written, tokens, logprob, own) for (written, tokens, logprob), own in pairs)


def _step_sum(number: int) -> str:
    """Over the steps of a sample, in SQL; NULL where that is not known of all of them."""
    value = f"json_extract(value, '$[{number}]')"
    known = f"SELECT CASE WHEN count(*) = count({value}) THEN total({value}) END FROM json_each(sample.steps)"
    return f"CASE WHEN json_valid(sample.steps) THEN ({known}) END"


def _opinion(score: float | None, steps: str, tokens: int) -> StepScores | None:
    return None if score is None else StepScores(score, tuple(json.loads(steps)), tokens)
