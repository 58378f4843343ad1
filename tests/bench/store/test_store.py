from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from patience import HANG

from bench.builder import Made, make_rows, make_run, records
from ttcli.bench.store import schema
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.database import Database
from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.bench.store.samples import Score
from ttcli.bench.store.store import LoadRow, Run, Store
from ttcli.bench.store.task import Failed, Finished, Happened, News, Task
from ttcli.cost import Budget
from ttcli.data.dataset import Row
from ttcli.errors import StoreError
from ttcli.events import CandidateToken, CostUpdated, Event, StepToken
from ttcli.problem import Problem
from ttcli.record.encode import KINDS
from ttcli.seams import StepScores
from ttcli.solution import Ended, Step

ROWS = make_rows(3, levels=("1", "2"))
CONFIG = Made(ROWS).config
KEYS = {"confidence": CONFIG.verifiers["confidence"].key}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as opened:
        yield opened


def sample(number: int, *, answer: str | None = "4", seed: int = 0, temperature: float = 0.8) -> Sample:
    steps = (Step("First.\n\n", 3, -0.1 - 1e-17 * number), Step(f"Then \\boxed{{{answer}}} № {number}\0", 5, None))
    return Sample(SampleKey(temperature, seed, number), steps, Ended.STOP, answer, 60, 0.1 * number)


SCORES = StepScores(0.75, (0.5, 1.0), 9)


def rating(number: int, scores: StepScores | None = SCORES) -> Rating:
    return Rating(sample(number).key, "confidence", scores, 0.25)


def write(store: Store, run: Run, *items: Sample | Rating, position: int = 0) -> None:
    for item in items:
        store.write(run, store.rows(run)[position].problem, News(position, item))


def kept(store: Store, config: RunConfig = CONFIG, position: int = 0) -> tuple[list[Sample], list[Rating]]:
    return store.samples(config).of(ROWS[position].problem.text, KEYS)


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def complaint(path: Path, *, readonly: bool = False) -> StoreError:
    with pytest.raises(StoreError) as caught:
        Store(path, readonly=readonly)
    assert caught.value.hint
    return caught.value


# -- runs


def test_a_run_begun_again_is_the_same_run(store: Store) -> None:
    first = store.begin(CONFIG, ROWS)
    write(store, first, sample(0))
    assert store.begin(CONFIG, ROWS) == first
    assert store.runs() == [first]
    assert store.rows(first) == ROWS
    assert len(kept(store)[0]) == 1


def test_a_run_comes_back_as_it_was_begun(store: Store) -> None:
    tasks = (*CONFIG.tasks, Task("greedy", "", Budget(1)), Task("adaptive", "", Budget.parse("2000tok")))
    config = replace(
        CONFIG, tasks=tasks, command=("ttc", "bench", "été.jsonl"), verifiers={"j": VerifierConfig("k", 7)}
    )
    assert store.begin(config, ROWS).config == config


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"temperature": 0.7},
        {"tasks": CONFIG.tasks[:1]},
        {"tasks": CONFIG.tasks[::-1]},
        {"recipe": {**CONFIG.recipe, "max_tokens": 7}},
        {"verifiers": {"confidence": VerifierConfig("another key", 0)}},
    ],
)
def test_what_decides_the_figures_makes_another_run(store: Store, change: dict[str, object]) -> None:
    first = store.begin(CONFIG, ROWS)
    other = store.begin(replace(CONFIG, **change), ROWS)  # type: ignore[arg-type]
    assert other.id != first.id
    assert {run.id for run in store.runs()} == {first.id, other.id}


@pytest.mark.parametrize(
    "change", [{"command": ("ttc", "bench", "--json")}, {"data": "copy.jsonl"}, {"ttc": "9.9"}, {"baseline": "other"}]
)
def test_what_decides_no_figure_of_a_method_makes_no_other_run(store: Store, change: dict[str, object]) -> None:
    config = replace(CONFIG, **change)  # type: ignore[arg-type]
    assert store.begin(config, ROWS).id == store.begin(CONFIG, ROWS).id


