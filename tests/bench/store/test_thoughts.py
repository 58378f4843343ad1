from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.builder import Made, make_rows
from ttcli.bench.figures.candidates import first_candidates
from ttcli.bench.store.sample import Sample, SampleKey
from ttcli.bench.store.store import Store
from ttcli.bench.store.task import News
from ttcli.solution import Ended, Step
from ttcli.thought import Thought

ROWS = make_rows(1)
CONFIG = Made(ROWS).config
PROBLEM = ROWS[0].problem.text


def sample(number: int, thought: Thought | None, *, certainty: tuple[float, ...] = ()) -> Sample:
    steps = (Step("It is \\boxed{4}.", 2, -0.5, certainty=certainty),)
    return Sample(SampleKey(0.8, 0, number), steps, Ended.STOP, "4", 60, 0.5, thought)


def kept(path: Path, *samples: Sample) -> list[Sample]:
    """The samples as a store gives them back."""
    with Store(path) as store:
        run = store.begin(CONFIG, ROWS)
        for each in samples:
            store.write(run, ROWS[0].problem, News(0, each))
    with Store(path, readonly=True) as store:
        found, _ = store.samples(CONFIG).of(PROBLEM, {})
    return sorted(found, key=lambda each: each.key.number)


def test_thoughts_and_certainties_come_back_as_they_were(tmp_path: Path) -> None:
    thought = Thought("I add.\n\nSo.", 7, -3.25, closed=True, forced=3, certainty=(1.5, 2.25))
    told = [
        sample(0, thought, certainty=(3.125, 4.0)),
        sample(1, None),
        sample(2, Thought("…", 3, None, closed=False)),
        sample(3, None, certainty=(1.0, 2.0)),
    ]
    found = kept(tmp_path / "runs.sqlite3", *told)
    assert found == told
    assert [each.tokens for each in found] == [9, 2, 5, 2]
    assert found[0].thought is not None
    assert found[0].thought.certainty == (1.5, 2.25)
    assert [each.steps[0].certainty for each in found] == [(3.125, 4.0), (), (), (1.0, 2.0)]


def test_candidates_of_the_store_have_their_thoughts(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    kept(path, sample(0, Thought(" I add. ", 7, -3.25)))
    with Store(path, readonly=True) as store:
        (candidate,) = first_candidates(store, CONFIG, PROBLEM, "", 1)
    assert (candidate.thought, candidate.thought_tokens, candidate.tokens) == ("I add.", 7, 9)
    assert candidate.text == "It is \\boxed{4}."


def test_a_store_from_before_thoughts_opens_and_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    kept(path, sample(0, None))
    with closing(sqlite3.connect(path)) as connection:
        for later in ("repair", "rollout_state", "thought"):
            connection.execute(f"DROP TABLE {later}")
        connection.execute("ALTER TABLE rollout DROP COLUMN steps")
        for table in ("event", "load"):  # of the same migration
            connection.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        connection.execute("PRAGMA user_version = 3")
        connection.commit()
    with Store(path, readonly=True) as store:
        (old,), _ = store.samples(CONFIG).of(PROBLEM, {})
    assert old == sample(0, None)
    assert kept(path, sample(1, Thought("hm", 2, -1.0))) == [sample(0, None), sample(1, Thought("hm", 2, -1.0))]