def test_a_run_begun_again_takes_the_baseline_asked_for_now_and_nothing_else(store: Store) -> None:
    first = store.begin(CONFIG, ROWS)
    other = replace(CONFIG, baseline="best-of-n[confidence]", command=("ttc", "bench", "--json"), ttc="9.9")
    again = store.begin(other, ROWS)
    assert again == first._replace(config=replace(CONFIG, baseline="best-of-n[confidence]"))
    assert store.runs() == [again]


def test_other_problems_make_another_run(store: Store) -> None:
    other = [*ROWS[:2], replace(ROWS[2], problem=replace(ROWS[2].problem, answer="0"))]
    problems: list[list[Row]] = [ROWS, ROWS[:2], ROWS[::-1], other]
    assert len({store.begin(CONFIG, rows).id for rows in problems}) == 4
    assert len({store.begin(CONFIG, rows).id for rows in problems}) == 4
    assert len(store.runs()) == 4


def test_labels_of_problems_make_no_other_run(store: Store) -> None:
    bare = [replace(row, level=None, line=row.line + 1) for row in ROWS]
    assert store.begin(CONFIG, bare).id == store.begin(CONFIG, ROWS).id


def test_the_last_run_is_the_one_begun_last_whatever_the_clock_says(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([2000.0, 1000.0])
    monkeypatch.setattr("time.time", lambda: next(clock))
    first, second = store.begin(CONFIG, ROWS), store.begin(CONFIG, ROWS[:1])
    assert store.runs() == [first, second]
    assert store.run("last") == second


def test_a_run_is_found_by_the_first_digits_of_its_id(store: Store) -> None:
    runs = [store.begin(replace(CONFIG, seed=seed), ROWS) for seed in range(20)]
    assert len({run.id for run in runs}) == 20
    for run in runs:
        assert store.run(run.id) == run
    assert store.run("last") == store.runs()[-1]
    many = next(run.id[0] for run in runs if sum(other.id[0] == run.id[0] for other in runs) > 1)
    for prefix, message in ((many, f"runs begin with {many!r}"), ("zz", "there is no run 'zz'"), ("", "no run ''")):
        with pytest.raises(StoreError, match=message):
            store.run(prefix)


def test_last_is_nothing_in_an_empty_store(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no run 'last'"):
        store.run("last")


def test_progress_counts_problems_that_are_begun_and_that_failed(store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    assert store.progress(run) == (3, 0, 0)
    write(store, run, sample(0), sample(1))
    assert store.progress(run) == (3, 1, 0)
    store.write(run, ROWS[2].problem, Failed(2, CONFIG.tasks[0], "too much"))
    assert store.progress(run) == (3, 2, 1)
    other = store.begin(replace(CONFIG, seed=1), ROWS)
    assert store.progress(other) == (3, 0, 0)


# -- samples and ratings


def test_samples_and_ratings_come_back_bit_for_bit(store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    samples = [sample(0), sample(1, answer=None), replace(sample(2), ended=Ended.LENGTH, steps=())]
    ratings = [rating(0), rating(2, None)]
    write(store, run, *samples, *ratings)
    assert kept(store) == (samples, ratings)
    assert kept(store, position=1) == ([], [])


def test_a_sample_or_rating_that_is_there_stays_as_it_is(store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    write(store, run, sample(0), rating(0))
    write(store, run, sample(0, answer="5"), rating(0, None))
    assert kept(store) == ([sample(0)], [rating(0)])


def test_runs_share_samples_and_ratings(store: Store) -> None:
    first = store.begin(CONFIG, ROWS)
    write(store, first, sample(0), rating(0))
    larger = replace(CONFIG, tasks=tuple(task._replace(budget=Budget(16)) for task in CONFIG.tasks))
    hotter = replace(CONFIG, temperature=1.2, recipe={**CONFIG.recipe, "sampler": {"temperature": 1.2}})
    for config in (larger, replace(CONFIG, seed=5), hotter):
        store.begin(config, ROWS[:1])
        assert kept(store, config) == ([sample(0)], [rating(0)])  # each has its seed and temperature in its key


def test_what_another_recipe_drew_is_another_sample(store: Store) -> None:
    first = store.begin(CONFIG, ROWS)
    write(store, first, sample(0))
    other = replace(CONFIG, recipe={**CONFIG.recipe, "max_tokens": 7})
    run = store.begin(other, ROWS)
    assert kept(store, other) == ([], [])
    write(store, run, sample(0, answer="5"))
    assert kept(store, other)[0] == [sample(0, answer="5")]
    assert kept(store)[0] == [sample(0)]


def test_ratings_of_another_verifier_are_not_taken_for_its_own(store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    write(store, run, sample(0), rating(0))
    text = ROWS[0].problem.text
    assert store.samples(CONFIG).of(text, {"confidence": "another key"})[1] == []
    assert store.samples(CONFIG).of(text, {"by another name": KEYS["confidence"]})[1] == [
        rating(0)._replace(verifier="by another name")
    ]


def test_facts_are_those_of_the_run_by_position_and_number(store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    for position in (2, 0):
        write(store, run, sample(1), sample(0), sample(9), sample(0, seed=1), position=position)
        write(store, run, sample(0, temperature=0.0), rating(1), position=position)
    facts = store.samples(CONFIG).facts(run.id, 0.8, 0, 8)
    assert [(each.position, each.number) for each in facts] == [(0, 0), (0, 1), (2, 0), (2, 1)]
    assert facts[1][2:-1] == (1, "4", Ended.STOP, 8, 60, 0.1, None)
    assert facts[1].scores == {KEYS["confidence"]: Score(0.75, 9, 0.25)}
    assert [[*fact.scores] for fact in facts] == [[], [KEYS["confidence"]]] * 2
    one, _ = store.samples(CONFIG).facts(run.id, 0.8, 0, 8, position=2)
    assert one == facts[2]


# -- what is written down besides


def test_events_are_kept_in_order_but_for_words_and_costs_and_not_for_votes_over_samples(store: Store) -> None:
    made = Made(ROWS, others=("adaptive",))
    run = store.begin(made.config, ROWS)
    majority, adaptive = made.config.tasks[0], made.config.tasks[-1]
    told = [each for each in records(made) if isinstance(each, Happened) and each.position == 0]
    for event in told:
        store.write(run, ROWS[0].problem, event)
        store.write(run, ROWS[0].problem, event._replace(task=majority))
    from ttcli.cost import Cost

    for aside in (CandidateToken(0, "word"), StepToken(1, "word"), CostUpdated(Cost())):
        store.write(run, ROWS[0].problem, Happened(0, adaptive, aside))
    names = [json.loads(event)["event"] for event in store.events(run, 0, adaptive)]
    assert names == [KINDS[type(each.event)] for each in told]
    assert store.events(run, 0, majority) == []
    assert store.events(run, 1, adaptive) == []


def test_events_of_what_was_broken_off_are_forgotten_and_those_of_what_is_done_stay(store: Store) -> None:
    made = Made(ROWS, others=("adaptive",), failed=(1,))
    run = store.begin(made.config, ROWS)
    adaptive = made.config.tasks[-1]
    for record in records(made):
        if not (isinstance(record, Finished) and record.position == 2):
            store.write(run, ROWS[record.position].problem, record)
    assert store.events(run, 2, adaptive)
    store.write(run, ROWS[1].problem, Happened(1, adaptive, next(iter(_events(made)))))
    store.forget(run, failures=False)
    assert [bool(store.events(run, position, adaptive)) for position in range(3)] == [True, True, False]
    assert len([each for each in store.results(run) if each.error]) == 3
    store.forget(run, failures=True)
    assert [bool(store.events(run, position, adaptive)) for position in range(3)] == [True, False, False]
    assert [each.position for each in store.results(run)] == [0, 0, 0]


def _events(made: Made) -> Iterator[Event]:
    return (each.event for each in records(made) if isinstance(each, Happened))


def test_what_is_done_at_last_is_no_failure_any_more(store: Store) -> None:
    made = Made(ROWS)
    run = store.begin(made.config, ROWS)
    store.write(run, ROWS[0].problem, Failed(0, CONFIG.tasks[0], 'the server: it\'s "gone"'))
    assert store.results(run)[0][1:] == ("majority@8", None, 'the server: it\'s "gone"')
    store.write(run, ROWS[0].problem, next(each for each in records(made) if isinstance(each, Finished)))
    assert [each[1:] for each in store.results(run)] == [("majority@8", None, None)]


def test_loads_are_kept_in_the_order_of_writing_whatever_the_clock_says(store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    rows = [LoadRow(float(at), 5.0, 40, 300, 3, 4, 8) for at in (3, 1, 2)]
    for row in rows:
        store.write_load(run, row)
    assert store.loads(run) == rows
    assert store.loads(store.begin(CONFIG, ROWS[:1])) == []


def test_verdicts_are_kept_with_what_took_too_long_and_by_version(store: Store) -> None:
    store.verdicts.add({("a", "b"): True, ("c", "d"): False, ("e", "f"): None}, "1")
    assert store.verdicts.all("1") == {("a", "b"): True, ("c", "d"): False, ("e", "f"): None}
    assert store.verdicts.all("2") == {}
    store.verdicts.add({("a", "b"): False}, "2")
    assert store.verdicts.all("1") == {("c", "d"): False, ("e", "f"): None}
    assert store.verdicts.all("2") == {("a", "b"): False}


def test_verdicts_among_some_answers_are_those_of_pairs_of_two_of_them(store: Store) -> None:
    store.verdicts.add({("a", "b"): True, ("a", "c"): False, ("b", "d"): None, ("c", "d"): False}, "1")
    assert store.verdicts.among(["d", "b", "a"], "1") == {("a", "b"): True, ("b", "d"): None}
    assert store.verdicts.among(["a", "b"], "2") == store.verdicts.among([], "1") == {}


def test_a_verdict_that_was_read_or_kept_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = {("a", "b"): True}, {("a", "b"): True, ("c", "d"): False}
    with Store(tmp_path / "s.db") as store:
        store.verdicts.add(first, "1")
    with Store(tmp_path / "s.db") as store:
        assert store.verdicts.among(["a", "b"], "1") == first
        store.verdicts.add(second, "1")
        monkeypatch.setattr(store._database, "write", lambda: pytest.fail("it is there already"))
        store.verdicts.add(first, "1")
        store.verdicts.add(second, "1")


def flip(path: Path, table: str, column: str, where: str) -> None:
    """Change the last bit of a value."""
    with closing(sqlite3.connect(path)) as db:
        value = db.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()[0]
        other = value[:-1] + chr(ord(value[-1]) ^ 1) if isinstance(value, str) else value + 1
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (other,))
        db.commit()


@pytest.mark.parametrize(
    ("table", "column", "named"),
    [
        ("sample", "steps", "sample 1 of"),
        ("sample", "answer", "sample 1 of"),
        ("sample", "tokens", "sample 1 of"),
        ("sample", "seconds", "sample 1 of"),
        ("sample", "ended", "sample 1 of"),
        ("rating", "score", "the score of sample 1 of"),
        ("rating", "steps", "the score of sample 1 of"),
        ("result", "outcome", "the result of greedy@1 on problem 1"),
        ("event", "event", "event 1 of greedy@1 on problem 1"),
        ("load", "rows", "row 1 of how full the batch was"),
        ("load", "seconds", "row 1 of how full the batch was"),
        ("item", "reference", "the configuration of run"),
        ("item", "name", "the configuration of run"),
    ],
)
def test_a_row_that_is_not_what_was_written_is_named(path: Path, table: str, column: str, named: str) -> None:
    run = make_run(path, ROWS, others=("greedy",))
    with Store(path, readonly=True) as store:
        assert store.damaged(run) == []
    where = {
        "sample": "id = 1",
        "rating": "sample = 1",
        "result": "position = 0 AND outcome IS NOT NULL",
        "event": "position = 0 AND number = 0",
        "load": "rowid = 1",
    }
    flip(path, table, column, where.get(table, "position = 0"))
    with Store(path, readonly=True) as store:
        [damage] = store.damaged(run)
        assert damage.startswith(named)


def test_a_verdict_that_is_not_what_was_written_is_asked_for_again(path: Path) -> None:
    with Store(path) as store:
        store.verdicts.add({("a", "b"): True, ("c", "d"): False}, "1")
    flip(path, "verdict", "same", "a = 'c'")
    with Store(path) as store:
        assert store.verdicts.all("1") == {("a", "b"): True}


def test_a_run_goes_with_all_that_is_its_own_and_leaves_its_samples(path: Path) -> None:
    run = make_run(path, 6, others=("adaptive",), failed=(1,))
    before = count(path, "sample")
    with Store(path) as store:
        assert store.remove(run, samples=False) == 0
        assert store.runs() == []
    assert [count(path, table) for table in ("run", "item", "result", "event", "load")] == [0] * 5
    assert count(path, "sample") == before
    assert count(path, "rating") > 0


def test_samples_go_with_the_last_run_that_could_use_them(path: Path) -> None:
    first = make_run(path, 6, samples=4)
    second = make_run(path, 4, samples=8)
    with Store(path) as store:
        assert store.remove(first, samples=True) == 2 * 4  # those of the two problems that only it had
        samples, ratings = store.samples(second.config).of(store.rows(second)[0].problem.text, KEYS)
        assert len(samples) == 8
        assert ratings
    assert count(path, "sample") == 4 * 8
    with Store(path) as store:
        assert store.remove(second, samples=True) == 4 * 8
    assert [count(path, table) for table in ("sample", "rating", "run", "item")] == [0] * 4


def test_samples_of_another_model_stay(path: Path) -> None:
    make_run(path, 3, model="other")
    with Store(path) as store:
        assert store.remove(make_run(path, 3), samples=True) == 3 * 8
    assert count(path, "sample") == 3 * 8


# -- one worker per run


def test_a_second_worker_on_a_run_is_refused_and_another_run_is_free(path: Path, store: Store) -> None:
    run, other = store.begin(CONFIG, ROWS), store.begin(replace(CONFIG, seed=1), ROWS)
    with Store(path) as second, store.working_on(run):
        with pytest.raises(StoreError, match=f"another ttc is at work on run {run.id}"), second.working_on(run):
            raise AssertionError("never comes here")
        with second.working_on(other):
            pass
    with store.working_on(run):
        pass


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python in a process of its own, with the tests on its path."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


WORKER = """
import sys, time
from pathlib import Path
from bench.store.test_store import CONFIG, ROWS
from ttcli.bench.store.store import Store
with Store(Path(sys.argv[1])) as store:
    run = store.begin(CONFIG, ROWS)
    with store.working_on(run):
        print("at work", flush=True)
        time.sleep(60)
"""


def test_a_worker_that_was_killed_holds_no_run(path: Path, store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    with start(WORKER, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        with pytest.raises(StoreError, match="another ttc is at work"), store.working_on(run):
            raise AssertionError("never comes here")
        process.kill()
        process.wait()
        with store.working_on(run):
            pass


# -- several processes, and what kills them

WRITER = """
import sys
from pathlib import Path
from bench.store.test_store import CONFIG, ROWS, rating, sample, write
from ttcli.bench.store.store import Store
path, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with Store(path) as store:
    run = store.begin(CONFIG, ROWS)
    for number in range(first, last):
        write(store, run, sample(number), rating(number), position=number % 3)
        print(number, flush=True)
"""


def test_processes_that_write_at_once_lose_nothing_and_double_nothing(path: Path) -> None:
    # 200 samples each, half of them those of a neighbour; the store is not there before they open it
    writers = [start(WRITER, str(path), str(first), str(first + 200)) for first in (0, 100, 200)]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=HANG)
        assert writer.returncode == 0
    assert count(path, "sample") == count(path, "rating") == 400
    assert count(path, "run") == 1
    with Store(path) as store:
        for position in range(3):
            samples, ratings = kept(store, position=position)
            numbers = range(position, 400, 3)
            assert sorted(samples, key=lambda each: each.key) == [sample(number) for number in numbers]
            assert sorted(ratings, key=lambda each: each.sample) == [rating(number) for number in numbers]


@pytest.mark.parametrize("moment", ["application_id", "user_version", "sqlite_master", "BEGIN IMMEDIATE"])
def test_a_store_that_another_process_makes_at_any_moment_of_opening_is_a_store(path: Path, moment: str) -> None:
    made: list[str] = []

    def make(statement: str) -> None:
        if moment in statement and not made:
            made.append(statement)
            other = sqlite3.connect(path, timeout=0, isolation_level=None)
            with closing(other), suppress(sqlite3.OperationalError):  # it may have to wait for this one
                schema.migrate(other, str(path))

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.set_trace_callback(make)
        schema.migrate(connection, str(path))
        schema.check(connection, str(path))
    assert made


def test_a_new_store_waits_for_another_process_that_writes_to_it(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        schema.migrate(other, str(path))
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, other.execute, ["COMMIT"])
        timer.start()
        with Store(path):
            timer.join()


def test_a_writer_that_is_killed_leaves_all_that_it_had_written(path: Path) -> None:
    first = 0
    for wanted in (1, 17, 40):
        with start(WRITER, str(path), str(first), "100000") as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
            told = [writer.stdout.readline() for _ in range(wanted + 1)][-1]
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")
            last = max([int(told), *(int(line) for line in rest[:-1])])  # a last line without its end is half a line
        with Store(path, readonly=True) as store:
            numbers = sorted(each.key.number for at in range(3) for each in kept(store, position=at)[0])
        assert numbers[: last + 1] == list(range(last + 1))
        assert len(numbers) <= last + 2
        first = len(numbers)
    assert count(path, "sample") == first


# -- stores that cannot be used


def test_a_store_that_is_not_there_is_made_to_write_and_missed_to_read(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "yet.sqlite3"
    assert str(complaint(path, readonly=True)) == f"there is no store {path}"
    assert not path.parent.exists()
    with Store(path):
        assert path.is_file()
    with Store(path, readonly=True) as store:
        assert store.runs() == []


def test_a_store_of_a_later_version_is_left_alone(path: Path) -> None:
    make_run(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for readonly in (False, True):
        error = complaint(path, readonly=readonly)
        known = len(schema.MIGRATIONS)
        assert f"was written by a later ttc (version 99 of its tables, {known} known here)" in str(error)
        assert "upgrade ttc" in (error.hint or "")
    assert count(path, "run") == 1


@pytest.mark.parametrize("readonly", [False, True])
def test_a_database_of_something_else_is_left_alone(path: Path, readonly: bool) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (cake TEXT)")
    connection.close()
    before = path.read_bytes()
    assert str(complaint(path, readonly=readonly)) == f"{path} is a database, but not a store of ttc"
    assert path.read_bytes() == before


@pytest.mark.parametrize("readonly", [False, True])
def test_a_file_that_is_no_database_is_left_alone(path: Path, readonly: bool) -> None:
    path.write_text("a shopping list, long enough to have a header " * 10, encoding="utf-8")
    before = path.read_bytes()
    assert str(complaint(path, readonly=readonly)) == f"{path} is no store of ttc"
    assert path.read_bytes() == before


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    assert str(complaint(tmp_path)) == f"{tmp_path} cannot be opened"
    assert str(complaint(tmp_path, readonly=True)) == f"there is no store {tmp_path}"


def test_a_file_is_no_directory_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be used" in str(complaint(tmp_path / "file" / "runs.sqlite3"))


def test_a_store_opened_to_read_is_not_written(path: Path) -> None:
    run = make_run(path, 1)
    with Store(path, readonly=True) as store, pytest.raises(StoreError, match="cannot be written"):
        store.remove(run, samples=False)


def test_a_store_opened_to_read_sees_what_a_worker_writes(path: Path, store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    with Store(path, readonly=True) as reader:
        for number in range(3):
            write(store, run, sample(number))
            assert len(kept(reader)[0]) == number + 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_on_a_disk_that_cannot_be_written_can_be_read(path: Path) -> None:
    run = make_run(path, 2)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with Store(path, readonly=True) as store:
            assert [each.id for each in store.runs()] == [run.id]
        assert "cannot be" in str(complaint(path))
    finally:
        path.parent.chmod(0o755)


def test_a_full_disk_is_said_and_what_is_there_stays(path: Path, store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    write(store, run, sample(0))
    connection = store._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"the disk is full: .* cannot grow; what it holds is kept") as caught:
        write(store, run, *map(sample, range(1, 500)))
    assert caught.value.hint == "free some space"
    there = len(kept(store)[0])
    connection.execute("PRAGMA max_page_count = 100000")
    write(store, run, sample(there))
    assert sorted(each.key.number for each in kept(store)[0]) == list(range(there + 1))


def test_a_store_that_another_process_keeps_busy_is_said(path: Path, store: Store) -> None:
    run = store.begin(CONFIG, ROWS)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._database._connection.execute("PRAGMA busy_timeout = 50")
    try:
        with pytest.raises(StoreError, match="has been kept busy by another process"):
            write(store, run, sample(0))
    finally:
        other.close()
    write(store, run, sample(0))


def test_a_store_damaged_in_the_middle_is_an_error_and_no_traceback(path: Path) -> None:
    run = make_run(path, 40, bulk=True)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreError), Store(path, readonly=True) as store:
        store.rows(run)


def test_a_problem_may_hold_anything_that_is_text(store: Store) -> None:
    texts = ["'; DROP TABLE run; --", "a\0b", "𝔸 \u2028 é", " " * 3]
    rows = [Row(Problem(text, text, text), at, text, None) for at, text in enumerate(texts)]
    run = store.begin(CONFIG, rows)
    assert store.rows(run) == rows


# -- versions


def test_a_migration_that_fails_leaves_the_store_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(path, 2)
    first = schema.MIGRATIONS
    broken = "ALTER TABLE run ADD COLUMN note TEXT; CREATE TABLE extra (id INTEGER); INSERT INTO nowhere VALUES (1)"
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, broken))
    complaint(path)
    monkeypatch.setattr(schema, "MIGRATIONS", first)
    with Store(path) as store:
        assert store.run(run.id) == run
        columns = store._database.read("SELECT name FROM pragma_table_info('run')")
        assert ("note",) not in columns
        assert store._database.read("SELECT count(*) FROM sqlite_master WHERE name = 'extra'") == [(0,)]
    good = "ALTER TABLE run ADD COLUMN note TEXT; -- why; because\nCREATE TABLE extra (id INTEGER)"
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, good))
    for _ in range(2):
        with Store(path) as store:
            assert store.run(run.id) == run
            assert store._database.read("SELECT note FROM run") == [(None,)]
            assert store._database.read("PRAGMA user_version") == [(len(first) + 1,)]


def test_a_new_store_that_cannot_be_set_up_is_left_empty(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, "NONSENSE"))
    complaint(path)
    monkeypatch.setattr(schema, "MIGRATIONS", first)
    with Store(path) as store:
        assert store.runs() == []


def test_a_transaction_is_kept_whole_or_not_at_all(path: Path) -> None:
    make_run(path, 1)
    database = Database(path)

    def remove_and_fail() -> None:
        with database.write() as db:
            db.execute("DELETE FROM run")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        remove_and_fail()
    assert database.read("SELECT count(*) FROM run") == [(1,)]
    database.close()
